"""The base class of watchers: each gets the numbers of a run and may answer with a warning."""

LEAST_LINES = 2  # log lines that must agree, so that one outlier does not warn


class Watcher:
    """One fault that a run can have.

    Attributes:
        name: of the fault, for metrics.jsonl.
        memory: its state; JSON values, saved and restored with the run.
    """

    name = ""

    def __init__(self) -> None:
        self.memory: dict = {}

    def line(self, step: int, row: dict[str, float]) -> str | None:
        """The warning that a log line gives rise to, or None.

        Args:
            step: of the log line, counted from 0.
            row: averages since the last line, see `RunLog.steps`, and "steps", how many there were.
        """
        return None

    def scores(self, step: int, row: dict[str, float | None]) -> str | None:
        """The warning that an evaluation gives rise to, or None.

        Args:
            step: steps done.
            row: of an evaluation: "student/AP" and the like, None where nothing could be measured.
        """
        return None

    def held_for(self, holds: bool, steps: float) -> int:
        """Number of steps for which a condition has held without interruption, 0 before it held on two lines; `steps`: since the last line."""
        lines, count = self.memory.get("held", (0, 0))
        self.memory["held"] = [lines + 1, count + int(steps)] if holds else [0, 0]
        lines, count = self.memory["held"]
        return count if lines >= LEAST_LINES else 0
