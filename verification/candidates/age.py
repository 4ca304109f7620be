"""The errors of age, mended in flight: code that older NumPys took, so that the rest can be judged.

float-of-array        float(b) or int(b) of an array of one element and any number of axes
array-into-element    Z[i, h, w, c] = a where a is such an array
removed-alias         np.float, ...: names that NumPy has dropped
ragged-array          np.array([[1], [1, 2]]), which was an array of objects
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import partial, partialmethod
from operator import index
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy import asarray, isin, ndarray, sort

MAKERS = ("zeros", "empty", "ones", "full", "array", "asarray", "ascontiguousarray", "arange")
"""What makes arrays of other things; what makes them of arrays is mended where these are."""
DROPPED: dict[str, Any] = {
    "asfarray": lambda a, dtype=np.float64: mend_value(asarray(a, dtype)),
    "asscalar": lambda a: asarray(a).item(),
    "in1d": lambda a, *others, **words: isin(asarray(a).ravel(), *others, **words),
    "msort": lambda a: sort(a, axis=0),
}
DROPPED |= {kind.__name__: kind for kind in (float, int, bool, object, complex, str)}
DROPPED |= dict.fromkeys(("Inf", "Infinity", "infty", "PINF"), math.inf)
DROPPED |= {"NINF": -math.inf, "NaN": math.nan, "NAN": math.nan, "PZERO": 0.0, "NZERO": -0.0}
DROPPED |= {"float_": np.float64, "complex_": np.complex128, "string_": np.bytes_}
DROPPED |= {"unicode_": np.str_, "alltrue": np.all, "sometrue": np.any, "product": np.prod}
DROPPED |= {"cumproduct": np.cumprod, "mat": np.asmatrix, "round_": np.round}
DROPPED |= {"row_stack": np.vstack, "trapz": np.trapezoid}


class Mended(ndarray[Any, np.dtype[Any]]):
    """An array whose single element is a number wherever one is wanted, as it was for long.

    `note` is called with the id of each error of age: of what NumPy itself refuses, nothing else.
    """

    note: ClassVar[Callable[[str], None]]

    def _convert(self, convert: Callable[[Any], Any]) -> Any:
        plain = self.view(ndarray)
        try:
            return convert(plain)
        except TypeError as error:
            if plain.size != 1:
                raise TypeError(f"{error}: size={plain.size}") from None  # which is no age
            value = convert(plain.reshape(()))
            Mended.note("float-of-array")
            return value

    __float__ = partialmethod(_convert, float)
    __int__ = partialmethod(_convert, int)
    __complex__ = partialmethod(_convert, complex)
    __index__ = partialmethod(_convert, index)

    def __setitem__(self, key: Any, value: Any) -> None:
        plain = value.view(ndarray) if isinstance(value, Mended) else value
        try:
            super().__setitem__(key, plain)
        except (TypeError, ValueError) as error:
            if not isinstance(plain, ndarray) or "element with a sequence" not in str(error):
                raise
            if plain.size != 1:
                raise type(error)(f"{error}: size={plain.size}") from None
            super().__setitem__(key, plain.reshape(()))
            Mended.note("array-into-element")

    def __array_function__(self, function: Any, types: Any, arguments: Any, words: Any) -> Any:
        """Also a plain array that is made of one of ours, such as the places of its maxima."""
        return mend_value(super().__array_function__(function, types, arguments, words))

    def nonzero(self) -> Any:  # in each NumPy's stubs another tuple
        return mend_value(super().nonzero())

    def __array_wrap__(
        self, array: Any, context: Any = None, return_scalar: bool = False, /
    ) -> Any:
        """A sum over all axes is a number, not an array of our kind."""
        return array[()] if return_scalar else array.view(Mended)


def mend(numpy: ModuleType, note: Callable[[str], None]) -> None:
    """Repaint the module: what it makes is mended, and what it dropped is back."""

    def find_dropped(dropped: dict[str, Any], find: Callable[[str], Any], name: str) -> Any:
        if name not in dropped:
            return find(name)
        note("removed-alias")
        return dropped[name]

    Mended.note = staticmethod(note)
    for module, dropped in (numpy, DROPPED), (numpy.lib, {"pad": numpy.pad}):
        names = vars(module)
        names["__getattr__"] = partial(find_dropped, dropped, names["__getattr__"])
    for name in MAKERS:
        setattr(numpy, name, partial(_make_mended, getattr(numpy, name)))


def _make_mended(make: Callable[..., Any], *arguments: Any, **words: Any) -> Any:
    try:
        return mend_value(make(*arguments, **words))
    except ValueError as error:
        asker = sys._getframe(1).f_globals.get("__name__", "")
        is_own = asker.startswith("numpy")  # np.pad's widths, for one, never were ragged
        is_ragged = "inhomogeneous" in str(error) and "dtype" not in words and len(arguments) == 1
        if is_own or not is_ragged:
            raise
        try:
            ragged = make(*arguments, **words, dtype=object)
        except ValueError:  # nor did it ever become one of objects
            raise error from None
        Mended.note("ragged-array")
        return mend_value(ragged)


def mend_value(value: Any) -> Any:
    """An array as a mended view of itself, also within a tuple; anything else as it is."""
    if type(value) is ndarray:
        return value.view(Mended)
    return tuple(map(mend_value, value)) if type(value) is tuple else value
