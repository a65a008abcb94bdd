"""Order, errors and the end of the threads."""

import threading
import time

import pytest

from src.data.prefetch import prepared_ahead
from src.errors import UserError


def _image_threads() -> int:
    return sum(thread.name.startswith("images") for thread in threading.enumerate())


def _slow_for_even(item: int) -> int:
    time.sleep(0.002 * (item % 2 == 0))
    return item * 10


@pytest.mark.parametrize("workers", [1, 3, 20])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_batches_come_in_order_whatever_is_ready_first(workers, count):
    batches = [[2 * index, 2 * index + 1] for index in range(count)]
    result = list(prepared_ahead(_slow_for_even, batches, workers, sum))
    assert result == [10 * (first + second) for first, second in batches]
    assert _image_threads() == 0


def test_an_error_arrives_as_it_is_at_its_batch_and_ends_the_threads():
    def prepare(item):
        if item == 3:
            raise UserError("item 3 is broken")
        return item

    iterator = prepared_ahead(prepare, [[0, 1], [2, 3], [4, 5]], 2, list)
    assert next(iterator) == [0, 1]
    with pytest.raises(UserError, match="item 3"):
        next(iterator)
    assert _image_threads() == 0


def test_closing_early_ends_the_threads_and_reads_no_further():
    seen = []
    iterator = prepared_ahead(lambda item: seen.append(item), ([index] for index in range(1000)), 2, list)
    next(iterator)
    iterator.close()
    assert _image_threads() == 0 and len(seen) < 10
