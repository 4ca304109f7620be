"""Modules that a candidate may repaint: its own version is on stage while it plays, ours else."""

from __future__ import annotations

from operator import is_
from types import ModuleType

_MISSING = object()
_all, _len, _map = all, len, map


class Stage:
    """The names of some modules, as they are now, and as the candidate makes them.

    `with stage:` is the candidate's turn.  What is done at its end looks up no builtin function:
    they may be repainted too.
    """

    def __init__(self, *modules: ModuleType) -> None:
        self._scenes = [_Scene(module) for module in modules]

    def __enter__(self) -> None:
        for scene in self._scenes:
            scene.now.update(scene.theirs)

    def __exit__(self, *raised: object) -> None:
        for scene in self._scenes:
            now, ours = scene.now, scene.ours
            if (
                _len(now) == _len(ours)
                and _all(_map(is_, now, ours))
                and _all(_map(is_, now.values(), ours.values()))
            ):
                scene.theirs = {}
                continue
            scene.theirs = {
                name: value for name, value in now.items() if ours.get(name, _MISSING) is not value
            }
            now.update(ours)


class _Scene:
    def __init__(self, module: ModuleType) -> None:
        self.now = vars(module)
        self.ours = dict(self.now)
        self.theirs: dict[str, object] = {}
