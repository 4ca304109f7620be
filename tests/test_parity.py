"""Every question of the case files put to npcnn, both its faces, in this very process."""

import json
import tomllib
from functools import reduce

import numpy as np
import parametrize_from_file

import npcnn
from verification.candidates.candidate import Candidate
from verification.candidates.contracts import get
from verification.candidates.process import Hello, Reply, Result
from verification.candidates.worker import lay_out
from verification.judging.trial import Trial, plan
from verification.questions import level, rung
from verification.questions.rows import FOLDER, expand, read_refusal

TABLES = [(p, key) for p in sorted(FOLDER.glob("*.toml")) for key in tomllib.loads(p.read_text())]
CONTRACT = get("npcnn")


class Here:
    """Stands in for a candidate's own process, and makes its calls in this one."""

    hello = Hello({function.name: None for function in CONTRACT.functions})

    def ask(self, calls, layout):
        results = []

        def make(argument):
            if isinstance(argument, Result):
                return results[argument.call][argument.item]
            return lay_out(argument, layout) if isinstance(argument, np.ndarray) else argument

        try:
            with np.errstate(all="ignore"):
                for call in calls:
                    function = reduce(getattr, call.function.split("."), npcnn)
                    result = function(*map(make, call.arguments), **call.words)
                    results.append(result if len(call.outputs) > 1 else [result])
        except Exception as error:  # as the worker does
            return Reply("CRASH", error=f"{type(error).__name__}: {error}")
        named = zip(calls[-1].outputs, results[-1], strict=True)
        return Reply("ok", {name: np.asarray(value) for name, value in named if name})


NPCNN = Candidate("npcnn", CONTRACT, {name: name for name in Here.hello.names}, Here(), "", [])


def read(rows, context):
    """Row by row, what an oracle answers: all in float64, small and plain ones in float32 too."""
    for row in json.loads(json.dumps(rows)):
        questions = [read_refusal(row)] if context.key == "refuse" else expand(context.key, row)
        answered = [q for q in questions if q.op == "refuse" or not q.check]
        plain = [q for q in answered if level(q) < 4 and rung(q) != "scale" and not q.dtype]
        for dtype, some in ("float64", answered), ("float32", plain):
            name = f"{context.path.stem}-{context.key}-{row['id']}-{dtype}"
            yield from [{"id": name, "dtype": dtype, "questions": some}] if some else []


@parametrize_from_file(
    path=[path for path, _ in TABLES], key=[key for _, key in TABLES], preprocess=read
)
def test_npcnn(dtype, questions):
    """Is right about everything."""
    checks, outside = plan(NPCNN, questions, lambda name, question: True)
    outcomes = list(Trial(NPCNN, 0, dtype).run(checks))
    assert outcomes
    assert not outside
    wrong = [o for o in outcomes if o.status != "ok"]
    assert not wrong, "\n".join(f"{o.function} {o.question.row} {o.message}" for o in wrong)
