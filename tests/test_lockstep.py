"""Lockstep: what would show if a layer of npcnn's were wrong within a network."""

import json

import numpy as np
import parametrize_from_file
import pytest

from npcnn import functional
from verification.measures import __main__ as command
from verification.measures import lockstep

STEPS = ["conv_bias 4 3,3 2 1", "relu", "max_ceil 3 2 0", "block 6 1,3", "up_bias 4 2,2 2 0"]
STEPS += ["global"]
BLOCK = [{"cat": [["conv {0} {1} 1 [0,1]", "norm"], ["avg 3 1 1", "depth 1,1 1 0"]]}]


@pytest.fixture
def told(monkeypatch, capsys):
    """The exit code and the document of a run of a network with every layer once or twice."""
    network = {"x": [2, 3, 12, 10], "steps": STEPS, "blocks": {"block": BLOCK}}
    monkeypatch.setattr(lockstep, "NETWORKS", {"small": network})

    def run():
        return command.main(["lockstep", "--json", "-"]), json.loads(capsys.readouterr().out)

    return run


def test_right_layers(told):
    """Their numbers are counted, and none is off."""
    code, document = told()
    (line,) = document["lines"]
    assert (code, line["layers"], line["wrong"]) == (0, 8, [])
    assert 0 < line["worst"] < 1


@parametrize_from_file
def test_wrong_layers(operation, place, wrong, told, monkeypatch):
    """One number that is off by a thousandth is seen and named, as is one that is none."""
    right = getattr(functional, operation)
    for factor in 1.001, np.nan:

        def spoilt(*args, factor=factor, **words):
            results = right(*args, **words)
            result = results[place] if isinstance(results, tuple) else results
            worst = np.abs(result).argmax()
            result.reshape(-1)[worst] *= factor
            return results

        monkeypatch.setattr(functional, operation, spoilt)
        code, document = told()
        assert code == 1
        assert any(said.startswith(wrong) for said in document["lines"][0]["wrong"])


def test_every_network_can_be_read():
    """Each step of a network is a layer, a block with all its words, or torch's own."""
    known = {*lockstep.OPERATIONS, *lockstep.OTHERS, "norm"}
    for rows in lockstep.NETWORKS.values():
        blocks = rows.get("blocks", {})
        assert not set(blocks) & known

        def walk(steps, blocks=blocks):
            for step in steps:
                if isinstance(step, dict):
                    for branches in step.values():
                        yield from (found for branch in branches for found in walk(branch))
                elif step.split()[0] in blocks:
                    yield from walk(lockstep.fill(blocks[step.split()[0]], step.split()[1:]))
                else:
                    yield step.split()[0]

        assert set(walk(rows["steps"])) <= known


def test_a_network_of_no_name(capsys):
    """It is bad usage, and said."""
    with pytest.raises(SystemExit) as left:
        command.main(["lockstep", "--only", "AlexNet"])
    assert left.value.code == 4
    assert "no network's name contains 'AlexNet'" in capsys.readouterr().err
