"""npcnn: the forward and backward passes of convolution and pooling, in NumPy alone.

One legend for every room:

    N batch         H W (D) input    P Q output             R S kernel
    C channels in   K channels out   G groups
    x w b y         the arrays       dx dw db dy            the gradients by them

Only the eight passes use the course assignment's words: A_prev W b Z and dA_prev dW db dZ.
"""

from npcnn import functional
from npcnn.geometry import ShapeError
from npcnn.passes import (
    conv_backward,
    conv_forward,
    conv_single_step,
    create_mask_from_window,
    distribute_value,
    pool_backward,
    pool_forward,
    zero_pad,
)

__all__ = [
    "ShapeError",
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "create_mask_from_window",
    "distribute_value",
    "functional",
    "pool_backward",
    "pool_forward",
    "zero_pad",
]

__version__ = "0.1.0"
