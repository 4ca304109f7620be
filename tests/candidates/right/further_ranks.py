"""The same on one axis and on three."""

from further_nchw import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    adaptive_max_pool2d,
    adaptive_max_pool2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    lp_pool2d,
    lp_pool2d_backward,
    max_unpool2d,
    max_unpool2d_backward,
)

conv_transpose1d = conv_transpose3d = conv_transpose2d
conv_transpose1d_backward = conv_transpose3d_backward = conv_transpose2d_backward
adaptive_max_pool1d = adaptive_max_pool3d = adaptive_max_pool2d
adaptive_max_pool1d_backward = adaptive_max_pool3d_backward = adaptive_max_pool2d_backward
adaptive_avg_pool1d = adaptive_avg_pool3d = adaptive_avg_pool2d
adaptive_avg_pool1d_backward = adaptive_avg_pool3d_backward = adaptive_avg_pool2d_backward
max_unpool1d = max_unpool3d = max_unpool2d
max_unpool1d_backward = max_unpool3d_backward = max_unpool2d_backward
lp_pool1d = lp_pool3d = lp_pool2d
lp_pool1d_backward = lp_pool3d_backward = lp_pool2d_backward
