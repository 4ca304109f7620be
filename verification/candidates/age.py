"""The errors of age, mended in flight: code that older NumPys took, so that the rest can be judged.

float-of-array        float(b) of an array of one element and any number of axes
array-into-element    Z[i, h, w, c] = a where a is such an array
removed-alias         np.float, ...: names that NumPy has dropped
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from operator import index
from types import ModuleType
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy import asarray, dtype, float64, isin, ndarray, sort

Number = TypeVar("Number", float, int, complex)

MAKERS = (
    *("zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like"),
    *("array", "asarray", "ascontiguousarray", "copy", "pad", "einsum", "tensordot", "dot"),
)
DROPPED: dict[str, Any] = {
    **dict.fromkeys(("Inf", "Infinity", "infty", "PINF"), math.inf),
    **{"NINF": -math.inf, "NaN": math.nan, "NAN": math.nan, "PZERO": 0.0, "NZERO": -0.0},
    **{kind.__name__: kind for kind in (float, int, bool, object, complex, str)},
    **{"float_": float64, "complex_": np.complex128, "string_": np.bytes_, "unicode_": np.str_},
    **{"alltrue": np.all, "sometrue": np.any, "cumproduct": np.cumprod, "product": np.prod},
    **{"mat": np.asmatrix, "round_": np.round, "row_stack": np.vstack, "trapz": np.trapezoid},
    "asfarray": lambda a, dtype=float64: mend_value(asarray(a, dtype)),
    "asscalar": lambda a: asarray(a).item(),
    "in1d": lambda a, *others, **words: isin(asarray(a).ravel(), *others, **words),
    "msort": lambda a: sort(a, axis=0),
}


class Mended(ndarray[Any, dtype[Any]]):
    """An array whose single element is a number wherever one is wanted, as it was for long.

    `note` is called with the id of each error of age: of what NumPy itself refuses, nothing else.
    """

    note: ClassVar[Callable[[str], None]]

    def __float__(self) -> float:
        return self._convert(float)

    def __int__(self) -> int:
        return self._convert(int)

    def __complex__(self) -> complex:
        return self._convert(complex)

    def __index__(self) -> int:
        return self._convert(index)

    def _convert(self, convert: Callable[[Any], Number]) -> Number:
        plain = self.view(ndarray)
        try:
            return convert(plain)
        except TypeError:
            if self.size != 1:
                raise
            value = convert(plain.reshape(()))
            Mended.note("float-of-array")
            return value

    def __setitem__(self, key: Any, value: Any) -> None:
        single = isinstance(value, ndarray) and value.size == 1
        try:
            super().__setitem__(key, value.view(ndarray) if single else value)
        except (TypeError, ValueError):
            if not single:
                raise
            super().__setitem__(key, value.view(ndarray).reshape(()))
            Mended.note("array-into-element")

    def __array_wrap__(
        self, array: Any, context: Any = None, return_scalar: bool = False, /
    ) -> Any:
        """A sum over all axes is a number, not an array of our kind."""
        return array[()] if return_scalar else array.view(Mended)


def mend(numpy: ModuleType, note: Callable[[str], None]) -> None:
    """Repaint the module: what it makes is mended, and what it dropped is back."""
    missing = vars(numpy)["__getattr__"]

    def find(name: str) -> Any:
        if name not in DROPPED:
            return missing(name)
        note("removed-alias")
        return DROPPED[name]

    Mended.note = staticmethod(note)
    for name in MAKERS:
        setattr(numpy, name, _mend_maker(getattr(numpy, name)))
    setattr(numpy, "__getattr__", find)


def _mend_maker(make: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(make)
    def maker(*arguments: Any, **words: Any) -> Any:
        return mend_value(make(*arguments, **words))

    return maker


def mend_value(value: Any) -> Any:
    """An array as a mended view of itself, also within a tuple; anything else as it is."""
    if type(value) is ndarray:
        return value.view(Mended)
    return tuple(map(mend_value, value)) if type(value) is tuple else value
