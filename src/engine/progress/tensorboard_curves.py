"""Scalars as TensorBoard curves, written in the calling thread.

tensorboardX's SummaryWriter writes in a thread of its own: if the disk gets full, that thread dies, and the run waits for ever
for a place in its queue.
"""

import os
import time
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar

_FLUSH_SECONDS = 120


class Curves:
    """An event file in a folder.

    Args:
        first_step: of this start; TensorBoard hides points of this and later steps that earlier starts wrote.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.writer: EventsWriter | None = EventsWriter(
            str(folder / "events"), f".{os.getpid()}"
        )  # the name holds seconds alone
        self.flushed = time.monotonic()
        if first_step:
            start = SessionLog(status=SessionLog.START)
            self.writer.write_event(Event(wall_time=time.time(), step=first_step, session_log=start))

    def add(self, step: int, values: dict[str, float | None]) -> None:
        """Write a point per curve; raises OSError if the file cannot be written."""
        for name, value in values.items():
            if value is not None:
                event = Event(wall_time=time.time(), step=step, summary=scalar(name, value))
                self.writer.write_event(event)
        if time.monotonic() - self.flushed > _FLUSH_SECONDS:
            self.writer.flush()
            self.flushed = time.monotonic()

    def close(self) -> None:
        """Flush and close the file; a second call does nothing."""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.close()
