"""An author with a kernel and a project of their own: `python tests/dev/author.py WHEEL`.

In an empty folder with an environment of its own, that sees the packages of this one, the wheel is
installed without a download, the steps of author/parity.yml run, and the judge is at hand.
"""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent / "author"


def run(folder, command, code=0):
    """What a step prints; it must end with this code."""
    env = {name: word for name, word in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=env, shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def main(wheel):
    with TemporaryDirectory() as scratch:
        folder, text = Path(scratch), (HERE / "test_parity.py").read_text("utf-8")
        (folder / "test_parity.py").write_text(text, encoding="utf-8")
        workflow = (HERE / "parity.yml").read_text("utf-8")
        create, install, ask = re.findall(r"- run: (.*)", workflow)
        run(folder, create.replace("python", sys.executable) + " --system-site-packages")
        (site,) = folder.glob(".venv/lib/python*/site-packages")
        (site / "outer.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        offline = f"install --no-deps --no-index --force-reinstall {wheel}"
        run(folder, re.sub(r"install .*", offline, install))
        rooms = {path.name for path in site.iterdir()} & {"npcnn", "verification", "tests", "cases"}
        assert rooms == {"npcnn", "verification"}, rooms
        told = run(folder, ask)
        assert re.search(r"^\d+ passed, \d+ skipped", told, re.MULTILINE), told
        wrong = text.replace("torch.conv2d(x, w,", "torch.conv2d(x, w.flip(2),")
        (folder / "test_parity.py").write_text(wrong, encoding="utf-8")
        told = run(folder, f"{ask} -x", 1)
        assert "AssertionError: differs" in told, told
        assert "parity.Question('conv2d'" in told, told
        for python in (".venv/bin/python", sys.executable):  # the wheel, and what this one has
            told = run(folder, f"{python} -m verification --level 1 --only zero_pad")
            assert "1 function, and all match." in told, told


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
