import pytest

from verification import questions
from verification.case import CaseError


def written(folder, text, name="conv.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_by_its_keys(tmp_path):
    """Operations and refusals, in the order of the rows."""
    path = written(
        tmp_path,
        """
conv = [{id="a", x=[1,3,3,1], w=[2,2,1,1], why="first"}]
max_pool = [{id="b", x=[1,4,1], kernel=2, fill="ties"}]
refuse = [{id="c", function="f", arguments={x=1}, error="TypeError", words=["x"], why="w"}]
""",
    )
    read = questions.read(path)
    assert list(read) == ["conv", "max_pool", "refuse"]
    assert [case.id for case in read["conv"]] == ["a.integers", "a.sparse"]
    (refusal,) = read["refuse"]
    assert (refusal.id, refusal.words, refusal.row, refusal.why) == ("c", ("x",), "f(x=1)", "w")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv = []", r"conv.toml: conv must be a list of rows, and not an empty one"),
        ("conv = 1", r"conv.toml: conv must be a list of rows"),
        ("conv = [", r"conv.toml: "),
        ('\n\nconv = [\n{id="a", x=[1,3,3,1], w=[4,4,1,1]}]', r"conv.toml:4: a: no window fits"),
        ('conv = [{id="a", x=[1,3,3,1], w=[2,2,1,1], strid=1}]', r"conv.toml:1: a: unknown keys"),
        ('conv = [{id="a", x=[1,3,3,1], w=[2,2,1,1], each={stride=[]}}]', "none of them empty"),
        ("conv = [{x=[1,3,3,1], w=[2,2,1,1]}]", "conv.toml: a row of conv without an id"),
        ('conv = [{id="a", x=[1,3,3,1], w=[2,2,1,1], each=[1]}]', "conv.toml:1: a: each must hold"),
        ('conv = [{id="a", x=[1,3,3,1], w=[2,2,1,1], each={x=[[1]]}}]', "what the row holds too"),
        ('refuse = [{id="a", function="f", arguments={}, error="E", words=["w"]}]', "error 'E'"),
        (
            'max_pool = [{id="a", x=[1,3,1], kernel=2}]\nconv = [\n{id="a", x=[1]}]',
            "conv.toml:3: a",
        ),
        ("conv = [3]", "conv.toml:"),
        ('conf = [{id="a"}]', "conv.toml:1: a: unknown operation 'conf'"),
        ('refuse = [{id="a", function="f", arguments={}, error="E", words=[]}]', "no words"),
        ('refuse = [{id="a", function="f", arguments={}, error="E", words=["w"], x=1}]', "keys"),
    ],
)
def test_a_bad_row_is_named_with_its_file_and_line(tmp_path, text, message):
    """Never passed over in silence."""
    with pytest.raises(CaseError, match=message):
        questions.read(written(tmp_path, text))


@pytest.mark.parametrize(("first", "second"), [("max", "max"), ("max", "avg")])
def test_an_id_is_used_once(tmp_path, first, second):
    """In all files together, and for both kinds of pools: pool_forward/a.dense is one question."""
    for name, kind in (("one.toml", first), ("two.toml", second)):
        row = f'{kind}_pool = [{{id="a", x=[1,3,3,1], kernel=2, fill="dense"}}]'
        written(tmp_path, row, name)
    with pytest.raises(CaseError, match=r"the id 'a.dense' is used twice for pool"):
        questions.read_all(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path):
    """Zero questions are no verdict."""
    with pytest.raises(CaseError, match="no cases in"):
        questions.read_all(tmp_path)
