"""Age: code that older NumPys took goes on, each mend is recorded, and all else stays as it is."""

import math
from contextlib import closing
from types import ModuleType

import numpy as np
import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.candidates import age
from verification.candidates.process import Call, Process


@parametrize_from_file(schema=defaults(value=None, kind="", error="", notes=()))
def test_old_lines_are_mended(line, value, kind, error, notes):
    """What NumPy refuses, and nothing else; what never was possible is refused as before."""
    old, told = ModuleType("numpy"), []
    vars(old).update(vars(np))
    old.lib = ModuleType("numpy.lib")  # as np itself must stay
    vars(old.lib).update(vars(np.lib))
    age.mend(old, told.append)
    space = {"np": old, "math": math, "Z": old.zeros((2, 3)), "b": old.full((1, 1, 1), 2.5)}
    space |= {"i": old.full((1, 1), 1), "plain": np.full((1, 1, 1), 4.0), "mend": age.mend_value}
    if error:
        with pytest.raises((TypeError, ValueError, IndexError, AttributeError), match=error):
            exec(line, space)
    else:
        exec(line, space)
        assert value is None or np.array_equal(space["y"], value, equal_nan=True)
        assert not kind or type(space["y"]).__name__ == kind
    assert tuple(told) == notes


def test_what_numpy_asks_itself_is_no_age(tmp_path):
    """np.pad never took widths of unequal lengths, whatever its own asarray once did."""
    text = "import numpy as np\ndef f(x): return np.pad(x, ((1, 1), (1,)))\n"
    (tmp_path / "pads.py").write_text(text)
    with closing(Process(str(tmp_path / "pads.py"))) as process:
        process.mend()
        reply = process.ask([Call("f", (np.ones((2, 2)),))])
    assert (reply.kind, reply.ages) == ("ValueError", ())


@pytest.mark.ages
def test_a_process_is_mended_once(tmp_path):
    """From the next call on, arguments too; each use is told with the candidate's own line."""
    (tmp_path / "old.py").write_text(
        "import numpy as np\ndef forward(A, b):\n"
        "    Z = np.zeros((2, 3), dtype=np.float)\n    Z[0, 0] = np.sum(A) + b\n"
        "    for n in range(3): Z[1, n] = float(b)\n    return Z\n"
    )
    call = Call("forward", (np.ones(2), np.full((1, 1, 1), 3.0)))
    with closing(Process(str(tmp_path / "old.py"))) as process:
        assert process.ask([call]).kind == "AttributeError"
        process.mend()
        reply = process.ask([call])
        process.mend()
        assert process.ask([call]).ages == reply.ages
    assert (reply.error, type(reply.values["y"])) == ("", np.ndarray)
    assert reply.values["y"].tolist() == [[5, 0, 0], [3, 3, 3]]
    assert reply.ages == (
        ("removed-alias", "old.py line 3: Z = np.zeros((2, 3), dtype=np.float)"),
        ("array-into-element", "old.py line 4: Z[0, 0] = np.sum(A) + b"),
        ("float-of-array", "old.py line 5: for n in range(3): Z[1, n] = float(b)"),
    )
