"""The folder of a training run: the paths of its files, and checks that no other run is overwritten or writes to it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import UserError, another_run
from src.files import TEMPORARY, cannot_write, check_free, is_regular

_STEP_FILES = {"student": "model_step", "teacher": "teacher_model_step", "average": "average_model_step"}  # by role
WITHOUT_STATE = "weights_without_state"


class RunFolder:
    """Paths of the files of a run.

    Attributes:
        config: the resolved configuration.
        state: the run state, from which the run is resumed.
        state_before: the previous run state, used if `state` is damaged.
        latest: latest weights, of the teacher once it has started, of the student before.
        best: weights with the highest AP so far.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.state = self.path / "state.ckpt"
        self.state_before = self.path / "state_before.ckpt"
        self.latest = self.path / "model_0.ckpt"
        self.best = self.path / "best_model.ckpt"

    def step(self, role: str, step: int) -> Path:
        """Path of the weights of the student, teacher or average after `step` steps."""
        return self.path / f"{_STEP_FILES[role]}_{step}.ckpt"

    def check(self, resume: bool, overwrite: bool) -> bool:
        """Check that no other run is overwritten, and that there is a run to resume.

        Returns:
            Whether there is a state to resume from; a run that was stopped before its first checkpoint starts from
            scratch.

        Raises:
            UserError: there is another run, or none to resume, or another process is training in the folder, or what has the name of
                a run state, or of a file to overwrite, is no file.
        """
        if self.path.is_dir():
            with self._holding(fcntl.LOCK_SH):  # the ranks of one run check at the same time
                pass
        existing = [path for path in self._outputs() if os.path.lexists(path)]
        if resume:
            self._check_states()
        if resume and not existing:
            raise UserError(f"resume: {self.path} has no run to resume; start one without --resume")
        if existing and not resume and not overwrite:
            raise another_run(self.path, existing[0].name)
        if not resume:
            for path in existing:
                check_free(path, overwrite=True)
        check_free(self.path / f"{TEMPORARY}state.ckpt", overwrite=True)  # before hours of work
        return resume and (self.state.is_file() or self.state_before.is_file())

    def _check_states(self) -> None:
        """Raise a UserError for a run state that is there and no file: without it the run would start again, and be lost."""
        for path in (self.state, self.state_before):
            if os.path.lexists(path) and not is_regular(path):
                if not path.exists():
                    kind = f"a link to {os.readlink(path)}, which is not there or cannot be reached"
                else:
                    kind = "a folder" if path.is_dir() else "a FIFO, device or socket"
                raise UserError(
                    f"resume: {path} is {kind}, expected the file of a run state; put the file back, or remove what is there: without "
                    f"{self.state.name} the run continues from {self.state_before.name}, without both it starts again"
                )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this folder, which is made if it does not exist. The system releases the lock
        when the process ends, however it ends.

        Raises:
            UserError: another process is training in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._holding(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _holding(self, lock: int) -> Iterator[None]:
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(folder, lock | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(folder)
            raise UserError(
                f"save_checkpoint_path: another process is training in {self.path}; wait until it ends, or stop it (Ctrl-C or "
                "kill; it saves first) and continue it with --resume, or choose another folder"
            ) from None
        except OSError:
            pass  # some network mounts have no locks
        try:
            yield
        finally:
            os.close(folder)

    def prepare(self, resumes: bool, keeps_weights: bool) -> list[str]:
        """Remove temporary files of a killed run and, unless a run is resumed, all files of the run that is
        overwritten.

        Call it after `check`, immediately before the run starts.

        Args:
            keeps_weights: move weights that would be removed into the folder `WITHOUT_STATE`: the run was to be resumed, but
                its first state could not be written.

        Returns:
            A message for the log, if weights were moved.

        Raises:
            UserError: the folder cannot be written.
        """
        for path in self.path.glob(f"{TEMPORARY}*"):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error, "what a killed run left cannot be removed") from error
        outputs = [] if resumes else [path for path in self._outputs() if os.path.lexists(path)]
        kept = [path for path in outputs if keeps_weights and path.suffix == ".ckpt"]
        for path in kept:
            (self.path / WITHOUT_STATE).mkdir(exist_ok=True)
            os.replace(path, self.path / WITHOUT_STATE / path.name)
        for path in outputs:
            path.unlink(missing_ok=True)
        names = ", ".join(path.name for path in kept)
        return [f"no run state was saved, so the run starts again; kept in {WITHOUT_STATE}/: {names}"] if kept else []

    def archive_best(self, step: int) -> list[str]:
        """Rename the best detector, whose score was discarded when the run was resumed at `step`.

        Returns:
            A message for the log, if there was a best detector.
        """
        archived = self.path / f"best_model_until_step_{step}.ckpt"
        if (
            not self.best.exists() or archived.exists()
        ):  # archived by an earlier resume: best_model.ckpt is then from evaluations that are repeated
            return []
        os.replace(self.best, archived)
        return [f"{self.best} is kept as {archived}"]

    def remove_old_checkpoints(self, keep: int) -> None:
        """Remove all step checkpoints except the newest `keep` of each role."""
        for name in _STEP_FILES.values():
            steps = sorted(self.path.glob(f"{name}_*.ckpt"), key=lambda path: int(path.stem.rsplit("_", 1)[1]))
            for path in steps[:-keep]:
                path.unlink()

    def _outputs(self) -> list[Path]:
        return [
            self.config,
            self.state,
            self.state_before,
            self.latest,
            self.best,
            self.path / "log.txt",
            self.path / "metrics.jsonl",
            *self.path.glob("tensorboard/events.*"),
            *self.path.glob("*model_step_*.ckpt"),
            *self.path.glob("best_model_until_step_*.ckpt"),
        ]
