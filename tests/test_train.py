"""train.py from files to files: both phases, a run that is stopped and killed, and everything it refuses to start."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

import train as training_script
from src.allocator import jemalloc
from src.checkpoint.detector_file import read_metadata
from src.checkpoint.run_state import StateFiles
from src.config.load import load_config
from src.engine import loop
from src.engine.compile_cache.graph_store import GraphStore
from src.network_define import TrainStep

ROOT = Path(__file__).resolve().parents[1]
# train.py in a process that gets a signal when a step is about to begin.
SIGNALLED = """
import os, signal, sys
import train
from src.engine import loop

def take_step(run, step, *more, whole=loop.take_step):
    if step == {step}:
        os.kill(os.getpid(), signal.{signal})
    whole(run, step, *more)

loop.take_step = take_step
train.main(sys.argv[1:])
"""


def arguments(data, config, folder, *more) -> list[str]:
    """Words of the command line of a run on the tiny data set."""
    files = ("--train_img_dir", data.img_dir, "--train_ann_file", data.train_file, "--save_checkpoint_path", folder)
    return [str(word) for word in ("--config_path", config, *files, *more)]


def scoring(data) -> tuple:
    """The arguments that make a run evaluate itself."""
    return "--eval_img_dir", data.img_dir, "--eval_ann_file", data.val_file


@dataclass(frozen=True)
class Finished:
    """A run of four steps, two of them with a teacher, which compiled its networks and left them in the compile cache."""

    folder: Path
    words: list[str]

    def log(self) -> str:
        """What it said."""
        return (self.folder / "log.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tiny_data, tiny_config, tmp_path_factory) -> Finished:
    """See ``Finished``; read only."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    more = ("--save_checkpoint_interval", 1, "--bbox_threshold", 0.3, *scoring(tiny_data))
    run = Finished(folder, arguments(tiny_data, tiny_config, folder, *more))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GraphStore, "copy_to", lambda *_: False)  # nothing is loaded, also not what another test has left
        training_script.main(run.words)
    return run


def weights(path: Path) -> dict[str, np.ndarray]:
    """Numbers of a weight or state file by name."""
    return {name: row.asnumpy() for name, row in ms.load_checkpoint(str(path)).items() if isinstance(row, ms.Tensor)}


def refusal(words, capsys) -> str:
    """What a run says that does not start."""
    with pytest.raises(SystemExit) as stopped:
        training_script.main(words)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said
    return said


def test_a_run_keeps_others_from_its_folder_while_it_trains(tiny_data, tiny_config, tmp_path, monkeypatch, capsys):
    words = arguments(tiny_data, tiny_config, tmp_path / "run")
    seen = []

    def train(run, first_step):
        seen.append([refusal([*words, more], capsys) for more in ("--resume", "--overwrite")])

    monkeypatch.setattr(training_script, "tell_time", lambda run, chosen: None)
    monkeypatch.setattr(training_script, "train", train)
    monkeypatch.setattr(training_script, "outcome", lambda run: "not trained")
    training_script.main(words)
    assert [said.startswith("error: save_checkpoint_path: another process is training in ") for said in seen[0]] == [
        True,
        True,
    ]
    training_script.main([*words, "--overwrite"])
    assert len(seen) == 2, "the lock ends with the run"


def test_a_run_leaves_its_files(finished, tiny_data):
    names = {path.name for path in finished.folder.iterdir()}
    steps = {"model_step_2.ckpt", "model_step_3.ckpt", "model_step_4.ckpt"}
    teachers = {"teacher_model_step_3.ckpt", "teacher_model_step_4.ckpt"}
    others = {"config.yaml", "log.txt", "metrics.jsonl", "tensorboard", "model_0.ckpt", "best_model.ckpt"}
    others |= {"state.ckpt", "state_before.ckpt"}
    assert names == steps | teachers | others
    config = load_config("", ["--config_path", str(finished.folder / "config.yaml")])
    assert (config.max_iter, config.bbox_threshold, config.train_img_dir) == (4, 0.3, str(tiny_data.img_dir))
    card = read_metadata(finished.folder / "model_0.ckpt")
    assert (card.class_names, card.category_ids, card.step) == (["square", "circle"], [4, 5], 4)
    assert card.recipe == config.as_dict()


