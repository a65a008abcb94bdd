"""All watchers of a run; each fault is reported once, also across a resume."""

from collections.abc import Iterable, Sequence

from src.engine.health.watcher import Watcher


class Watch:
    """The watchers of one run.

    Args:
        watchers: with different names.
        memory: of an earlier start of the run, as `memory()` gave it; None: a new run.
    """

    def __init__(self, watchers: Sequence[Watcher], memory: dict | None = None) -> None:
        self.watchers = {watcher.name: watcher for watcher in watchers}
        memory = memory or {}
        self.reported: list[str] = list(memory.get("told", []))
        for name, watcher in self.watchers.items():
            watcher.memory = dict(memory.get("watchers", {}).get(name, {}))

    def line(self, step: int, row: dict[str, float]) -> list[tuple[str, str]]:
        """(name, sentence) of every fault that a log line shows and that was not reported before."""
        return self.unreported((name, watcher.line(step, row)) for name, watcher in self.watchers.items())

    def scores(self, step: int, row: dict[str, float | None]) -> list[tuple[str, str]]:
        """(name, sentence) of every fault that an evaluation shows and that was not reported before."""
        return self.unreported((name, watcher.scores(step, row)) for name, watcher in self.watchers.items())

    def unreported(self, found: Iterable[tuple[str, str | None]]) -> list[tuple[str, str]]:
        """Of (name, sentence or None), the faults that were not reported yet; from now on they count as reported."""
        new = []
        for name, sentence in found:
            if sentence is not None and name not in self.reported:
                self.reported.append(name)
                new.append((name, sentence))
        return new

    def memory(self) -> dict:
        """JSON values that a resumed run restores the watchers from."""
        kept = {name: dict(watcher.memory) for name, watcher in self.watchers.items() if watcher.memory}
        return {"told": list(self.reported), "watchers": kept}
