"""The benchmark: layers that are what they say, sides that answer alike, a table of what was."""

import importlib.util
import json
import math
import multiprocessing
import re
import subprocess
import sys
import tracemalloc
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from verification import benchmark, fills, product, row, timing

EVERY = [(group, name) for group, rows in benchmark.LAYERS.items() for name in rows]
ABOUT = {
    "cpus": 2,
    "processor": "a processor",
    "python": "3.11",
    "numpy": "2.4",
    "blas": "blas 1",
    "torch": "2.13",
    "threads": 2,
    "blocks": 5,
}
NAME = re.compile(
    r"(?P<mode>max |average |)(?P<k>\d)x(?P=k)(?: s(?P<s>\d))?, (?P<c>\d+)"
    r"(?: -> (?P<f>\d+))?(?:, (?P<g>\d+) groups)? @(?P<side>\d+)"
)
OPS = {"max ": "max_pool", "average ": "avg_pool", "": "conv"}


def case_of(group, name, batch=1, most=1000):
    """The layer, of this batch and of a plane no larger than `most`."""
    line = benchmark.LAYERS[group][name].format(batch)
    side = min(most, int(name.rpartition("@")[2]))
    (case,) = row.parse(re.sub(r"(x=\[\d+),\d+,\d+", rf"\1,{side},{side}", line) + " fill=dense")
    return case


def line_of(name, group="dense", seconds=((2, 6, 4), (1, 8, 9, 0.5)), flops=6 * 10**9, **other):
    """A line whose ratios are 2 and 8, unless it is told of other seconds."""
    whose = ("npcnn", *timing.FORMATS, "product")
    told = {which: dict(zip(whose, each)) for which, each in zip(timing.PASSES, seconds)}
    pairs = {which: timing.pair(each) for which, each in told.items()}
    ratio = {which: theirs / ours for which, (ours, theirs) in pairs.items()}
    work = {"forward": 3 * 2**20, "backward": 2**20}
    what = {"dtype": "float32", "batch": 8} | other
    return benchmark.Line(
        **what, group=group, layer=name, flops=flops, seconds=told, ratio=ratio, work=work
    )


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_a_layer_is_what_its_name_says(group, name):
    """Kernel, stride, channels, filters, groups and plane; the pads keep it, or halve it."""
    case = case_of(group, name, batch=8)
    assert case.x[0] == 8
    if name == "global average, 512 @7":
        assert (case.op, case.x, case.y) == ("avg_pool", (8, 7, 7, 512), (8, 1, 1, 512))
        return
    said = NAME.fullmatch(name).groupdict()
    channels, side, kernel = int(said["c"]), int(said["side"]), int(said["k"])
    assert case.op == OPS[said["mode"]]
    assert case.x[1:] == (side, side, channels)
    assert case.kernel == (kernel, kernel)
    assert case.stride == (int(said["s"] or 1),) * 2
    assert case.y[-1] == int(said["f"] or channels)
    assert case.groups == (channels if group == "depthwise" else int(said["g"] or 1))
    unpadded = name == "5x5, 6 -> 16 @14"
    assert case.out == ((10, 10) if unpadded else (math.ceil(side / case.stride[0]),) * 2)


@pytest.mark.parametrize("dtype", benchmark.DTYPES)
@pytest.mark.parametrize(("group", "name"), EVERY)
def test_the_sides_compute_the_same(group, name, dtype):
    """Both passes, all gradients, in both of torch's formats, which are what they say."""
    case = case_of(group, name, batch=2, most=9)
    given = fills.arrays(case, 1, dtype)
    ours = timing.of_npcnn(case, given)
    assert list(ours) == ["npcnn"]
    forward, backward = ours["npcnn"]
    wanted = forward()[0], backward()
    wanted = (wanted[0], *(wanted[1] if case.op == "conv" else wanted[1:]))
    assert len(wanted) == (4 if case.op == "conv" else 2)
    for form, (ask, grad) in timing.of_torch(case, given).items():
        y, grads = ask(), grad()
        got = (y, *grads[:3]) if isinstance(grads, tuple) else (y, grads)
        assert len(got) == len(wanted)
        assert not any(t.requires_grad for t in got)
        fits = y.permute(0, 2, 3, 1) if "channels last" in form else y
        assert fits.is_contiguous()
        for mine, theirs in zip(wanted, got):
            near = theirs.numpy()
            if near.ndim == 4:
                near = near.transpose(
                    (2, 3, 1, 0) if theirs is got[-2] and len(got) == 4 else (0, 2, 3, 1)
                )
            assert mine.dtype == near.dtype == dtype
            scale = np.abs(near).max()
            np.testing.assert_allclose(mine, near, rtol=0, atol=scale * 50 * np.finfo(dtype).eps)


