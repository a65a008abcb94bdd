"""The compile cache with an empty folder, and what is written to it."""

import mindspore as ms
import pytest

from src.engine.compile_cache import cached_cells


@pytest.fixture
def written(graphs, monkeypatch) -> list[str]:
    """Keys of the graphs that were compiled and written in this test."""
    ms.set_context(mode=ms.GRAPH_MODE)
    keys, write = [], cached_cells.GraphStore.write
    monkeypatch.setattr(cached_cells.GraphStore, "write", lambda *args: (keys.append(args[1]), write(*args)))
    return keys
