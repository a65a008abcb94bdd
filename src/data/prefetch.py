"""Prepare batches in threads while the network computes.

Threads and not processes, because OpenCV and NumPy release the GIL: on 2 cores two threads prepare both
views of a 416x288 photo every 2.0 ms (1280x768: 9 ms), two processes every 3.5 ms (24 ms). While a graph runs,
training waits 0.2 ms for the next batch; with MindSpore's GeneratorDataset 5 ms (threads) or 1.6 ms (processes), and that
reports an error in a worker as a stack dump.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import cv2

Item, Row, Batch = TypeVar("Item"), TypeVar("Row"), TypeVar("Batch")

_BATCHES_AHEAD = 2


def prepared_ahead(
    prepare: Callable[[Item], Row],
    batches: Iterable[Sequence[Item]],
    workers: int,
    collect: Callable[[list[Row]], Batch],
) -> Iterator[Batch]:
    """Yield ``collect([prepare(item) for item in batch])`` for each batch, in order.

    Args:
        prepare: runs in a thread; what it raises is raised here, at its batch.
        batches: the items of each batch.
        workers: number of threads. The threads end when the iterator ends, fails or is closed.
        collect: runs in the caller's thread.
    """
    # A thread is one worker; OpenCV's own threads would take the cores the network computes on.
    one_thread_each = partial(cv2.setNumThreads, 1)
    executor = ThreadPoolExecutor(workers, thread_name_prefix="images", initializer=one_thread_each)
    waiting: deque[list] = deque()
    try:
        for batch in batches:
            waiting.append([executor.submit(prepare, item) for item in batch])
            if len(waiting) > _BATCHES_AHEAD and sum(map(len, waiting)) > workers:
                yield collect([future.result() for future in waiting.popleft()])
        while waiting:
            yield collect([future.result() for future in waiting.popleft()])
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
