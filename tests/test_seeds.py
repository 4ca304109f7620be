"""No false alarm: right candidates, torch itself and npcnn pass whatever the seed is.

Ten seeds here; `python tests/test_seeds.py 200` tries as many as it is told.
"""

import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from verification import candidate, features, mistakes, questions, trial, truth
from verification.features import RUNGS
from verification.mistakes import AGE, CONVENTION

RIGHT = sorted((Path(__file__).parent / "candidates" / "right").glob("*.py"))
DTYPES = "float64", "float32"
AGES = tuple(mistake for mistake in mistakes.read() if mistake.kind == AGE)
HABITS = {mistake.id for mistake in mistakes.read() if mistake.kind == CONVENTION}
SEEDS, WORK = 10, 500


def asked(seed):
    """A question of every operation on every rung, another one for every seed."""
    known = [q for q in questions.every() if q.work <= WORK]
    chosen = []
    for op in sorted({question.op for question in known}):
        for rung in RUNGS:
            group = [q for q in known if q.op == op and features.rung(q) == rung]
            chosen += [group[seed % len(group)]] if group else []
    return chosen


def loaded(stack):
    """Everybody, each in a process for all seeds."""
    names = ["npcnn", *map(str, RIGHT)]
    layouts = ["nhwc" if "nhwc" in name else "nchw" for name in names]
    judged = [
        candidate.load(name, layout=layout, ages=AGES, timeout=60)
        for name, layout in zip(names, layouts)
    ]
    return [stack.enter_context(closing(one)) for one in judged]


def alarms(everybody, seed):
    """Whatever is not right: none is.  The dtypes take turns."""
    chosen, dtype, found = asked(seed), DTYPES[seed % 2], []
    truth.forget()
    for judged in everybody:
        checks, _ = trial.plan(judged, chosen, lambda *_: True)
        outcomes = trial.run(judged, checks, seed, dtype)
        found += [(judged.name, o.id, dtype, seed, o.status) for o in outcomes if is_alarm(o)]
    return found


def is_alarm(outcome):
    """Conventions that are named, and functions that do not exist, are none."""
    if outcome.status == "DEVIATES":
        return not set(outcome.deviations) <= HABITS
    return outcome.status not in ("ok", "outside", "not attempted")


@pytest.fixture(scope="module")
def everybody():
    trial.prepare()
    with ExitStack() as stack:
        yield loaded(stack)


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_no_false_alarm(everybody, seed):
    """On every rung."""
    assert alarms(everybody, seed) == []


def test_an_alarm_would_be_seen(everybody, monkeypatch):
    """Where the oracle lies, everybody is wrong."""
    monkeypatch.setattr(truth, "_share", lambda limit, right: 1.0)
    found = alarms(everybody[:1], 1)
    assert found
    assert {status for *_, status in found} == {"VACUOUS"}


if __name__ == "__main__":
    trial.prepare()
    with ExitStack() as together:
        them = loaded(together)
        for number in range(int(sys.argv[1])):
            told = alarms(them, number)
            print(number, told or "no alarm", flush=True)
