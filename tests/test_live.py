"""The judge in a session: live functions, a report that shows itself."""

import json
import math

import numpy as np
import pytest

import verification
from verification import judge

SCALE = 2.0


def distribute_value(dz, shape):
    return np.full(shape, dz / math.prod(shape))


def create_mask_from_window(x):
    return SCALE * x == SCALE * np.min(x)


def test_functions_of_this_session():
    """With all that they stand on; one, several, or a namespace."""
    assert judge(distribute_value).verdict == "match"
    both = judge([distribute_value, create_mask_from_window])
    assert both.verdict == "differs"
    assert judge(globals(), level=1, only=["distribute_value"]).verdict == "match"


def test_it_shows_itself():
    """As text, as HTML that is escaped, and as a document."""
    judged = judge(create_mask_from_window)
    shown = repr(judged)
    assert "mistake                 the mask marks the minimum" in shown
    (again,) = (line for line in shown.splitlines() if "again" in line)
    assert again.split("again")[1].strip().startswith("judge(globals(), case='create_mask")
    page = judged._repr_html_()
    assert "the mask marks the minimum" in page
    assert "x == np.max(x)" in page
    assert "<script" not in page
    assert json.loads(judged.json)["verdict"] == "differs"


def test_a_case_alone():
    """By its row."""
    judged = judge(distribute_value, case="distribute_value x=[2,3] fill=integers")
    assert "1 question, 1 check" in repr(judged)
    assert judged.verdict == "match"


def test_an_exam():
    """No expected numbers and no names, but a hint."""
    judged = judge(create_mask_from_window, exam=True)
    assert "Which cell did the forward pass choose?" in repr(judged)
    assert "marks the minimum" not in repr(judged)
    assert "oracle   " not in repr(judged).partition("\n\n")[2]


def test_a_file_by_its_name(tmp_path):
    """As on the command line."""
    path = tmp_path / "my_cnn.py"
    path.write_text("def distribute_value(dz, shape):\n    return dz\n")
    judged = judge(str(path), strict=True, names={"distribute_value": "distribute_value"})
    assert judged.verdict == "differs"


def test_what_cannot_be_judged():
    """Is told at once."""
    for given in (3, [], [3]):
        with pytest.raises(TypeError, match="judge takes functions, a namespace or a name, got"):
            judge(given)


def test_the_face_is_light():
    """Importing verification brings no torch into the candidate's process."""
    assert verification.judge is judge
    assert judge.__module__ == "verification"
