#!/usr/bin/env python3
"""Forward and backward propagation over convolutional and pooling layers"""
import numpy as np


def padding_size(A_prev, W, padding, stride):
    """Rows and columns of zeros on each side"""
    if padding == "valid":
        return 0, 0
    h_prev, w_prev = A_prev.shape[1:3]
    kh, kw = W.shape[:2]
    sh, sw = stride
    ph = ((h_prev - 1) * sh + kh - h_prev) // 2
    pw = ((w_prev - 1) * sw + kw - w_prev) // 2
    return ph, pw


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """Performs forward propagation over a convolutional layer"""
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, c_prev, c_new = W.shape
    sh, sw = stride
    ph, pw = padding_size(A_prev, W, padding, stride)
    images = np.pad(A_prev, ((0, 0), (ph, ph), (pw, pw), (0, 0)), "constant")
    ch = (h_prev + 2 * ph - kh) // sh + 1
    cw = (w_prev + 2 * pw - kw) // sw + 1
    conv = np.zeros((m, ch, cw, c_new), dtype=A_prev.dtype)
    for i in range(ch):
        for j in range(cw):
            x = i * sh
            y = j * sw
            image = images[:, x:x + kh, y:y + kw, :]
            for k in range(c_new):
                kernel = W[:, :, :, k]
                conv[:, i, j, k] = np.sum(image * kernel, axis=(1, 2, 3))
    return activation(conv + b)


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    """Performs back propagation over a convolutional layer"""
    m, h_new, w_new, c_new = dZ.shape
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, c_prev, c_new = W.shape
    sh, sw = stride
    ph, pw = padding_size(A_prev, W, padding, stride)

    images = np.pad(A_prev, ((0, 0), (ph, ph), (pw, pw), (0, 0)), "constant")
    dA = np.zeros(images.shape, dtype=A_prev.dtype)
    dW = np.zeros(W.shape, dtype=W.dtype)
    db = np.sum(dZ, axis=(0, 1, 2), keepdims=True)

    for i in range(m):
        for h in range(h_new):
            for w in range(w_new):
                x = h * sh
                y = w * sw
                for k in range(c_new):
                    dz = dZ[i, h, w, k]
                    dA[i, x:x + kh, y:y + kw, :] += W[:, :, :, k] * dz
                    dW[:, :, :, k] += images[i, x:x + kh, y:y + kw, :] * dz

    dA_prev = dA[:, ph:ph + h_prev, pw:pw + w_prev, :]
    return dA_prev, dW, db


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max"):
    """Performs forward propagation over a pooling layer"""
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    ch = (h_prev - kh) // sh + 1
    cw = (w_prev - kw) // sw + 1
    pool = np.zeros((m, ch, cw, c_prev), dtype=A_prev.dtype)
    for i in range(ch):
        for j in range(cw):
            x = i * sh
            y = j * sw
            window = A_prev[:, x:x + kh, y:y + kw, :]
            if mode == "max":
                pool[:, i, j, :] = np.max(window, axis=(1, 2))
            else:
                pool[:, i, j, :] = np.mean(window, axis=(1, 2))
    return pool


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max"):
    """Performs back propagation over a pooling layer"""
    m, h_new, w_new, c = dA.shape
    kh, kw = kernel_shape
    sh, sw = stride
    dA_prev = np.zeros(A_prev.shape, dtype=A_prev.dtype)
    for i in range(m):
        for h in range(h_new):
            for w in range(w_new):
                x = h * sh
                y = w * sw
                for ch in range(c):
                    if mode == "max":
                        window = A_prev[i, x:x + kh, y:y + kw, ch]
                        a, b = divmod(np.argmax(window), kw)
                        dA_prev[i, x + a, y + b, ch] += dA[i, h, w, ch]
                    else:
                        average = dA[i, h, w, ch] / (kh * kw)
                        dA_prev[i, x:x + kh, y:y + kw, ch] += average
    return dA_prev
