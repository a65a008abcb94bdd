"""A run that was stopped or killed, or whose newest state is damaged, resumes with the results of an uninterrupted run, bit for bit."""

import json
import random
import shutil
import signal
from pathlib import Path

import mindspore as ms
import pytest

from src.checkpoint.detector_file import METADATA_KEY, write_checkpoint
from src.checkpoint.run_state import StateFiles

KILLS = 22
# Log lines, evaluations and the change of phase fall on different steps, so that a stop meets every mixture of them.
LONG = ("--max_iter", 130, "--burn_up_iter", 30, "--print_interval_iter", 7, "--eval_interval_iter", 25)
SHORT = ("--max_iter", 5, "--burn_up_iter", 2, "--print_interval_iter", 2)
# From the first moment of the save after step 3 to its last; before are config.yaml, two saves and an evaluation.
MOMENTS = range(38, 55)


@pytest.fixture(scope="module")
def long_run(toys, tmp_path_factory) -> Path:
    """The folder of 130 steps that nothing interrupted; read only."""
    folder = tmp_path_factory.mktemp("runs") / "long"
    assert toys.run(folder, *LONG) == 0
    return folder


@pytest.fixture(scope="module")
def short_run(toys, tmp_path_factory) -> Path:
    """The folder of 5 steps that nothing interrupted; read only."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    assert toys.run(folder, *SHORT) == 0
    return folder


@pytest.fixture(scope="module")
def killed_run(toys, tmp_path_factory) -> Path:
    """The folder of a short run that was killed after step 3, when the log had half an interval; read only."""
    folder = tmp_path_factory.mktemp("runs") / "killed"
    assert toys.run(folder, *SHORT, die_at=MOMENTS[-1] + 1) == -signal.SIGKILL
    assert step_of(folder / "state.ckpt") == 3 and step_of(folder / "state_before.ckpt") == 2
    return folder


def contents(path: Path) -> dict:
    """Bytes of each parameter of a checkpoint, and the metadata of a state.

    Left out are the settings, which name the folder, and what depends on measured times: the watcher of the data, and with it
    the number of rows in metrics.jsonl.
    """
    values = ms.load_checkpoint(str(path))
    metadata = json.loads(str(values.pop("card")))
    texts = {key: value for key, value in metadata.items() if key not in ("config", "recipe", "rows")}
    watch = texts.get("watch", {})
    watch.get("watchers", {}).pop("slow_data", None)
    watch["told"] = [name for name in watch.get("told", []) if name != "slow_data"]
    return texts | {name: value.asnumpy().tobytes() for name, value in values.items()}


def step_of(path: Path) -> int:
    """Steps done when a state was written."""
    return int(ms.load_checkpoint(str(path))["run.step"].asnumpy())


def logged(folder: Path) -> dict[tuple, dict]:
    """(step, watcher) -> its values in metrics.jsonl without times, each of which must occur once; watcher is None for metrics."""
    steps: dict[tuple, dict] = {}
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        row = {name: value for name, value in json.loads(line).items() if not name.endswith("_time")}
        known = steps.setdefault((row["step"], row.get("watcher")), {})
        assert known.keys() & row.keys() <= {"step", "watcher"}, f"logged twice: {known}, {row}"
        known |= row
    return {key: row for key, row in steps.items() if "slow_data" not in key}


def assert_same_end(folder: Path, uninterrupted: Path) -> None:
    """Both runs end with the same bits: weights, optimizer, teacher, loss scale, best score, losses of all steps."""
    weights = {path.name for path in uninterrupted.glob("*.ckpt")}
    assert weights >= {"state.ckpt", "model_0.ckpt", "best_model.ckpt"}
    assert {path.name for path in folder.glob("*.ckpt")} == weights
    for name in weights:
        ours, theirs = contents(folder / name), contents(uninterrupted / name)
        assert ours.keys() == theirs.keys()
        assert not [key for key in ours if ours[key] != theirs[key]], name
    assert logged(folder) == logged(uninterrupted)
    assert not list(folder.glob(".*")), "temporary files are removed"


def console(folder: Path) -> str:
    """The console output of all starts of a run."""
    return Path(f"{folder}.console").read_text(encoding="utf-8")


def resume_option(folder: Path) -> tuple:
    """--resume, if the run has left a file; a run that was killed before its first file is started anew."""
    left = [path for path in folder.glob("[!.]*") if path.is_file()]
    return ("--resume",) if left else ()


def test_killed_at_random_moments(toys, long_run, tmp_path):
    moments, kills, number = random.Random(7), 0, 0
    folder = tmp_path / "run_0"
    while kills < KILLS:
        kill = ("", moments.uniform(0.1, 0.9), signal.SIGKILL)
        status = toys.run(folder, *LONG, *resume_option(folder), signal=kill, untimed=True)
        assert status in (0, -signal.SIGKILL), console(folder)
        kills += status != 0
        if status == 0:  # it ended before it was killed: continue with another run
            assert_same_end(folder, long_run)
            number += 1
            folder = tmp_path / f"run_{number}"
    assert toys.run(folder, *LONG, *resume_option(folder), untimed=True) == 0, console(folder)
    assert_same_end(folder, long_run)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_each_moment_of_saving(toys, short_run, tmp_path, moment):
    folder = tmp_path / "run"
    assert toys.run(folder, *SHORT, die_at=moment) == -signal.SIGKILL
    assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)
    assert_same_end(folder, short_run)


def test_killed_between_the_scores_of_an_evaluation_and_the_state_that_holds_them(toys, short_run, tmp_path):
    folder = tmp_path / "run"
    for words in ((), ("--resume",)):
        assert toys.run(folder, *SHORT, *words, die_at=MOMENTS[0] - 1 if not words else 6) == -signal.SIGKILL
    rows = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    assert rows.count('student/AP50"') == 1 and step_of(folder / "state.ckpt") == 2, (
        "scores are there, the state is older"
    )
    assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)
    assert_same_end(folder, short_run)


def test_weights_whose_state_could_not_be_written_are_kept(toys, short_run, tmp_path):
    folder = tmp_path / "run"
    assert toys.run(folder, *SHORT, die_at=12) == -signal.SIGKILL
    saved = {path.name: path.read_bytes() for path in folder.glob("[!.]*.ckpt")}
    assert saved.keys() == {"model_0.ckpt", "model_step_1.ckpt"}
    assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)
    assert "no run state was saved, so the run starts again; kept in weights_without_state/: model_0.ckpt" in console(
        folder
    )
    assert {path.name: path.read_bytes() for path in (folder / "weights_without_state").iterdir()} == saved
    assert_same_end(folder, short_run)


@pytest.mark.parametrize("name", ["log.txt", "metrics.jsonl"])
def test_a_disk_that_gets_full_at_a_line_of_the_log(toys, short_run, killed_run, tmp_path, name):
    folder = shutil.copytree(killed_run, tmp_path / "run")
    lines = (folder / name).read_bytes()
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/full")
    assert toys.run(folder, *SHORT, "--resume") == 2
    error = console(folder).partition("error: ")[2]
    said = (
        f"{folder / name}: cannot be written: No space left on device; make room on the disk of {folder} (df -h, df -i)"
    )
    assert error.startswith(said) and "; everything up to step " in error
    assert (
        "; when that is corrected, resume with\n" in error
        and "Traceback" not in console(folder)
        and "Errno" not in console(folder)
    )
    assert f"everything up to step {step_of(folder / 'state.ckpt')} of 5 is saved" in error
    (folder / name).unlink()
    (folder / name).write_bytes(lines)
    assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)
    assert contents(folder / "model_0.ckpt") == contents(short_run / "model_0.ckpt")


def test_a_checkpoint_that_cannot_be_written_ends_the_run_with_the_command_that_resumes_it(
    toys, short_run, killed_run, tmp_path
):
    folder = shutil.copytree(killed_run, tmp_path / "run")
    (folder / "teacher_model_step_4.ckpt").mkdir()
    assert toys.run(folder, *SHORT, "--resume") == 2
    error = console(folder).partition("error: ")[2]
    place = folder / "teacher_model_step_4.ckpt"
    assert error.startswith(
        f"{place}: is a folder, expected a file name; choose another name; when that is corrected, resume with\n"
    )
    assert f"--config_path {folder / 'config.yaml'} --resume" in error and "Traceback" not in console(folder)
    place.rmdir()
    assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)
    assert contents(folder / "model_0.ckpt") == contents(short_run / "model_0.ckpt")


def test_an_evaluation_that_is_made_up_for_is_saved(toys, short_run, tmp_path):
    folder = shutil.copytree(short_run, tmp_path / "run")
    (folder / "state.ckpt").unlink()  # the one before is of the last step, too, before its evaluation
    for _ in range(2):
        assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)
    assert console(folder).count("the teacher of step 5") == 1
    assert contents(folder / "state.ckpt") == contents(short_run / "state.ckpt")


def test_a_state_with_other_values_is_refused_in_one_line(toys, killed_run, tmp_path):
    for number, (key, value) in enumerate({"watch": [1], "since_log": {"steps": 2}, "evaluated": None}.items()):
        folder = shutil.copytree(killed_run, tmp_path / f"run_{number}")
        state = StateFiles(folder / "state.ckpt", folder / "state_before.ckpt").read()
        rows = [{"name": name, "data": ms.Tensor(row)} for name, row in state.values.items() if name != METADATA_KEY]
        write_checkpoint(rows, folder / "state.ckpt", state.metadata | {key: value})
        assert toys.run(folder, *SHORT, "--resume") == 2
        error = console(folder).partition("error: ")[2]
        assert "state.ckpt is not in the form of a run state (" in error and "Traceback" not in console(folder)


def test_signals_stop_between_two_steps_and_the_message_says_how_to_resume(toys, long_run, tmp_path):
    moments, folder = random.Random(3), tmp_path / "run"
    for asked in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        under_way = ("avg loss", moments.uniform(0.0, 0.7), asked)
        status = toys.run(folder, *LONG, *resume_option(folder), signal=under_way)
        heard = signal.Signals(status - 128)  # while MindSpore computes, it passes SIGINT on as SIGTERM
        assert heard in (asked, signal.SIGTERM), console(folder)
        step = step_of(folder / "state.ckpt")
        cause = {signal.SIGINT: "SIGINT (Ctrl-C)", signal.SIGTERM: "SIGTERM or Ctrl-C"}.get(
            heard, "SIGHUP (the terminal was closed)"
        )
        assert f"stopped by {cause} after step {step} of 130; everything is saved, resume with" in console(folder)
        assert console(folder).rstrip().endswith(f"--config_path {folder / 'config.yaml'} --resume")
    # The settings need not be given again: config.yaml has them.
    assert toys.run(folder, "--config_path", folder / "config.yaml", "--resume") == 0, console(folder)
    assert_same_end(folder, long_run)


@pytest.mark.parametrize("burn_in", [9, 16], ids=["of the burn-in", "of a supervised run"])
def test_the_average_is_scored_saved_and_resumed(toys, tmp_path, burn_in):
    words = ("--max_iter", 16, "--burn_up_iter", burn_in, "--print_interval_iter", 1, "--eval_interval_iter", 3)
    words += ("--supervised_ema", "true", "--teacher_start", "average", "--ema_keep_rate", 0.8)
    uninterrupted, folder = tmp_path / "whole", tmp_path / "run"
    assert toys.run(uninterrupted, *words) == 0, console(uninterrupted)
    for under_way in ("step: 4,", "step: 12,"):
        kill = (under_way, 0.0, signal.SIGKILL)
        assert toys.run(folder, *words, *resume_option(folder), signal=kill) == -signal.SIGKILL, console(folder)
    assert toys.run(folder, *words, "--resume") == 0, console(folder)
    assert_same_end(folder, uninterrupted)
    scored = {step: {name for name in row if name.endswith("/AP")} for (step, _), row in logged(uninterrupted).items()}
    assert scored[5] == scored[8] == {"student/AP", "average/AP"}
    assert scored[14] == {"student/AP", "teacher/AP" if burn_in < 14 else "average/AP"}
    last = "teacher" if burn_in < 16 else "average"
    assert (uninterrupted / f"{last}_model_step_16.ckpt").is_file()
    best = json.loads(str(ms.load_checkpoint(str(uninterrupted / "state.ckpt"))["card"]))["best"]
    aps = {
        (step + 1, name[:-3]): row[name] for (step, _), row in logged(uninterrupted).items() for name in scored[step]
    }
    assert best["AP"] == max(aps.values()) == aps[best["step"], best["role"]]


def test_thresholds_by_the_label_prior_are_resumed(toys, tmp_path):
    words = ("--max_iter", 24, "--burn_up_iter", 9, "--print_interval_iter", 1, "--eval_interval_iter", 7)
    words += ("--pseudo_label_thresholds", "label_prior", "--label_prior_interval_iter", 6)
    uninterrupted, folder = tmp_path / "whole", tmp_path / "run"
    assert toys.run(uninterrupted, *words) == 0, console(uninterrupted)
    for under_way, number in (
        ("step 9, score thresholds", signal.SIGTERM),  # right after the first estimate
        ("step: 12,", signal.SIGKILL),
        ("step 15, score thresholds", signal.SIGKILL),
        ("step: 18,", signal.SIGTERM),
    ):
        status = toys.run(folder, *words, *resume_option(folder), signal=(under_way, 0.0, number))
        assert status in (-number, 128 + number), console(folder)
    assert toys.run(folder, *words, "--resume") == 0, console(folder)
    assert_same_end(folder, uninterrupted)
    steps = [step for (step, _), row in logged(uninterrupted).items() if "threshold/square" in row]
    assert steps == [9, 15, 21]
    assert toys.run(folder, *words[:-2], "--label_prior_interval_iter", 5, "--resume") == 2
    assert "label_prior_interval_iter: was 6, is 5" in console(folder)


def test_a_state_without_a_newer_setting_counts_as_one_with_its_default(toys, killed_run, tmp_path):
    folder = shutil.copytree(killed_run, tmp_path / "run")
    files = StateFiles(folder / "state.ckpt", folder / "none.ckpt")
    state = files.read()
    older = {
        key: value for key, value in state.metadata["config"].items() if key not in ("supervised_ema", "teacher_start")
    }
    rows = [{"name": name, "data": ms.Tensor(row)} for name, row in state.values.items() if name != METADATA_KEY]
    write_checkpoint(rows, files.newest, state.metadata | {"config": older})
    assert toys.run(folder, *SHORT, "--resume", "--supervised_ema", "true") == 2
    assert "supervised_ema: was False, is True" in console(folder)
    assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)


@pytest.mark.parametrize("damage", ["cut off", "a bit is wrong", "empty"])
def test_a_damaged_state_falls_back_to_the_one_before(toys, short_run, killed_run, tmp_path, damage):
    folder = shutil.copytree(killed_run, tmp_path / "run")
    state = folder / "state.ckpt"
    content = bytearray(state.read_bytes())
    content[len(content) // 3] ^= 4
    state.write_bytes({"cut off": content[: len(content) // 2], "a bit is wrong": content, "empty": b""}[damage])
    assert toys.run(folder, *SHORT, "--resume") == 0, console(folder)
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert f"resumed from {folder / 'state_before.ckpt'}\n{state} is damaged (wrong checksum)" in log
    assert_same_end(folder, short_run)


def test_without_an_intact_state_nothing_starts(toys, killed_run, tmp_path):
    folder = shutil.copytree(killed_run, tmp_path / "run")
    for name in ("state.ckpt", "state_before.ckpt"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    assert toys.run(folder, *SHORT, "--resume") == 2
    assert "state.ckpt and state_before.ckpt" in console(folder) and "--overwrite" in console(folder)
    assert "Traceback" not in console(folder)


def test_a_changed_run_is_resumed_only_if_asked_to_and_names_what_changed(toys, tiny_data, killed_run, tmp_path):
    folder, again = shutil.copytree(killed_run, tmp_path / "run"), (*SHORT, "--base_lr", 0.25, "--resume")
    assert toys.run(folder, *again) == 2
    assert "base_lr: was 0.5, is 0.25\nstart it with the same settings" in console(folder)
    other = tmp_path / "other.json"
    coco = json.loads(tiny_data.val_file.read_text(encoding="utf-8"))
    coco["annotations"][0]["bbox"][2] += 1
    other.write_text(json.dumps(coco))
    assert toys.run(folder, *again, "--resume_anyway", "--eval_ann_file", other) == 0, console(folder)
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert "resume_anyway: this run differs from the one that was stopped:\nbase_lr: was 0.5, is 0.25\n" in log
    assert "the evaluation images have changed, so the best score so far is discarded: {'step': 2, " in log
    assert "resume_anyway: false" in (folder / "config.yaml").read_text()