@pytest.mark.parametrize("cells", [1, 5000, 10**9])
@pytest.mark.parametrize(("group", "name"), EVERY)
def test_the_bare_products_are_the_layers(group, name, cells, monkeypatch):
    """As many multiplications as its passes take, the last part filled up; none of the others."""
    case, taken = case_of(group, name, batch=2, most=9), []
    given = fills.arrays(case, 0, "float32")
    monkeypatch.setattr(product, "CELLS", cells)
    found = product.of_numpy(case, given)
    assert list(found) == (["product"] if group in ("dense", "grouped") else [])

    def matmul(a, b, out):
        assert (a @ b).shape == out.shape
        taken.append(out.size * a.shape[-1])

    monkeypatch.setattr(product.np, "matmul", matmul)
    for forward, backward in found.values():
        forward()
        assert case.work <= sum(taken) < 1.5 * case.work
        assert (len(taken) == 1) == (cells == 10**9)
        backward()
        assert 3 * case.work <= sum(taken) < 4.5 * case.work


def test_flops_are_two_for_every_product():
    """By hand: of a dense layer, of one with groups; a pool's are not counted."""
    assert 2 * case_of("dense", "3x3, 64 -> 64 @56", 8).work == 2 * 8 * 56**2 * 64 * 9 * 64
    assert 2 * case_of("depthwise", "5x5 s2, 96 @56").work == 2 * 28**2 * 96 * 25
    grouped = case_of("grouped", "3x3, 128 -> 128, 32 groups @56")
    assert 2 * grouped.work == 2 * 56**2 * 128 * 9 * 4


@pytest.fixture
def _traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("times", [1, 3])
def test_work_is_what_is_neither_given_nor_returned(times):
    """A peak of so many MiB beside one that is returned, in a tuple or not; and what was kept."""
    size = 2**20

    def call():
        returned = np.ones(size // 8)
        for _ in range(3):  # one after the other: the peak is one of them
            np.ones(times * size // 8)
        return returned

    for asked in (call, lambda: (call(), {"a cache": [1]})):
        assert times * size <= timing.taken(asked) < times * size + 2**15
    assert timing.taken(lambda: None) < 2**15
    kept = np.ones(2 * size // 8)
    assert timing.taken(call) >= kept.nbytes + times * size


def test_work_of_a_layer_is_by_pass(monkeypatch):
    """Of npcnn's calls, and of what they keep beside their cache, from the first of them."""
    idle = []

    def conv_forward(x, w, b, words):
        idle[:] = idle or [np.ones(2**17)]
        return x.copy(), (x, words)

    def conv_backward(dy, cache):
        gradients = dy.copy(), dy.copy(), dy.copy()
        np.ones(2**18)
        return gradients

    theirs = SimpleNamespace(conv_forward=conv_forward, conv_backward=conv_backward)
    monkeypatch.setattr(timing.importlib, "import_module", {"npcnn": theirs}.get)
    found = timing.work("conv x=[2,64,64,8] w=[1,1,8,8] fill=dense", "float64")
    assert list(found) == ["forward", "backward"]
    assert 2**20 <= found["forward"] < 2**20 + 10_000
    assert 3 * 2**20 <= found["backward"] < 3 * 2**20 + 10_000


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("dense", "3x3, 64 -> 128 @112"),
        ("grouped", "3x3, 128 -> 128, 32 groups @56"),
        ("depthwise", "3x3, 64 @112"),
    ],
)
def test_large_layers_take_64_mib_at_most(group, name):
    """Beyond what is given and returned; they are cut in pieces."""
    line = benchmark.LAYERS[group][name].format(8)
    found = timing.work(f"{line} fill=dense", "float64")
    assert max(found.values()) <= 64 * 2**20


def test_a_block_is_of_whole_calls(monkeypatch):
    """As many as fill it, one at least; its time is their mean, after as many as warm it."""
    now, calls = [0.0], []

    def call():
        calls.append(0)
        now[0] += 0.25 * len(calls)

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timing, "WARM", 0.75)
    monkeypatch.setattr(timing, "BLOCK", 2.0)
    assert timing.block(call) == 1  # of 0.75, 1 and 1.25, after 0.25 and 0.5
    assert len(calls) == 5
    assert timing.block(call) == 1.875  # of 1.75 and 2, after 1.5
    assert len(calls) == 8


def test_the_sides_take_turns_and_the_fastest_counts():
    """A B A B; of each pass and each format by itself."""
    asked = []

    class Told:
        def __init__(self, *answers):
            self.answers = list(answers)

        def ask(self, request):
            asked.append((self, request))
            return self.answers.pop(0)

    def both(**first):
        return {"forward": first, "backward": {name: 10 * each for name, each in first.items()}}

    a = Told(both(npcnn=3.0), both(npcnn=2.0))
    b = Told(both(torch=5.0, last=6.0), both(torch=7.0, last=4.0))
    found = timing.fastest([a, b], 2)
    assert found == both(npcnn=2.0, torch=5.0, last=4.0)
    assert asked == [(side, "seconds") for side in (a, b, a, b)]


