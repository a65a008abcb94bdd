"""Which file is the detector of a run, in runs of a toy: by what was measured, and by nothing else."""

import json
from pathlib import Path

import mindspore as ms
import pytest

from src.checkpoint.detector_file import METADATA_KEY, read_metadata

LENGTH = ("--max_iter", 40, "--burn_up_iter", 20, "--eval_interval_iter", 10, "--print_interval_iter", 20)
LENGTH += ("--save_checkpoint_interval", 10, "--keep_checkpoint_max", 20, "--bbox_threshold", 0.3)
# The teacher starts upside down and stays so: its students are better than it is.
BAD_TEACHER = ("--ema_ramp", "false", "--ema_keep_rate", 0.99999, "--unsup_loss_weight", 0.0)


def rows_of(folder: Path) -> list[dict]:
    """Of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def scores_of(folder: Path) -> dict[tuple[str, int], float]:
    """AP of each network that was evaluated, by role and steps done, in the order of evaluation."""
    keys = {"student": "student/AP", "teacher": "teacher/AP"}
    return {(role, row["step"] + 1): row[key] for row in rows_of(folder) for role, key in keys.items() if key in row}


def log_of(folder: Path) -> str:
    """What the run said."""
    return (folder / "log.txt").read_text(encoding="utf-8")


def last_line(folder: Path) -> str:
    """How it ended; a run without AP says one line more, on what to do next."""
    return [line for line in log_of(folder).splitlines() if not line.startswith("what to do next: ")][-1]


def weights(path: Path) -> dict[str, bytes]:
    """Numbers of a weight file by name."""
    return {
        name: row.asnumpy().tobytes() for name, row in ms.load_checkpoint(str(path)).items() if name != METADATA_KEY
    }


def evaluating(tiny_data, file: Path, **changes) -> tuple:
    """Options to evaluate on the tiny data with rows that are changed; without rows for ``rows=False``."""
    coco = json.loads(tiny_data.val_file.read_text(encoding="utf-8"))
    rows = [row | changes for row in coco["annotations"]] if changes.pop("rows", True) else []
    file.write_text(json.dumps(coco | {"annotations": rows}))
    return "--eval_img_dir", tiny_data.img_dir, "--eval_ann_file", file


@pytest.fixture(scope="module")
def good_students(toys, tmp_path_factory) -> Path:
    """The folder of a run whose teacher is worse than its students; read only."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert toys.run(folder, *LENGTH, *BAD_TEACHER, upside_down=True) == 0
    return folder


@pytest.fixture(scope="module")
def unmeasured(toys, tiny_data, tmp_path_factory) -> Path:
    """The folder of a run whose evaluation images have no objects; read only."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert toys.run(folder, *LENGTH, *evaluating(tiny_data, folder.with_suffix(".json"), rows=False)) == 0
    return folder


@pytest.mark.parametrize("run", ["good_students", "usual"])
def test_the_best_of_all_evaluated_networks_is_kept(toys, good_students, tmp_path, run):
    folder = good_students
    if run == "usual":
        folder = tmp_path / "run"
        assert toys.run(folder, *LENGTH) == 0
    scores = scores_of(folder)
    assert len(scores) == 4 + 2
    best = max(scores.values())
    role, step = next(name for name, ap in scores.items() if ap == best)
    assert read_metadata(folder / "best_model.ckpt").step == step
    prefix = "teacher_" if role == "teacher" else ""
    assert weights(folder / "best_model.ckpt") == weights(folder / f"{prefix}model_step_{step}.ckpt")
    assert f"the {role} of step {step} with AP {best:.3f} on 5 evaluation images" in last_line(folder)


def test_the_last_line_says_what_was_measured_and_no_more(good_students):
    scores, said = scores_of(good_students), last_line(good_students)
    role, step = max(scores, key=scores.get)
    assert (role, step > 20) == ("student", True), "a student beside the teacher is the best, so it must be considered"
    teacher = max((name for name in scores if name[0] == "teacher"), key=scores.get)
    before = max((name for name in scores if name[1] <= 20), key=scores.get)
    assert said.endswith(
        f"best_model.ckpt, the student of step {step} with AP {scores[role, step]:.3f} on 5 evaluation images; best network "
        f"before the teacher started: AP {scores[before]:.3f} (step {before[1]}); best teacher: AP {scores[teacher]:.3f} "
        f"(step {teacher[1]})"
    )
    assert "labelled images alone" not in said


def test_where_nothing_was_measured_no_network_is_called_the_best(unmeasured):
    log, said = log_of(unmeasured), last_line(unmeasured)
    assert not (unmeasured / "best_model.ckpt").exists()
    assert "WARNING evaluation set: AP cannot be measured, so no best checkpoint can be chosen" in log
    assert log.count("no AP could be measured, so no network is compared with another") == 4
    assert f"the detector is {unmeasured / 'model_0.ckpt'}, the latest teacher; no AP was measured" in said
    assert said.endswith("because none of the 5 labelled images has an object")
    assert "AP 0.000" not in log and set(scores_of(unmeasured).values()) == {None}


def test_crowds_in_the_evaluation_images_are_nothing_to_measure_on_either(toys, tiny_data, tmp_path):
    folder = tmp_path / "run"
    assert toys.run(folder, *LENGTH, *evaluating(tiny_data, tmp_path / "val.json", iscrowd=1)) == 0
    assert not (folder / "best_model.ckpt").exists() and "all 10 boxes are crowds" in last_line(folder)


def test_a_run_on_crowds_alone_is_refused_before_anything_is_made(toys, tiny_data, tmp_path):
    coco = json.loads(tiny_data.train_file.read_text(encoding="utf-8"))
    folder, file = tmp_path / "run", tmp_path / "train.json"
    file.write_text(json.dumps(coco | {"annotations": [row | {"iscrowd": 1} for row in coco["annotations"]]}))
    assert toys.run(folder, *LENGTH, "--train_ann_file", file) == 2
    said = Path(f"{folder}.console").read_text(encoding="utf-8")
    assert "nothing to train on: all 10 boxes are crowds" in said and "Traceback" not in said
    assert not folder.exists()


def test_other_evaluation_images_void_the_best_network_and_keep_its_file(toys, good_students, tiny_data, tmp_path):
    folder = tmp_path / "run"
    assert toys.run(folder, *LENGTH, die_at=40) < 0
    before = (folder / "best_model.ckpt").read_bytes()
    nothing = evaluating(tiny_data, tmp_path / "val.json", rows=False)
    assert toys.run(folder, *LENGTH, *nothing, "--resume") == 0
    (aside,) = folder.glob("best_model_until_step_*.ckpt")
    assert aside.read_bytes() == before and not (folder / "best_model.ckpt").exists()
    assert f"best_model.ckpt is kept as {aside}" in log_of(folder) and "model_0.ckpt, the latest" in last_line(folder)
