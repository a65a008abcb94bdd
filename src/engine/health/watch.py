"""All watchers of a run; each fault is reported once per run, also if it is resumed."""

from collections.abc import Iterable, Sequence

from src.engine.health.watcher import Watcher


class Watch:
    """The watchers of one run.

    Args:
        watchers: must have different names.
        memory: `memory()` of the run that is resumed; None: a new run.
    """

    def __init__(self, watchers: Sequence[Watcher], memory: dict | None = None) -> None:
        self.watchers = {watcher.name: watcher for watcher in watchers}
        memory = memory or {}
        self.reported: list[str] = list(memory.get("told", []))
        for name, watcher in self.watchers.items():
            watcher.memory = dict(memory.get("watchers", {}).get(name, {}))

    def at_log_line(self, step: int, row: dict[str, float]) -> list[tuple[str, str]]:
        """(name, message) of every new fault at a log line."""
        return self.unreported((name, watcher.at_log_line(step, row)) for name, watcher in self.watchers.items())

    def at_evaluation(self, step: int, row: dict[str, float | None]) -> list[tuple[str, str]]:
        """(name, message) of every new fault at an evaluation."""
        return self.unreported((name, watcher.at_evaluation(step, row)) for name, watcher in self.watchers.items())

    def unreported(self, found: Iterable[tuple[str, str | None]]) -> list[tuple[str, str]]:
        """Filter (name, message or None) to faults that were not reported yet, and mark them as reported."""
        new = []
        for name, message in found:
            if message is not None and name not in self.reported:
                self.reported.append(name)
                new.append((name, message))
        return new

    def memory(self) -> dict:
        """The state of the watchers as JSON values, for resuming."""
        kept = {name: dict(watcher.memory) for name, watcher in self.watchers.items() if watcher.memory}
        return {"told": list(self.reported), "watchers": kept}