def test_the_better_format_is_compared():
    """Whichever it is."""
    assert timing.pair({"npcnn": 9, "torch": 3, "torch, channels last": 2}) == (9, 2)
    assert timing.pair({"npcnn": 1, "torch": 3, "torch, channels last": 4}) == (1, 3)


def test_means_are_geometric():
    """By group and of all, in the groups' order; none of a group that has no line."""
    lines = [
        line_of("a"),
        line_of("b", seconds=((1, 8, 9), (1, 2, 2))),
        line_of("c", "pool", ((4, 1, 1), (4, 4, 4)), None),
    ]
    found = benchmark.summary(lines)
    assert list(found) == ["dense", "pool", "all"]
    assert found["dense"] == pytest.approx({"forward": 4, "backward": 4})
    assert found["pool"] == pytest.approx({"forward": 0.25, "backward": 1})
    assert found["all"] == pytest.approx({"forward": 4 ** (1 / 3), "backward": 16 ** (1 / 3)})


def test_the_table_tells_it():
    """Operations a second, twice as many backward; pools in ms; the smallest ratio by name."""
    pool = line_of("max 2x2", "pool", ((0.001, 0.0004, 1), (0.002, 1, 0.001)), None)
    told = list(benchmark.table(ABOUT, [line_of("3x3"), pool, line_of("3x3", batch=1)]))
    assert told[0] == "2 CPUs, a processor; Python 3.11, NumPy 2.4 with blas 1,"
    assert told[1] == "torch 2.13; 2 threads each, the fastest of 5 blocks"
    words = [line.split() for line in told]
    assert words[4] == ["float32,", "batch", "8", "forward", "backward", "work"]
    assert words[5] == ["dense,", "GFLOP/s", *["ratio", "npcnn", "product", "torch"] * 2, "MiB"]
    assert words[6] == ["3x3", "2", "3", "-", "1.5", "8", "12", "24", "1.5", "3.0"]
    assert words[7] == ["pool,", "ms", *["ratio", "npcnn", "product", "torch"] * 2, "MiB"]
    assert words[8] == ["max", "2x2", "0.4", "1", "-", "0.4", "0.5", "2", "-", "1", "3.0"]
    assert words[9] == ["geometric", "mean,", "dense", "2", "8"]
    assert words[11] == ["geometric", "mean,", "all", "0.894", "2"]
    assert told[12] == "the smallest ratio is 0.4, forward of max 2x2"
    assert words[14][:3] == ["float32,", "batch", "1"]
    assert told[-1] == "the smallest ratio is 2, forward of 3x3"
    rows = [[word.end() for word in re.finditer(r"\S+", line)][-9:] for line in told[5:9]]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    ends = [re.search("forward", told[4]).end(), re.search("backward", told[4]).end()]
    assert ends == [rows[0][3], rows[0][7]]


def test_the_columns_hold_long_names_and_small_numbers():
    """The longest name of all, and a ratio far below 1, leave a space between columns."""
    name = max((name for _, name in EVERY), key=len)
    tiny = line_of(name, "grouped", ((1.234, 0.000123456, 1), (1, 0.00456789, 1)))
    told = list(benchmark.table(ABOUT, [tiny]))[6]
    assert told.startswith(f"  {name} ")
    assert len(told.removeprefix(f"  {name}").split()) == 9


def test_layers_are_chosen_by_name_or_group():
    """And by dtype and batch, both of which are both unless one is named."""
    every = list(benchmark.chosen("", "", 0))
    assert len(every) == len(set(every)) == 4 * len(EVERY)
    assert [part[:2] for part in every[:: len(EVERY)]] == [
        ("float32", 8),
        ("float32", 1),
        ("float64", 8),
        ("float64", 1),
    ]
    depth = list(benchmark.chosen("depthwise", "float64", 3))
    assert [part[3] for part in depth] == list(benchmark.LAYERS["depthwise"])
    assert {part[:3] for part in depth} == {("float64", 3, "depthwise")}
    assert [part[2:] for part in benchmark.chosen("6 @28", "float32", 1)] == [
        ("dense", "5x5, 1 -> 6 @28"),
        ("pool", "max 2x2 s2, 6 @28"),
    ]
    assert list(benchmark.chosen("nothing", "", 0)) == []


