"""What an interviewee does in an empty folder: conv2d(image, kernel) under a watch.

    python tests/dev/interviewee.py [SECONDS]

A save is to be answered within so many seconds (2), of which an idle machine takes half; a busy
one may be late with some, but not with all.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

COMMAND = [sys.executable, "-m", "verification"]
BODY = """
    kh, kw = kernel.shape
    image = np.pad(image, padding)
    rows = (image.shape[0] - kh) // stride + 1
    columns = (image.shape[1] - kw) // stride + 1
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + kh, j : j + kw] * kernel[::-1, ::-1]).sum()
    return out
"""
SAVES = [
    ("kernel[::-1, ::-1]", "kernel", "the stride is missing from the window's corner"),
    ("out[i, j] = (", "out[i, j] = ((", "cannot be loaded: SyntaxError"),
    ("out[i, j] = ((", "out[i, j] = (", "the stride is missing from the window's corner"),
    ("[i : i + kh, j : j + kw]", "[i * stride :, j * stride :][:kh, :kw]", "all match"),
]
"""A text, what it becomes, and what is told as soon as that is saved."""


def read_report(watched: subprocess.Popen[str]) -> str:
    """The next report, on single spaces."""
    lines: list[str] = []
    while not lines or "is watched: " not in lines[-1]:
        lines.append(watched.stdout.readline())  # type: ignore[union-attr]
    return " ".join("".join(lines).split())


def main(seconds: float = 2.0) -> None:
    """Every save, in place and by another file, and the end."""
    path, told = Path("interview.py"), subprocess.PIPE
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    text = subprocess.run([*COMMAND, "--template", "hw"], stdout=told, text=True).stdout
    text = text.replace("    raise NotImplementedError\n", BODY, 1)
    path.write_text(text, encoding="utf-8")
    command = [*COMMAND, path.name, "--watch", "--draw", "2"]
    with subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT, text=True) as watched:
        report = read_report(watched)
        assert "the kernel is rotated by 180 degrees" in report, report
        took = list[float]()
        for number, (old, new, says) in enumerate(SAVES):
            assert text.count(old) == 1, old
            text, start = text.replace(old, new), time.monotonic()
            if number % 2:
                Path("interview.tmp").write_text(text, encoding="utf-8")
                os.replace("interview.tmp", path)
            else:
                path.write_text(text, encoding="utf-8")
            report = read_report(watched)
            while says not in report and time.monotonic() < start + 10 * seconds:
                report = read_report(watched)  # it may be seen before all of it is written
            took.append(time.monotonic() - start)
            assert says in report, report
        assert min(took) < seconds, took
        watched.send_signal(signal.SIGINT)
        assert watched.wait() == 130


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        main(*map(float, sys.argv[1:]))
