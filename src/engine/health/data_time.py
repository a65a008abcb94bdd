"""Watcher of the data pipeline: warns when training waits for images."""

from src.engine.health.watcher import Watcher

WAITING_SHARE = 0.25  # of the time per step; at this share a step takes a third longer than it would without waiting
PATIENCE = 20  # steps


class SlowData(Watcher):
    """Training waits for images.

    Args:
        workers: num_parallel_workers, for the message.
    """

    name = "slow_data"

    def __init__(self, workers: int) -> None:
        super().__init__()
        self.workers = workers

    def at_log_line(self, step: int, row: dict[str, float]) -> str | None:
        """See `Watcher.at_log_line`; "data_time" is the part of "iter_time" spent waiting for data, both in seconds per
        step."""
        share = row["data_time"] / row["iter_time"] if row["iter_time"] > 0 else 0.0
        if self.held_for(share > WAITING_SHARE, row["steps"]) < PATIENCE:
            return None
        return (
            f"loading images is slower than training on them: {share:.0%} of each step's {row['iter_time']:.2f} s is "
            f"waiting for data; raise --num_parallel_workers (now {self.workers}) if there are free cores, store the images "
            "smaller or on a faster disk"
        )