def test_a_run_of_the_smallest_layers(tmp_path, capsys):
    """From the command to the table and the file, which say the same."""
    path = tmp_path / "speed.json"
    words = [
        "--only",
        "6 @28",
        "--blocks",
        "1",
        "--dtype",
        "float32",
        "--batch",
        "1",
        "--json",
        str(path),
    ]
    assert benchmark.main(words) == 0
    told = capsys.readouterr()
    assert told.err == ""
    loaded = json.loads(path.read_text(), parse_constant=pytest.fail)
    lines = [benchmark.Line(**line) for line in loaded["lines"]]
    about = {name: value for name, value in loaded.items() if name not in ("lines", "means")}
    assert about == {**timing.machine(), "blocks": 1}
    assert about["torch"] in told.out
    assert about["numpy"] == np.__version__
    assert told.out.splitlines() == list(benchmark.table(about, lines))
    assert benchmark.as_json(about, lines) + "\n" == path.read_text()
    means = {part: benchmark.summary(those) for part, those in benchmark.parts(lines).items()}
    assert loaded["means"] == means
    assert list(means) == ["float32, batch 1"]
    assert [line.layer for line in lines] == ["5x5, 1 -> 6 @28", "max 2x2 s2, 6 @28"]
    assert [line.flops for line in lines] == [2 * 28**2 * 25 * 6, None]
    for line in lines:
        assert list(line.work) == sorted(timing.PASSES)
        for which in timing.PASSES:
            seconds = line.seconds[which]
            bare = ["product"] if line.flops else []
            assert sorted(seconds) == ["npcnn", *bare, "torch", "torch, channels last"]
            assert all(0 < each < 60 for each in seconds.values())
            ours, theirs = timing.pair(seconds)
            assert line.ratio[which] == theirs / ours


def test_the_json_can_be_all_that_is_printed(monkeypatch, capsys):
    """- is standard output, and the table does not come with it."""
    monkeypatch.setattr(benchmark, "measured", lambda layers, blocks: iter([line_of("3x3")]))
    assert benchmark.main(["--json", "-"]) == 0
    loaded = json.loads(capsys.readouterr().out)
    assert loaded["lines"] == [asdict(line_of("3x3"))]


def test_a_side_has_what_it_needs_alone():
    """Neither torch nor npcnn comes with the rooms; npcnn's side does not bring torch."""
    script = (
        "import sys; from verification import benchmark, fills, row, timing\n"
        "print(sorted({'torch', 'npcnn'} & set(sys.modules)))\n"
        "timing.Layer('npcnn', 'conv x=[1,2,2,1] w=[1,1,1,1] fill=dense', 'float32')\n"
        "print(sorted({'torch', 'npcnn'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["[]", "['npcnn']"]


def test_the_sides_have_as_many_threads(monkeypatch):
    """Told before NumPy and torch are loaded."""
    seen = []

    def process(command, env, **words):
        seen.append((command[1:4], {name: env.get(name) for name in timing._POOLS}))
        raise OSError

    monkeypatch.setattr(timing.subprocess, "Popen", process)
    for name in timing.SIDES:
        with pytest.raises(OSError):  # noqa: PT011 - the one above
            timing.Side(name)
    threads = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(timing.THREADS)
    )
    assert seen == [(["-m", "verification.timing", name], threads) for name in timing.SIDES]


def test_a_side_that_ends_is_not_waited_for():
    """Whoever asks it is told."""
    with timing.Side("nobody") as side:
        for _ in range(2):
            with pytest.raises(timing.EndedError, match="the process of nobody has ended"):
                side.ask("begin", "conv x=[1,2,2,1] w=[1,1,1,1] fill=dense", "float32")
    assert side._process.returncode is not None


def test_a_side_ends_when_nobody_asks():
    """Without a word: its pipe is closed."""
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    timing.serve("npcnn", theirs)
    assert theirs.closed


@pytest.mark.parametrize(
    ("failure", "said"),
    [(timing.EndedError("it has ended"), "it has ended"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_run_that_fails_says_so(failure, said, monkeypatch, capsys):
    """In one line, with exit code 2."""

    def measured(layers, blocks):
        raise failure

    monkeypatch.setattr(benchmark, "measured", measured)
    assert benchmark.main([]) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_what_cannot_be_done_is_said(tmp_path, monkeypatch, capsys):
    """4 for bad usage, 2 for a file that cannot be written, before the run; 3 without torch."""

    def measured(layers, blocks):
        pytest.fail("it measures")

    monkeypatch.setattr(benchmark, "measured", measured)
    for words in (["--only", "no such"], ["--blocks", "0"], ["--batch", "x"], ["--dtype", "int8"]):
        with pytest.raises(SystemExit) as caught:
            benchmark.main(words)
        assert caught.value.code == 4
    assert "no layer's or group's name contains 'no such'" in capsys.readouterr().err
    assert benchmark.main(["--json", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert benchmark.main([]) == 3
    assert capsys.readouterr().err == "the benchmark needs torch, which is not installed\n"
