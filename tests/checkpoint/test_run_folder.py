"""One folder, one run."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.checkpoint.run_folder import RunFolder
from src.errors import UserError

OUTPUTS = (
    "config.yaml",
    "state.ckpt",
    "state_before.ckpt",
    "model_0.ckpt",
    "best_model.ckpt",
    "log.txt",
    "metrics.jsonl",
)
OUTPUTS += ("tensorboard/events.out.1", "model_step_4.ckpt", "teacher_model_step_4.ckpt")
OUTPUTS += ("best_model_until_step_4.ckpt", "average_model_step_4.ckpt")


def fill(path, *names: str) -> None:
    """Files with some content."""
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("something")


def files(path) -> list[str]:
    """All files in a folder and below."""
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def test_a_new_folder_and_one_with_unrelated_files_are_accepted(tmp_path):
    RunFolder(tmp_path / "new").check(resume=False, overwrite=False)
    fill(tmp_path, "notes.txt", "console.log", "weights.ckpt")
    RunFolder(tmp_path).check(resume=False, overwrite=False)
    assert files(tmp_path) == ["console.log", "notes.txt", "weights.ckpt"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_folder_with_any_output_of_another_run_is_refused(tmp_path, name):
    fill(tmp_path, name)
    with pytest.raises(UserError, match=r"holds another run \(.*\); .*--resume.*--overwrite"):
        RunFolder(tmp_path).check(resume=False, overwrite=False)
    assert files(tmp_path) == [name]


@pytest.mark.parametrize("start", ({"resume": True}, {"overwrite": True}, {}))
def test_a_folder_in_which_a_process_trains_is_refused_until_it_ends(tmp_path, start):
    fill(tmp_path, "state.ckpt")
    start = {"resume": False, "overwrite": False} | start
    with RunFolder(tmp_path).locked():
        with pytest.raises(
            UserError, match=r"another process is training in .*; wait until .*--resume, or choose another"
        ):
            RunFolder(tmp_path).check(**start)
        with pytest.raises(UserError, match="another process is training"), RunFolder(tmp_path).locked():
            pass
    assert files(tmp_path) == ["state.ckpt"], "the lock is no file"
    if any(start.values()):
        RunFolder(tmp_path).check(**start)


def test_a_process_that_was_killed_holds_no_lock(tmp_path):
    hold = "import sys, time; from src.checkpoint.run_folder import RunFolder\nwith RunFolder(sys.argv[1]).locked(): print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold, tmp_path / "run"], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(UserError, match="another process is training"):
            RunFolder(tmp_path / "run").check(resume=False, overwrite=False)
        other.kill()
    RunFolder(tmp_path / "run").check(resume=False, overwrite=False)


def test_overwriting_clears_the_files_of_a_run_and_no_other_when_it_starts(tmp_path):
    fill(tmp_path, *OUTPUTS, "notes.txt", "tensorboard/notes.txt", "my_model.ckpt", "eval/metrics.json")
    folder = RunFolder(tmp_path)
    folder.check(resume=False, overwrite=True)
    assert set(OUTPUTS) <= set(files(tmp_path)), "checking removes nothing"
    assert folder.prepare(resumes=False, keeps_weights=False) == []
    assert files(tmp_path) == ["eval/metrics.json", "my_model.ckpt", "notes.txt", "tensorboard/notes.txt"]


def test_resuming_needs_a_run_and_finds_its_state(tmp_path):
    with pytest.raises(UserError, match="has no run to resume; start one without --resume"):
        RunFolder(tmp_path).check(resume=True, overwrite=False)
    fill(tmp_path, "config.yaml", "log.txt")
    assert not RunFolder(tmp_path).check(resume=True, overwrite=False), "stopped before its first checkpoint"
    fill(tmp_path, "state.ckpt")
    assert RunFolder(tmp_path).check(resume=True, overwrite=False)
    assert files(tmp_path) == ["config.yaml", "log.txt", "state.ckpt"]


def test_the_state_before_is_enough_to_resume(tmp_path):
    fill(tmp_path, "config.yaml", "state_before.ckpt")
    assert RunFolder(tmp_path).check(resume=True, overwrite=False)


@pytest.mark.parametrize("name", ["state.ckpt", "state_before.ckpt"])
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("a FIFO", os.mkfifo),
        ("a folder", lambda path: path.mkdir()),
        ("a link to gone.ckpt, which", lambda path: path.symlink_to("gone.ckpt")),
        ("a link to state", lambda path: path.symlink_to(path.name)),
        ("a FIFO, device", lambda path: path.symlink_to("/dev/zero")),
    ],
)
def test_what_has_the_name_of_a_state_and_is_no_file_is_refused(tmp_path, name, kind, make):
    fill(tmp_path, "config.yaml", "log.txt", "model_0.ckpt")
    make(tmp_path / name)
    with pytest.raises(
        UserError, match=rf"resume: .*{name} is {kind}.*expected the file of a run state; put the file back"
    ):
        RunFolder(tmp_path).check(resume=True, overwrite=False)
    with pytest.raises(UserError, match="holds another run"):
        RunFolder(tmp_path).check(resume=False, overwrite=False)
    if (tmp_path / name).exists():
        with pytest.raises(UserError, match=rf"{name}: is a (FIFO|folder)"):
            RunFolder(tmp_path).check(resume=False, overwrite=True)
    else:
        RunFolder(tmp_path).check(resume=False, overwrite=True)
        RunFolder(tmp_path).prepare(resumes=False, keeps_weights=False)
        assert files(tmp_path) == [] and not (tmp_path / name).is_symlink()


def test_a_state_may_be_a_link_to_its_file(tmp_path):
    fill(tmp_path, "config.yaml", "elsewhere/state.ckpt")
    (tmp_path / "state.ckpt").symlink_to("elsewhere/state.ckpt")
    assert RunFolder(tmp_path).check(resume=True, overwrite=False)


def test_temporary_files_are_removed(tmp_path):
    fill(tmp_path, ".writing-x.ckpt", ".writing-y.tmp", ".hidden", "state.ckpt", "eval/.writing-z.json")
    RunFolder(tmp_path).prepare(resumes=True, keeps_weights=True)
    assert files(tmp_path) == [".hidden", "eval/.writing-z.json", "state.ckpt"]


def test_a_leftover_in_a_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path, monkeypatch):
    fill(tmp_path, ".writing-x.ckpt", "state.ckpt")

    def refuse(path, missing_ok=False):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)  # who is root may write to any folder
    said = (
        r"\.writing-x\.ckpt: what a killed run left cannot be removed: Permission denied; allow to write .*chmod u\+w"
    )
    with pytest.raises(UserError, match=said):
        RunFolder(tmp_path).prepare(resumes=True, keeps_weights=True)
    assert files(tmp_path) == [".writing-x.ckpt", "state.ckpt"]


def test_weights_without_a_state_are_kept_when_their_run_starts_again(tmp_path):
    fill(tmp_path, "config.yaml", "log.txt", "model_0.ckpt", "model_step_5.ckpt", "weights_without_state/model_0.ckpt")
    [message] = RunFolder(tmp_path).prepare(resumes=False, keeps_weights=True)
    assert message.endswith("kept in weights_without_state/: model_0.ckpt, model_step_5.ckpt")
    assert files(tmp_path) == ["weights_without_state/model_0.ckpt", "weights_without_state/model_step_5.ckpt"]


def test_a_best_detector_whose_score_does_not_count_any_more_is_kept_under_another_name(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.archive_best(7) == []
    fill(tmp_path, "best_model.ckpt")
    assert folder.archive_best(7) == [f"{folder.best} is kept as {tmp_path / 'best_model_until_step_7.ckpt'}"]
    folder.remove_old_checkpoints(0)
    assert files(tmp_path) == ["best_model_until_step_7.ckpt"]
    folder.best.write_text("of an evaluation that a kill has undone")
    assert folder.archive_best(7) == []
    assert (tmp_path / "best_model_until_step_7.ckpt").read_text() == "something", "the first one is not lost"


def test_the_oldest_step_checkpoints_are_removed_by_step_and_not_by_name(tmp_path):
    folder = RunFolder(tmp_path)
    for step in (8, 9, 10, 100):
        fill(tmp_path, folder.step("student", step).name, folder.step("average", step).name)
    fill(tmp_path, *(folder.step("teacher", step).name for step in (9, 100)), "model_0.ckpt", "best_model.ckpt")
    folder.remove_old_checkpoints(2)
    averages = ["average_model_step_10.ckpt", "average_model_step_100.ckpt"]
    students = ["model_step_10.ckpt", "model_step_100.ckpt"]
    teachers = ["teacher_model_step_100.ckpt", "teacher_model_step_9.ckpt"]
    assert files(tmp_path) == [*averages, "best_model.ckpt", "model_0.ckpt", *students, *teachers]
