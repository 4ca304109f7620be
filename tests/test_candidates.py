"""Candidates as strangers write them: right ones pass, wrong ones are caught and named."""

import parametrize_from_file
import pytest

from verification import mistakes
from verification.judging import Session, Settings
from verification.measures import strength
from verification.questions import FURTHER, read, rung

WHOLE = {"taps", "cs231n_im2col", "holberton"}
"""One of each course's contract, in both dtypes; `.ci/run` asks them everything."""
FORMS = {"wider-result", "integer-accumulator"}
"""What right code may do with the types of its numbers."""
FOLDER = strength.FOLDER
RIGHT = sorted(path.stem for path in (FOLDER / "right").glob("*.py"))
ROWS = strength.read_wrong(FOLDER / "wrong.toml")
ANEW = strength.read_wrong(FOLDER / "anew.toml")
KNOWN = {mistake.id for mistake in mistakes.read()}
POOLS = ("max_pool", "avg_pool", "create_mask_from_window", "distribute_value")
EACH, PAIRS = 9, 2
"""Of so many mistakes, and of so many kinds of candidates written anew, one is asked; and pairs."""


def thin(asked, step):
    """Of each operation and rung so many; all of helpers, and all that part float16 from tf32."""
    groups, kept = {}, []
    for question in asked:
        if question.op == "refuse" or not question.is_pass or question.fill == "wide":
            kept.append(question)
        else:
            groups.setdefault((question.op, rung(question)), []).append(question)
    return [*kept, *(question for group in groups.values() for question in group[::step])]


SMALL = [question for question in read() if question.work <= 500]
FEW = thin(SMALL, 5)
FEWER = thin([q for q in SMALL if rung(q) in ("contract", "edge", "exact", "rounding")], 8)


class Asking(Session):
    """A session that asks these questions."""

    def __init__(self, settings, questions):
        self._asked = questions
        super().__init__(settings)

    def _questions(self):
        return self._asked


def judge(name, questions, dtype="float64", live=None):
    """What the judge finds in a file, or in a live session's names, function by function."""
    candidate, layout = live or str(FOLDER / name), strength.find_layout(name)
    settings = Settings(candidate=candidate, layout=layout, dtype=dtype, draw=0)
    with Asking(settings, questions) as session:
        return {finding.function: finding for finding in session.run().findings}


@pytest.mark.parametrize(
    ("name", "dtype"), [*((n, "float64") for n in RIGHT), *((n, "float32") for n in sorted(WHOLE))]
)
def test_right_candidates_pass(name, dtype):
    """In every style, without a false alarm; `measures strength --seeds` has both dtypes of all."""
    found = judge(f"right/{name}.py", FEW if dtype == "float64" else FEWER, dtype)
    statuses = {finding.status for finding in found.values() if finding.outcomes}
    assert "ok" in statuses or "deviates" in statuses
    assert statuses <= {"ok", "deviates", "not attempted"}
    assert {name for f in found.values() for name in f.deviations} <= FORMS


def choose():
    """A row of every seventh mistake, in one function and another by turns; and a few pairs.

    `measures strength --wrong` has all of them.
    """
    rows = {}
    for row in ROWS:
        rows.setdefault(row.get("mistake"), []).append(row)
    pairs = rows.pop(None)
    chosen = [found[i % len(found)] for i, found in enumerate(rows.values())]
    return chosen[::EACH] + pairs[:PAIRS]


def judge_row(row):
    """Few questions of its kind show most of them; the others are asked all small ones."""
    names = {"__name__": "wrong"}
    exec(compile(row["text"], row["base"], "exec"), names)
    is_further = "further" in row["base"]
    is_pool = not is_further and ("pool" in row["function"] or row["function"] in POOLS)
    for questions in FEWER, SMALL:
        those = [q for q in questions if (q.op in FURTHER) == is_further]
        kin = [question for question in those if (question.op in POOLS) == is_pool]
        verdict = strength.grade(row, judge(row["base"], kin, live=names).values())
        if verdict["named"] and verdict["blamed"]:
            break
    return verdict


def test_wrong_candidates_are_caught_and_named(capsys):
    """All are caught, 95 % blamed on the right function, 90 % named."""
    verdicts = strength.run_all(judge_row, choose(), 2)
    rates = {key: sum(v[key] for v in verdicts) / len(verdicts) for key in ("blamed", "named")}
    with capsys.disabled():
        unnamed = [verdict["id"] for verdict in verdicts if not verdict["named"]]
        print(f"\n{len(verdicts)} wrong candidates: {rates}, not named: {unnamed}")
    assert [verdict["id"] for verdict in verdicts if not verdict["caught"]] == []
    assert rates["blamed"] >= 0.95
    assert rates["named"] >= 0.90


def test_names_are_true():
    """In other styles mistakes are named all the same, and where no name is true none is given."""
    rows = {(row["mistake"] == "", row["base"], row["function"]): row for row in ANEW}
    verdicts = strength.run_all(judge_row, list(rows.values())[::EACH], 2)
    kinds = ("caught", "blamed", "named")
    assert [v for v in verdicts if not all(v[kind] for kind in kinds)] == []


@parametrize_from_file
def test_fewer_questions_tell_the_same(function, mistakes, settings):
    """A narrowed run, and one that stops at the first failure, name what a whole run does."""
    row = next(r for r in ANEW if (r["function"], r["mistake"]) == (function, mistakes[0]))
    names = {"__name__": "wrong"}
    exec(compile(row["text"], row["base"], "exec"), names)
    with Session(Settings(candidate=names, only=(function,), draw=0, **settings)) as session:
        (finding,) = session.run().findings
    assert tuple(m.id for m in finding.diagnosis.mistakes) == mistakes


def test_every_mistake_has_a_wrong_candidate():
    """But the one that shows in float32 alone; a pair is of two that have rows of their own."""
    shown = {row["mistake"] for row in ROWS if "mistake" in row}
    assert shown == KNOWN - {"wider-result"}
    assert {name for row in ROWS for name in row.get("mistakes", ())} <= shown


@parametrize_from_file(schema=parametrize_from_file.defaults(dtype="float64", named={}))
def test_what_is_found(name, dtype, statuses, named):
    """Function by function; and what is named: age, conventions, mistakes."""
    found = judge(name, FEW, dtype)
    assert {function: finding.status for function, finding in found.items()} == statuses
    for function, finding in found.items():
        known = [finding.age] if finding.age else []
        known += finding.diagnosis.mistakes if finding.diagnosis else []
        claimed = (*finding.deviations, *(mistake.id for mistake in known))
        assert claimed == named.get(function, ())
