"""All watchers of a run: each fault is told once, also across a resume."""

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
        self.told: list[str] = list(memory.get("told", []))
        for name, watcher in self.watchers.items():
            watcher.memory = dict(memory.get("watchers", {}).get(name, {}))

    def line(self, step: int, row: dict[str, float]) -> list[tuple[str, str]]:
        """(name, sentence) of every fault that a log line shows for the first time."""
        return self.new((name, watcher.line(step, row)) for name, watcher in self.watchers.items())

    def scores(self, step: int, row: dict[str, float | None]) -> list[tuple[str, str]]:
        """(name, sentence) of every fault that an evaluation shows for the first time."""
        return self.new((name, watcher.scores(step, row)) for name, watcher in self.watchers.items())

    def new(self, found: Iterable[tuple[str, str | None]]) -> list[tuple[str, str]]:
        """Of (name, sentence or None), the faults that were not told yet; they count as told now."""
        fresh = []
        for name, sentence in found:
            if sentence is not None and name not in self.told:
                self.told.append(name)
                fresh.append((name, sentence))
        return fresh

    def memory(self) -> dict:
        """JSON values from which a resumed run goes on."""
        kept = {name: dict(watcher.memory) for name, watcher in self.watchers.items() if watcher.memory}
        return {"told": list(self.told), "watchers": kept}
