"""The harness as a user starts it, with programs that stand in for training and detecting."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.benchmarks.label_efficiency.plans import ARMS, PLAN


def read(path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_plan_becomes_results_tables_and_a_chart(bench):
    bench.plan(seeds=[1, 2], fewer_seeds={75: 1})
    said = bench.run("--cores", "0")
    names = {"supervised_50", "semi_supervised_50", "random_50to75", "entropy_50to75"}
    found = {path.name for path in bench.results.glob("*_seed*.json")}
    assert found == {f"{name}_seed{seed}.json" for name in names for seed in (1, 2) if "75" not in name or seed == 1}
    cell = read(bench.results / "supervised_50_seed1.json")
    assert cell["labelled"]["images"] == 4 and cell["labelled"]["boxes"] == sum(cell["labelled"]["by_class"].values())
    # One pass over 4 images, half of it burn-in, and a semi-supervised step costs twice: 2 + 2 * 2 steps in equal minutes.
    assert [cell["scores"][name]["steps"] for name in ("equal_steps", "equal_minutes")] == [4, 6]
    assert [cell["scores"][name]["minutes"] for name in ("equal_steps", "equal_minutes")] == [0.03, 0.04]
    assert cell["scores"]["equal_steps"]["chosen"] == {"step": 4, "role": "average", "AP": 4 / 512}
    assert cell["scores"]["equal_steps"]["AP"] == pytest.approx(0.1 + 0.04 + 0.004 + 0.005)
    assert [row["name"] for row in cell["commands"]] == [
        "labels",
        "train",
        "test_equal_steps",
        "train_on",
        "test_equal_minutes",
    ]
    text = (bench.results / "supervised_50_seed1.json").read_text()
    assert str(bench.folder) not in text and str(bench.data) not in text and str(bench.programs) not in text

    # The arms of a seed share their labels; what is picked comes on top of them; a seed has its own.
    first, second = (read(bench.cells / f"{arm}_50_seed1" / "labels.json") for arm in ("supervised", "semi_supervised"))
    assert first["images"] == second["images"]
    labelled = [read(bench.results / f"{arm}_50to75_seed1.json")["labelled_images"] for arm in ("random", "entropy")]
    known = {image["file_name"] for image in first["images"] if image.get("labelled", True)}
    assert len(known) == 4 and all(known < set(names) and len(names) == 6 for names in labelled)
    other = read(bench.cells / "supervised_50_seed2" / "labels.json")
    assert {image["file_name"] for image in other["images"] if image.get("labelled", True)} != known

    # Semi-supervised is 2 points better at equal steps, and 1.8 at equal minutes, for two more steps are worth 0.2.
    summary = read(bench.results / "summary.json")
    rows = {(row["ours"], row["theirs"], row["terms"]): row["difference"] for row in summary["differences"]}
    gains = [rows["semi_supervised", "supervised", f"50 %, equal {what}"]["mean"] for what in ("steps", "minutes")]
    assert gains == pytest.approx([2.0, 1.8])
    assert rows["entropy", "random", "50 % to 75 %, as many images"]["values"] == pytest.approx({"1": 0.0})
    assert "| semi_supervised | supervised | 50 %, equal steps | +2.00 |" in said
    chart = (bench.results / "chart.svg").read_text()
    assert chart.startswith("<?xml") and "random" in chart and "hours of labelling at 7 s per box" in chart


def test_what_is_done_is_not_done_again(bench):
    bench.plan(arms={"supervised": ARMS["supervised"]})
    bench.run()
    before = bench.starts()
    said = bench.run()
    assert "1 of 1 cells are done" in said and bench.starts() == before
    # A result is enough, as it comes with a clone; without it, finished programs are not started again either.
    result = bench.results / "supervised_50_seed1.json"
    content = read(result)
    result.unlink()
    bench.run()
    assert bench.starts() == before and read(result)["scores"] == content["scores"]
    assert {path.name for path in (bench.cells / "supervised_50_seed1" / "run").iterdir()} == {
        "best_model.ckpt",
        "config.yaml",
        "log.txt",
        "metrics.jsonl",
    }


def test_a_detector_that_later_cells_need_is_made_again_and_its_result_stays(bench, tmp_path):
    arms = {name: ARMS[name] for name in ("supervised", "semi_supervised", "entropy")}
    bench.plan(arms=arms)
    bench.run("--only", "semi_supervised*", "--results", tmp_path / "evidence")
    result = tmp_path / "evidence" / "practice" / "semi_supervised_50_seed1.json"
    content = result.read_text()
    bench.folder = tmp_path / "clone"
    bench.folder.mkdir()
    bench.plan(arms=arms)
    bench.run("--only", "entropy*", "--results", tmp_path / "evidence")
    assert [line.split()[0] for line in bench.starts()] == ["semi_supervised_50_seed1", "entropy_50to75_seed1"]
    assert result.read_text() == content


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_stopped_or_killed_anywhere_the_same_command_goes_on(bench, number):
    bench.plan(passes={"default": 10})
    only = ("--only", "supervised*")
    steps = bench.cells / "supervised_50_seed1" / "run" / "steps.txt"
    for hold in (5, 45):  # within the first training and within its continuation
        bench.environment = {"STAND_IN_HOLD": str(hold)}
        process = bench.start(*only)
        while not steps.is_file() or len(steps.read_text().splitlines()) < hold:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        process.send_signal(number)
        said, _ = process.communicate()
        assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), said
        assert number == signal.SIGKILL or "the same command resumes" in said
        training = bench.starts()[-1].split()[1]
        for _ in range(500):
            if not is_alive(training):
                break
            time.sleep(0.02)
        assert not is_alive(training), "a training outlived its harness"
        assert [int(line) for line in steps.read_text().splitlines()] == list(range(hold + (number != signal.SIGKILL)))
    bench.environment = {}
    bench.run(*only)
    assert steps.parent.exists() and not steps.exists()  # forgotten with the states
    assert sum("--resume" in line for line in bench.starts()) >= 2
    cell = read(bench.results / "supervised_50_seed1.json")
    assert cell["scores"]["equal_minutes"]["steps"] == 60


def is_alive(process: str) -> bool:
    """Whether a process of this number runs; one that ended and waits for its parent to notice does not."""
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_cell_that_fails_leaves_the_others_and_says_where(bench):
    arms = ARMS | {"semi_supervised": ARMS["semi_supervised"] | {"options": {"base_lr": 666}}}
    bench.plan(arms=arms)
    said = bench.run(status=2)
    assert (
        "error: 1 cells failed; not started, because they need these: random_50to75_seed1, entropy_50to75_seed1" in said
    )
    assert "train.py ended with status 1; see " in said and "Traceback" not in said
    assert (bench.results / "supervised_50_seed1.json").is_file()
    assert "a fault" in (bench.cells / "semi_supervised_50_seed1" / "train.log").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"global_seed": 5}, "global_seed: the plan says it as seeds"),
        ({"max_iter": 5}, "max_iter: the plan says it as passes"),
        ({"train_ann_file": "x.json"}, "train_ann_file: the plan says it as data"),
        ({"resume": True}, "resume: each cell has a folder of its own"),
        ({"--base_lr": 0.1}, "--base_lr: a setting has no dashes before it; write base_lr"),
    ],
)
def test_options_that_would_not_reach_the_cells_are_refused(bench, options, said):
    bench.plan(options=options)
    assert f"options.{said}" in bench.run(status=2) and not bench.cells.exists()
    bench.plan(arms=ARMS | {"semi_supervised": ARMS["semi_supervised"] | {"options": options}})
    assert f"arms.semi_supervised.options.{said}" in bench.run(status=2) and not bench.cells.exists()


def test_a_value_that_looks_like_an_option_is_told_as_a_value(bench):
    bench.plan(options={"base_lr": "-x"})
    said = bench.run(status=2)
    assert "base_lr" in said and "-x" in said and "usage" not in said and "expected one argument" not in said
    assert not bench.cells.exists()


def test_a_result_of_another_plan_is_refused(bench):
    bench.plan(arms={"supervised": ARMS["supervised"]})
    bench.run()
    bench.plan(arms={"supervised": ARMS["supervised"] | {"options": {"base_lr": 0.01}}})
    said = bench.run(status=2)
    assert "supervised_50_seed1.json was made with other settings; remove it, or give another --results" in said
    assert "arm.options.base_lr: was None, is 0.01" in said


def test_choosing_among_arms_leaves_the_test_part_alone(bench):
    bench.plan(report="validation", arms={"supervised": ARMS["supervised"]}, evaluations=2)
    bench.run()
    cell = read(bench.results / "supervised_50_seed1.json")
    assert [row["name"] for row in cell["commands"]] == ["labels", "train"]
    assert cell["scores"]["equal_steps"]["AP"] == 4 / 512


def test_as_many_boxes(bench):
    boxes = ARMS["random"] | {"boxes_of": "entropy"}
    bench.plan(arms=ARMS | {"random_boxes": boxes})
    bench.run("--only", "random_boxes*")
    ours, theirs = (read(bench.results / f"{arm}_50to75_seed1.json")["labelled"] for arm in ("random_boxes", "entropy"))
    assert abs(ours["boxes"] - theirs["boxes"]) <= 3


def test_mistakes_are_told_before_anything_starts(bench, tmp_path):
    bench.plan(config="none.yaml")
    assert "cannot read config file" in bench.run(status=2)
    bench.plan(parts=PLAN["parts"] | {"train": 9})
    assert "parts: 9 + 3 + 4 = 16 images, but there are 15" in bench.run(status=2)
    bench.plan()
    assert "--only nothing: no such cell" in bench.run("--only", "nothing", status=2)
    assert "--cores 99: expected numbers of cores" in bench.run("--cores", "99", status=2)
    assert "no such file" in bench.run("--weights", tmp_path / "none.npz", status=2)
    bench.data = tmp_path
    assert "images: not there (data.images of the plan" in bench.run(status=2)
    assert not bench.starts()


def test_listing_starts_nothing(bench):
    said = bench.run("--list")
    assert "semi_supervised_50_seed1: 4 steps, 0:00:06" in said and "4 cells, 4 to do: 0.0 core-hours" in said
    assert not bench.starts()