def test_the_latest_detector_is_the_teacher_which_follows_the_student(finished):
    latest, teacher = (weights(finished.folder / name) for name in ("model_0.ckpt", "teacher_model_step_4.ckpt"))
    student = weights(finished.folder / "model_step_4.ckpt")
    assert all((latest[name] == teacher[name]).all() for name in teacher)
    # After its second step the ramp has made the teacher the mean of the students that it saw.
    seen = [weights(finished.folder / f"model_step_{step}.ckpt") for step in (2, 3)]
    for name in ("rpn.conv.weight", "backbone.bn1.moving_mean", "box_head.classes.bias"):
        np.testing.assert_allclose(teacher[name], (seen[0][name] + seen[1][name]) / 2, rtol=1e-3, atol=1e-6)
        assert (student[name] != teacher[name]).any()


def test_the_log_says_what_happens(finished):
    said = finished.log()
    assert "5 labelled and 3 unlabelled images" in said and "2 classes: square, circle" in said
    assert "burn-in: the student is trained on labelled images alone; the teacher starts at step 2" in said
    assert (
        "5 labelled and 3 unlabelled images; the labels are 10 boxes\nlabelled images without a box, all of whose area is background: 1"
        in said
    )
    assert "the teacher starts at step 2, initialised" in said
    assert (
        said.index("step: 1, avg loss")
        < said.index("the teacher starts at step 2, initialised")
        < said.index("step: 2, avg loss")
    )
    assert "step 2, student on 5 evaluation images" in said and "step 4, teacher on 5 evaluation images" in said
    assert f"end: the detector is {finished.folder / 'best_model.ckpt'}, the " in said.splitlines()[-1]
    assert "Average Precision" in said and "pseudo boxes per image" in said


