"""The errors of age, mended in flight: code that older NumPys took, so that the rest can be judged.

float(b)           of an array of one element and any number of axes
Z[i, h, w, c] = a  where a is such an array
np.float, ...      names that NumPy has dropped
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MAKERS = (
    *("zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like"),
    *("array", "asarray", "ascontiguousarray", "copy", "pad", "einsum", "tensordot", "dot"),
)


class Mended(np.ndarray[Any, np.dtype[Any]]):
    """An array whose single element is a number wherever one is wanted, as it was for long."""

    def __float__(self) -> float:
        return float(self._one())

    def __int__(self) -> int:
        return int(self._one())

    def __complex__(self) -> complex:
        return complex(self._one())

    def __index__(self) -> int:
        return np.ndarray.__index__(self._one() if self.dtype.kind in "iu" else self)

    def __setitem__(self, key: Any, value: Any) -> None:
        try:
            super().__setitem__(key, value)
        except (TypeError, ValueError):
            if not isinstance(value, np.ndarray) or value.size != 1:
                raise
            super().__setitem__(key, value.reshape(()))

    def __array_wrap__(
        self, array: Any, context: Any = None, return_scalar: bool = False, /
    ) -> Any:
        """A sum over all axes is a number, not an array of our kind."""
        return array[()] if return_scalar else array.view(Mended)

    def _one(self) -> Array:
        """Its element, as an array without axes; itself if it has not one."""
        return self.view(np.ndarray).reshape(()) if self.size == 1 else self.view(np.ndarray)


_NUMBERS = {"Inf": math.inf, "Infinity": math.inf, "infty": math.inf, "PINF": math.inf}
_NUMBERS |= {"NINF": -math.inf, "NaN": math.nan, "NAN": math.nan, "PZERO": 0.0, "NZERO": -0.0}
_TYPES = {
    "float_": np.float64,
    "complex_": np.complex128,
    "string_": np.bytes_,
    "unicode_": np.str_,
}
_BUILTINS = {type_.__name__: type_ for type_ in (float, int, bool, object, complex, str)}
DROPPED: dict[str, Any] = {
    **_NUMBERS,
    **_TYPES,
    **_BUILTINS,
    "alltrue": np.all,
    "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
    "asscalar": lambda a: np.asarray(a).item(),
    "cumproduct": np.cumprod,
    "in1d": lambda a, *others, **words: np.isin(np.asarray(a).ravel(), *others, **words),
    "mat": np.asmatrix,
    "msort": lambda a: np.sort(a, axis=0),
    "product": np.prod,
    "round_": np.round,
    "row_stack": np.vstack,
    "sometrue": np.any,
    "trapz": np.trapezoid,
}


def mend(numpy: ModuleType) -> None:
    """Repaint the module: what it makes is mended, and what it dropped is back."""
    for name, value in DROPPED.items():
        if name not in vars(numpy):
            setattr(numpy, name, value)
    for name in MAKERS:
        setattr(numpy, name, _maker(getattr(numpy, name)))


def _maker(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(*arguments: Any, **words: Any) -> Any:
        return mended(make(*arguments, **words))

    return made


def mended(value: Any) -> Any:
    """An array as a mended view of itself, also within a tuple; anything else as it is."""
    if type(value) is np.ndarray:
        return value.view(Mended)
    return tuple(map(mended, value)) if type(value) is tuple else value
