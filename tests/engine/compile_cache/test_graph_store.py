"""Files of compiled graphs: intact or absent, whatever happens to their writer, in a folder of limited size."""

import os
import signal
import time
from pathlib import Path

import pytest

from src.engine.compile_cache import graph_store
from src.engine.compile_cache.graph_store import GraphStore
from src.files import TEMPORARY


def write(store: GraphStore, folder: Path, key: str, graph: bytes) -> None:
    """Write a graph from a file, as MindSpore leaves it."""
    file = folder / f"{os.getpid()}.mindir"
    file.write_bytes(graph)
    store.write(key, file)


def read(store: GraphStore, folder: Path, key: str) -> bytes | None:
    """The graph of a key, without the checksum at its end."""
    target = folder / f"copy_{os.getpid()}"
    if not store.copy_to(key, target):
        assert not target.exists()
        return None
    return target.read_bytes()[:-35]


def in_child(work) -> int:
    """Fork, do the work there, and return the exit status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def store(tmp_path) -> GraphStore:
    """An empty store; its folder is made with the first graph."""
    return GraphStore(tmp_path / "cache" / "graphs")


def test_a_graph_comes_back_under_its_key_alone(store, tmp_path):
    assert read(store, tmp_path, "a") is None
    write(store, tmp_path, "a", b"graph of a")
    write(store, tmp_path, "b", b"graph of b")
    assert [read(store, tmp_path, key) for key in "abc"] == [b"graph of a", b"graph of b", None]
    write(store, tmp_path, "a", b"another")
    assert read(store, tmp_path, "a") == b"another"
    assert sorted(os.listdir(store.folder)) == ["a.mindir", "b.mindir"]


@pytest.mark.parametrize("place", ["start", "end", "cut off", "empty"])
def test_a_damaged_graph_is_removed_with_a_warning(store, tmp_path, caplog, place):
    write(store, tmp_path, "a", bytes(1000))
    file = store.folder / "a.mindir"
    data = bytearray(file.read_bytes())
    if place == "cut off":
        data = data[:-1]
    elif place == "empty":
        data = b""
    else:
        data[0 if place == "start" else -1] ^= 1
    file.write_bytes(data)
    assert read(store, tmp_path, "a") is None and not file.exists()
    assert caplog.text.count("\n") == 1 and str(file) in caplog.text and "checksum" in caplog.text


def test_a_writer_that_is_killed_leaves_nothing_that_is_read(store, tmp_path, monkeypatch):
    write(store, tmp_path, "a", b"old")
    moments = ("copyfile", "append_checksum"), ("fsync", "replace")
    for module, names in zip((graph_store, os), moments):
        for name in names:
            owner = graph_store.shutil if name == "copyfile" else module
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                assert in_child(lambda: write(store, tmp_path, "a", b"new")) == -signal.SIGKILL, name
                assert in_child(lambda: write(store, tmp_path, "b", b"new")) == -signal.SIGKILL, name
            assert read(store, tmp_path, "a") == b"old" and read(store, tmp_path, "b") is None, name
    left = [store.folder / name for name in os.listdir(store.folder) if name.startswith(TEMPORARY)]
    assert len(left) == 8
    write(store, tmp_path, "c", b"new")
    assert all(path.exists() for path in left), "they may be those of a process that is writing"
    for path in left:
        os.utime(path, (0, time.time() - 7200))
    write(store, tmp_path, "d", b"new")
    assert sorted(os.listdir(store.folder)) == ["a.mindir", "c.mindir", "d.mindir"]


def test_the_graph_that_was_used_least_recently_goes_first(tmp_path):
    store = GraphStore(tmp_path / "graphs", most_bytes=3 * 1035)
    for age, key in enumerate("abc"):
        write(store, tmp_path, key, bytes(1000))
        os.utime(store.folder / f"{key}.mindir", (0, time.time() - 100 + age))
    assert read(store, tmp_path, "a") is not None
    write(store, tmp_path, "d", bytes(1000))
    assert sorted(os.listdir(store.folder)) == ["a.mindir", "c.mindir", "d.mindir"]
    write(store, tmp_path, "huge", bytes(4000))
    assert sum(path.stat().st_size for path in store.folder.iterdir()) <= store.most_bytes


def test_several_processes_read_and_write_at_once(tmp_path):
    store = GraphStore(tmp_path / "graphs", most_bytes=4 * 20_000)  # graphs are removed all the time, too

    def work(number: int) -> None:
        for turn in range(40):
            key = (number + turn) % 6
            write(store, tmp_path, f"{key}", bytes([key]) * 20_000)
            found = read(store, tmp_path, f"{(key + 1) % 6}")
            assert found is None or found == bytes([(key + 1) % 6]) * 20_000

    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            try:
                work(number)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert all(name.endswith(".mindir") and not name.startswith(TEMPORARY) for name in os.listdir(store.folder))


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    (tmp_path / "file").touch()
    store = GraphStore(tmp_path / "file" / "graphs")
    write(store, tmp_path, "a", b"graph")
    assert read(store, tmp_path, "a") is None
    assert "cannot be written" in caplog.text
