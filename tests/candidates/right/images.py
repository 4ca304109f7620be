"""Images convolved without a bias, by loops over windows, and pools of them."""

import numpy as np


def find_pads(images, kernel, padding):
    if padding == "valid":
        return 0, 0
    if padding == "same":
        return kernel.shape[0] // 2, kernel.shape[1] // 2
    return padding


def convolve(images, kernels, padding="same", stride=(1, 1)):
    kh, kw, _, count = kernels.shape
    ph, pw = find_pads(images, kernels, padding)
    sh, sw = stride
    padded = np.pad(images, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    rows, columns = (padded.shape[1] - kh) // sh + 1, (padded.shape[2] - kw) // sw + 1
    out = np.zeros((len(images), rows, columns, count))
    for i in range(rows):
        for j in range(columns):
            window = padded[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
            for k in range(count):
                out[:, i, j, k] = (window * kernels[..., k]).sum(axis=(1, 2, 3))
    return out.astype(images.dtype)


def convolve_channels(images, kernel, padding="same", stride=(1, 1)):
    return convolve(images, kernel[..., None], padding, stride)[..., 0]


def convolve_grayscale(images, kernel, padding="same", stride=(1, 1)):
    return convolve_channels(images[..., None], kernel[..., None], padding, stride)


def convolve_grayscale_padding(images, kernel, padding):
    return convolve_grayscale(images, kernel, padding)


def convolve_grayscale_same(images, kernel):
    return convolve_grayscale(images, kernel, "same")


def convolve_grayscale_valid(images, kernel):
    return convolve_grayscale(images, kernel, "valid")


def pool(images, kernel_shape, stride, mode="max"):
    (kh, kw), (sh, sw) = kernel_shape, stride
    rows, columns = (images.shape[1] - kh) // sh + 1, (images.shape[2] - kw) // sw + 1
    out = np.zeros((len(images), rows, columns, images.shape[3]), images.dtype)
    reduce = np.max if mode == "max" else np.mean
    for i in range(rows):
        for j in range(columns):
            window = images[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
            out[:, i, j] = reduce(window, axis=(1, 2))
    return out