def test_the_numbers_of_each_step(finished):
    rows = [json.loads(line) for line in (finished.folder / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == [0, 1, 2, 3]
    assert all(np.isfinite(list(row.values())).all() and row["overflow"] == 0 for row in steps)
    assert ["pseudo_boxes" in row for row in steps] == [False, False, True, True]
    scores = [row for row in rows if "student/AP" in row]
    assert [row["step"] for row in scores] == [1, 3]
    assert ["teacher/AP" in row for row in scores] == [False, True] and "student/AP50/circle" in scores[0]


def test_a_run_that_is_stopped_and_killed_ends_with_the_same_bits(finished, tmp_path, capsys):
    folder = tmp_path / "run"
    words = [*finished.words, "--save_checkpoint_path", str(folder)]

    def start(step: int, number: signal.Signals, *more: str) -> tuple[int, str]:
        script = SIGNALLED.format(step=step, signal=number.name)
        whole = [sys.executable, "-c", script, *words, *more]
        environment = {**os.environ, "LD_PRELOAD": str(jemalloc() or "")}  # of train.py, which this is not by its name
        done = subprocess.run(whole, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    status, said = start(1, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM
    assert "stopped by SIGTERM or Ctrl-C after step 2 of 4; everything is saved, resume with" in said
    assert "student on 5 evaluation images" not in said, "a run that is asked to stop does not evaluate first"
    status, said = start(3, signal.SIGKILL, "--resume")
    assert status == -signal.SIGKILL
    assert "steps 2 to 4" in said and said.index("step 2, student on 5") < said.index("step: 2, avg")
    refused = refusal([*words, "--resume", "--base_lr", "0.5", "--max_iter", "9"], capsys)
    assert "base_lr: was 0.005, is 0.5" in refused and "max_iter: was 4, is 9" in refused

    # The rest of the run reads its images from a cache instead of their files, which must make no difference.
    training_script.main([*words, "--resume", "--mindrecord_dir", str(folder / "caches")])
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert "steps 3 to 4" in log and "training data: COCO JSON" in log
    assert log.count("are read from the MindRecord cache") == 2, "those of training and of evaluation"
    names = sorted(path.name for path in folder.glob("*.ckpt"))
    assert names == sorted(path.name for path in finished.folder.glob("*.ckpt"))
    for name in names:
        ours, theirs = weights(folder / name), weights(finished.folder / name)
        assert ours.keys() == theirs.keys()
        assert not [key for key in ours if ours[key].tobytes() != theirs[key].tobytes()], name
    metadata = [StateFiles(run / "state.ckpt", run / "none").read().metadata for run in (folder, finished.folder)]
    assert metadata[0]["best"] == metadata[1]["best"] and metadata[0]["best"]["AP"] is not None


def test_networks_from_the_compile_cache_train_with_the_same_bits(finished, tmp_path, monkeypatch):
    """`finished` compiled its networks; here all come from the cache."""
    folder = tmp_path / "run"
    loaded, copy_to = [], GraphStore.copy_to
    monkeypatch.setattr(GraphStore, "copy_to", lambda *args: loaded.append(copy_to(*args)) or loaded[-1])
    training_script.main([*finished.words, "--save_checkpoint_path", str(folder)])
    assert loaded == [True] * 3, "of burn-in, of the evaluation, and with a teacher"
    ours, theirs = weights(folder / "state.ckpt"), weights(finished.folder / "state.ckpt")
    assert ours.keys() == theirs.keys()
    assert not [key for key in ours if ours[key].tobytes() != theirs[key].tobytes()]
    rows, expected = ((run / "metrics.jsonl").read_text().splitlines() for run in (folder, finished.folder))
    for row, other in zip(map(json.loads, rows), map(json.loads, expected), strict=True):
        assert {key: row[key] for key in row if "_time" not in key} == {
            key: other[key] for key in other if "_time" not in key
        }


@dataclass(frozen=True)
class Supervised:
    """A run of three steps of three batches on labels alone, and the order of what happened in it."""

    folder: Path
    events: list[str]  # "batch", "copy" of a tensor to the host, "log"


@pytest.fixture(scope="module")
def supervised(tiny_data, tiny_config, tmp_path_factory) -> Supervised:
    """See ``Supervised``; in mixed precision and with other choices, a log line after the first step and after the last."""
    run = Supervised(tmp_path_factory.mktemp("supervised"), [])

    def noted(event, call):
        def note_and_call(*args, **kwargs):
            run.events.append(event)
            return call(*args, **kwargs)

        return note_and_call

    words = arguments(tiny_data, tiny_config, run.folder, "--train_ann_file", tiny_data.val_file, "--max_epoch", 3)
    words += ["--burn_up_iter", "0", "--mixed_precision", "true", "--loss_scale", "256", "--print_interval_iter", "3"]
    words += ["--save_checkpoint_interval", "3"]
    words += ["--opt_type", "adamw", "--base_lr", "1e-4", "--accumulate_steps", "3", "--lr_reference_batch", "12"]
    words += ["--clip_by", "all", "--expand_ratio", "0.5", "--multi_scale", "0.6,1", "--photo_ratio", "1"]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("asnumpy", "item", "tolist", "__bool__", "__float__", "__int__"):
            patch.setattr(ms.Tensor, name, noted("copy", getattr(ms.Tensor, name)))
        patch.setattr(TrainStep, "__call__", noted("batch", TrainStep.__call__))
        patch.setattr(loop, "log_steps", noted("log", loop.log_steps))
        training_script.main(words)
    return run


def test_labelled_images_alone_are_a_supervised_run_here_in_mixed_precision_and_with_other_choices(supervised):
    said = (supervised.folder / "log.txt").read_text(encoding="utf-8")
    assert "supervised training: no unlabelled images" in said and "teacher starts" not in said
    assert "1 x CPU, mixed precision" in said
    assert "max_epoch: 3 x 5 labelled images / 6 per step = step 3" in said
    assert "base_lr: 0.0001 x 6 images per step / lr_reference_batch 12 = 5e-05" in said
    names = {path.name for path in supervised.folder.glob("*.ckpt")}
    assert names >= {"model_0.ckpt", "model_step_3.ckpt", "state.ckpt"} and not any("teacher" in name for name in names)
    rows = [json.loads(line) for line in (supervised.folder / "metrics.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "loss" in row]
    assert [row["step"] for row in rows] == [0, 2]
    assert all(np.isfinite(row["loss"]) and row["loss"] > 0 and row["scaling_sens"] == 256 for row in rows)
    kinds = {parameter.dtype for parameter in weights(supervised.folder / "model_0.ckpt").values()}
    assert kinds == {np.dtype(np.float32)}


def test_nothing_is_copied_to_the_host_between_two_log_lines(supervised):
    events = supervised.events
    assert events.count("batch") == 9 and events.count("log") == 2
    after_first_log = events[events.index("log") + 1 :]
    batches = [place for place, event in enumerate(after_first_log) if event == "batch"]
    assert len(batches) == 6 and "copy" not in after_first_log[batches[0] : batches[-1]]
    assert "copy" in after_first_log[batches[-1] : after_first_log.index("log")], "the test does not see copies"


def test_a_folder_with_another_run_is_left_alone(finished, tiny_data, tiny_config, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")}
    said = refusal(arguments(tiny_data, tiny_config, finished.folder), capsys)
    assert "holds another run" in said and "--overwrite" in said
    # A mistake elsewhere costs the old run nothing, even when it may be overwritten.
    wrong = ("--overwrite", "--train_ann_file", tiny_data.img_dir / "none.json")
    assert "none.json" in refusal(arguments(tiny_data, tiny_config, finished.folder, *wrong), capsys)
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")} == before


def test_frozen_parts_need_weights(tiny_data, tiny_config, tmp_path, capsys):
    said = refusal(arguments(tiny_data, tiny_config, tmp_path, "--frozen_stages", 2), capsys)
    assert "pre_trained: frozen_stages 2" in said and "--pre_trained WEIGHTS" in said
    said = refusal(arguments(tiny_data, tiny_config, tmp_path, "--frozen_batch_norm", "true"), capsys)
    assert "frozen_batch_norm True" in said
    assert not list(tmp_path.iterdir())


def test_mistakes_in_the_data_stop_a_run_before_it_starts(tiny_data, tiny_config, tmp_path, capsys):
    def said(*more) -> str:
        return refusal(arguments(tiny_data, tiny_config, tmp_path / "run", *more), capsys)

    assert "none of the 8 image files" in said("--train_img_dir", tmp_path)
    coco = json.loads(tiny_data.train_file.read_text())
    hidden = [image | {"labelled": False} for image in coco["images"]]
    (tmp_path / "hidden.json").write_text(json.dumps(coco | {"images": hidden, "annotations": []}))
    assert "has no labelled image" in said("--train_ann_file", tmp_path / "hidden.json")
    (tmp_path / "empty folder").mkdir()
    assert "empty folder" in said("--unlabelled_img_dir", tmp_path / "empty folder")
    assert "--num_gts" in said("--num_gts", 3, "--test_max_per_img", 3)
    coco["categories"][0]["name"] = "triangle"
    labelled = [image for image in coco["images"] if "labelled" not in image]
    (tmp_path / "other.json").write_text(json.dumps(coco | {"images": labelled}))
    other = said("--eval_img_dir", tiny_data.img_dir, "--eval_ann_file", tmp_path / "other.json")
    assert "triangle (6 objects) is not one of the classes square, circle" in other
    assert "missing: --train_img_dir, --train_ann_file" in refusal(["--config_path", str(tiny_config)], capsys)
    assert "no usable GPU" in said("--device_target", "GPU")
    assert not (tmp_path / "run").exists()
