import numpy as np


def zero_pad(X, pad):
    """
    Surrounds every image of X with pad rows and columns of zeros.
    Argument:
    X -- numpy array of shape (m, n_H, n_W, n_C)
    pad -- integer
    """
    ### START CODE HERE ### (≈ 1 line)
    X_pad = None
    ### END CODE HERE ###
    return X_pad


def conv_single_step(a_slice_prev, W, b):
    """
    One filter on one window.
    """
    ### START CODE HERE ### (≈ 3 lines)
    # s = None
    # Z = None
    # Z = None
    pass
    ### END CODE HERE ###


def conv_forward(A_prev, W, b, hparameters):
    """As the course asks for it."""
    ### START CODE HERE ###
    (m, n_H_prev, n_W_prev, n_C_prev) = None
    (f, f, n_C_prev, n_C) = None
    stride = None
    pad = None
    n_H = None
    n_W = None
    Z = None
    A_prev_pad = None
    for i in range(None):
        a_prev_pad = None
        for h in range(None):
            vert_start = None
            vert_end = None
            for w in range(None):
                horiz_start = None
                horiz_end = None
                for c in range(None):
                    a_slice_prev = None
                    weights = None
                    biases = None
                    Z[i, h, w, c] = None
    ### END CODE HERE ###
    assert (Z.shape == (m, n_H, n_W, n_C))
    cache = (A_prev, W, b, hparameters)
    return Z, cache


def pool_forward(A_prev, hparameters, mode = "max"):
    """As the course asks for it."""
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    f = hparameters["f"]
    stride = hparameters["stride"]
    n_H = int(1 + (n_H_prev - f) / stride)
    n_W = int(1 + (n_W_prev - f) / stride)
    n_C = n_C_prev
    A = np.zeros((m, n_H, n_W, n_C))
    ### START CODE HERE ###
    # for i in range(None):
    #     for h in range(None):
    #         vert_start = None
    #         vert_end = None
    for i in range(None):
        for h in range(None):
            for w in range(None):
                for c in range(None):
                    a_prev_slice = None
                    if mode == "max":
                        A[i, h, w, c] = None
                    elif mode == "average":
                        A[i, h, w, c] = None
    ### END CODE HERE ###
    cache = (A_prev, hparameters)
    assert(A.shape == (m, n_H, n_W, n_C))
    return A, cache


def conv_backward(dZ, cache):
    """As the course asks for it."""
    ### START CODE HERE ###
    (A_prev, W, b, hparameters) = None
    (m, n_H, n_W, n_C) = None
    dA_prev = None
    dW = None
    for i in range(None):
        da_prev_pad = None
        for h in range(None):
            for c in range(None):
                vert_start = None
                da_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :] += None
                dW[:,:,:,c] += None
        dA_prev[i, :, :, :] = None
    ### END CODE HERE ###
    assert(dA_prev.shape == (m, n_H_prev, n_W_prev, n_C_prev))
    return dA_prev, dW, db


def create_mask_from_window(x):
    """As the course asks for it."""
    ### START CODE HERE ### (≈1 line)
    mask = None
    ### END CODE HERE ###
    return mask


def distribute_value(dz, shape):
    """As the course asks for it."""
    ### START CODE HERE ###
    (n_H, n_W) = None
    average = None
    a = None
    ### END CODE HERE ###
    return a


def pool_backward(dA, cache, mode = "max"):
    """As the course asks for it."""
    ### START CODE HERE ###
    (A_prev, hparameters) = None
    m, n_H, n_W, n_C = None
    dA_prev = None
    for i in range(None):
        a_prev = None
        for h in range(None):
            if mode == "max":
                mask = None
                dA_prev[i, vert_start:vert_end, horiz_start:horiz_end, c] += None
            elif mode == "average":
                da = None
                dA_prev[i, vert_start:vert_end, horiz_start:horiz_end, c] += None
    ### END CODE ###
    assert(dA_prev.shape == A_prev.shape)
    return dA_prev
