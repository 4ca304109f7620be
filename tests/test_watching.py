"""A watched file: judged after every save, whatever way it is saved."""

import os
from contextlib import suppress
from threading import Timer

import parametrize_from_file

from verification.__main__ import keep_watching
from verification.judging import Watch


def replace_file(path):
    """As editors do that write another file and rename it."""
    path.with_suffix(".new").write_text("new", encoding="utf-8")
    os.replace(path.with_suffix(".new"), path)


def write_again(path):
    path.write_text("longer than it was", encoding="utf-8")


def remove_and_write(path):
    path.unlink()
    Timer(0.3, write_again, [path]).start()


@parametrize_from_file
def test_a_save_is_seen(tmp_path, save, at_work):
    """Once, at rest or at work, where it cuts the run short; the keyboard alone ends it."""
    path, seen, ended = tmp_path / "a.py", [], []
    path.write_text("old", encoding="utf-8")

    def judge(watch):
        seen.append(path.read_text(encoding="utf-8"))
        if len(seen) == 2:
            raise KeyboardInterrupt
        watch.count(0, 2)
        if at_work:
            globals()[save](path)
        else:
            Timer(0.3, globals()[save], [path]).start()
        watch.count(1, 2)
        ended.append(True)

    told = []
    with suppress(KeyboardInterrupt):
        keep_watching(path, judge, Watch(count=lambda *counts: told.append(counts)))
    assert (seen[0], len(seen), told) == ("old", 2, [(0, 2), (1, 2)])
    assert seen[1] != "old"
    assert len(ended) == (not at_work or save == "remove_and_write")
