"""The base class of watchers, hooks that check the logged values of a run and may return a warning."""

MIN_LINES = 2  # consecutive log lines that must show a fault, so that one outlier does not cause a warning


class Watcher:
    """Detects one kind of fault of a run.

    Attributes:
        name: of the fault, for metrics.jsonl.
        memory: state of the watcher; JSON values, saved and restored with the run.
    """

    name = ""

    def __init__(self) -> None:
        self.memory: dict = {}

    def at_log_line(self, step: int, row: dict[str, float]) -> str | None:
        """Called at each log line; returns a warning or None.

        Args:
            step: of the log line, counted from 0.
            row: averages since the last log line, see `RunLog.steps`, and "steps", the number of steps.
        """
        return None

    def at_evaluation(self, step: int, row: dict[str, float | None]) -> str | None:
        """Called at each evaluation; returns a warning or None.

        Args:
            step: number of steps done.
            row: metrics such as "student/AP"; None if they could not be computed.
        """
        return None

    def held_for(self, holds: bool, steps: float) -> int:
        """Number of consecutive steps for which a condition holds, 0 until MIN_LINES log lines; `steps`: since the last
        log line."""
        lines, count = self.memory.get("held", (0, 0))
        self.memory["held"] = [lines + 1, count + int(steps)] if holds else [0, 0]
        lines, count = self.memory["held"]
        return count if lines >= MIN_LINES else 0
