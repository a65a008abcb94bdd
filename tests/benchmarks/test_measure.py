import argparse
import ast
import stat
import sys
from pathlib import Path

import pytest

from benchmarks import command, measure, table
from src.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
# Answers as peer.py does, with durations that rise by a second.
STUB = """#!{python}
import json, sys
print(json.dumps({{"words": sys.argv[2:]}}), flush=True)
for number, line in enumerate(sys.stdin):
    print(json.dumps({{"peak_memory_MB": 5.0}} if line == "end\\n" else {{"seconds": 1.0 + number}}), flush=True)
"""


@pytest.fixture
def peer(tmp_path) -> str:
    """A program that stands for an interpreter with torchvision."""
    file = tmp_path / "python"
    file.write_text(STUB.format(python=sys.executable))
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def arguments(**more) -> argparse.Namespace:
    sizes = {"height": 64, "width": 96, "batch_size": 2, "threads": 1, "warmup": 1, "repeats": 3, "peer": None}
    return argparse.Namespace(**sizes | more)


def product_of(seconds: float):
    """A matrix product that takes so long, and twice as long of processors' time."""

    def run(product: measure.MatrixProduct) -> None:
        product.seconds.append(seconds)
        product.cpu_seconds.append(2 * seconds)

    return run


def test_the_summary_of_hand_made_numbers():
    assert measure.summary([3.0, 1.0, 10.0]) == {"median": 3.0, "min": 1.0, "max": 10.0, "count": 3}
    assert measure.summary([4.0, 1.0])["median"] == 2.5


def test_warm_up_is_not_in_the_times_and_both_sides_take_turns(peer, monkeypatch):
    times = iter([50.0, 9.0, 1.0, 2.0, 6.0])  # the first call, one round of warm-up, three rounds
    monkeypatch.setattr(measure, "timed", lambda run: run())
    monkeypatch.setattr(measure, "timed_twice", lambda run: (value := run(), value / 2))
    monkeypatch.setattr(measure.MatrixProduct, "run", product_of(2.0))
    result = measure.rounds({"it": lambda: next(times)}, ["task", "--more"], arguments(peer=peer), {"it": 4e9})
    run = result["runs"]["it"]
    assert run["first_call"] == 50.0
    assert run["seconds"] == {"median": 2.0, "min": 1.0, "max": 6.0, "count": 3}
    assert run["peer"]["seconds"] == {"median": 3.0, "min": 2.0, "max": 4.0, "count": 3}
    assert run["ratio"] == pytest.approx(2 / 3)
    assert run["cpu_seconds"] == {"median": 1.0, "min": 0.5, "max": 3.0, "count": 3}
    assert (run["GFLOP"], run["GFLOP/s"]) == (4.0, 2.0)
    product = 2 * 2048**3 / 4.0  # operations a second of processor time; the runs reach 4e9 in 0.5, 1 and 3 s of it
    found, wanted = run["of_matrix_product"], {"median": 4e9, "min": 4e9 / 3, "max": 8e9}
    assert {name: found[name] for name in wanted} == pytest.approx(
        {key: rate / product for key, rate in wanted.items()}
    )
    assert result["matrix_product_GFLOP/s"]["median"] == pytest.approx(2 * 2048**3 / 2e9)
    words = ["task", "--more", "--height=64", "--width=96", "--batch_size=2", "--threads=1"]
    assert result["peer"] == {"words": words, "peak_memory_MB": 5.0}


def test_without_a_peer_there_is_no_ratio(monkeypatch):
    monkeypatch.setattr(measure.MatrixProduct, "run", product_of(1.0))
    result = measure.rounds({"it": lambda: None}, ["task"], arguments())
    assert set(result) == {"runs", "matrix_product_GFLOP/s"} and set(result["runs"]["it"]) == {
        "seconds",
        "cpu_seconds",
        "first_call",
    }


@pytest.mark.parametrize(("python", "said"), [("/no/such/python", "cannot start"), ("/bin/false", "status 1")])
def test_a_peer_that_does_not_run_is_named(python, said):
    with pytest.raises(UserError, match=said):
        measure.Peer(["step"], arguments(peer=python))


def test_the_matrix_product_is_timed_in_a_process_of_its_own():
    before = measure.memory()
    product = measure.MatrixProduct(1)
    product.run()
    product.run()
    product.close()
    assert product.process.returncode == 0 and measure.memory() < before + 16  # MB; the matrices take 48
    assert len(product.seconds) == 2 and min(product.seconds) > 0
    for seconds, cpu_seconds in zip(product.seconds, product.cpu_seconds, strict=True):
        assert 0 < cpu_seconds < 1.1 * seconds + 0.1, "one thread"


def test_the_peak_of_memory_counts_this_process():
    before = measure.peak_memory()
    block = bytearray(200 * 2**20)
    block[:: 2**12] = b"x" * len(block[:: 2**12])
    assert 180 < measure.peak_memory() - before < 300 or before > 400  # an earlier test may have held more


@pytest.mark.parametrize("words", [["--repeats", "0"], ["--height", "5"], ["--threads", "4096"], ["--json", __file__]])
def test_a_wrong_command_line_is_refused(words):
    parser = command.options("", "height", "repeats")
    with pytest.raises(UserError, match="expected|exists already"):
        command.start(parser, words)


def test_a_report_is_printed_a_line_a_summary():
    report = {"machine": {"cpu": "x"}, "seconds": measure.summary([0.12345, 2.0, 3.0]), "ratio": 0.123456}
    lines = ["machine:", "  cpu: x", "seconds: 2 (0.1235 to 3, 3 runs)", "ratio: 0.1235"]
    assert command.lines_of(report) == lines


def test_every_run_of_a_report_is_a_row_of_the_table():
    run = {
        "seconds": measure.summary([2.0]),
        "peer": {"seconds": measure.summary([4.0])},
        "ratio": 0.5,
        "GFLOP/s": 99.6,
    }
    around = {"runs": {"step": run}, "matrix_product_GFLOP/s": measure.summary([400.0]), "peak_memory_MB": 2048.0}
    report = {"supervised": around, "two_views": {"runs": {"step": {"seconds": measure.summary([3.0])}}}, "ratio": 1.5}
    rows = [table.line(Path("step.json"), "64x96, 2", *row) for row in table.rows(report)]
    assert rows[0] == "| step supervised step | 64x96, 2 | 2 | 4 | 0.50 | 100 | 400 | 2.0 |"
    assert rows[1] == "| step two_views step | 64x96, 2 | 3 |  |  |  |  |  |"


def test_the_peer_needs_torch_and_torchvision_alone():
    tree = ast.parse((ROOT / "benchmarks/peer.py").read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    roots = {name.split(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == {"numpy", "torch", "torchvision"}
