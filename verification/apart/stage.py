"""Modules that a candidate may repaint: its own version is on stage while it plays, ours else."""

from __future__ import annotations

from types import ModuleType

_MISSING = object()


class Stage:
    """The names of some modules, as they are now, and as the candidate makes them.

    `with stage:` is the candidate's turn.  What is done at its end calls no builtin function: they
    may be repainted too.
    """

    def __init__(self, *modules: ModuleType) -> None:
        self._scenes = [_Scene(module) for module in modules]

    def __enter__(self) -> None:
        for scene in self._scenes:
            scene.now.update(scene.theirs)

    def __exit__(self, *raised: object) -> None:
        for scene in self._scenes:
            ours = scene.ours
            scene.theirs = {
                name: value
                for name, value in scene.now.items()
                if ours.get(name, _MISSING) is not value
            }
            scene.now.update(ours)


class _Scene:
    def __init__(self, module: ModuleType) -> None:
        self.now = vars(module)
        self.ours = dict(self.now)
        self.theirs: dict[str, object] = {}
