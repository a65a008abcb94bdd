import multiprocessing
import os
import time

import pytest

from src.data.cache.locked_folder import make_once
from src.errors import UserError


def fault_of(folder):
    if not folder.exists():
        return "is not there"
    return None if (folder / "a").exists() and (folder / "b").exists() else "is broken"


def make(folder):
    """Slow enough for the others to meet the lock; notes who made it."""
    (folder / "a").write_text(str(os.getpid()))
    time.sleep(0.2)
    (folder / "b").write_text("b")


def run(folder, said):
    make_once(folder, fault_of, make, 30, said.put)
    assert (folder / "b").read_text() == "b"


def die(folder, _):
    """A process that is killed half-way."""

    def half(unfinished):
        (unfinished / "a").write_text("half")
        os._exit(9)

    make_once(folder, fault_of, half, 30, print)


def start(target, folder, count):
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()
    processes = [context.Process(target=target, args=(folder, said)) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes], said


def test_one_of_many_makes_it_and_all_have_it(tmp_path):
    folder = tmp_path / "caches" / "x"
    codes, said = start(run, folder, 4)
    sentences = []
    while not said.empty():
        sentences.append(said.get())
    assert codes == [0] * 4
    assert [sentence for sentence in sentences if "creating it" in sentence] == [f"{folder} is not there: creating it"]
    assert any("waiting for it" in sentence for sentence in sentences)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["x", "x.lock"]


def test_a_killed_process_leaves_nothing_that_is_used(tmp_path):
    codes, _ = start(die, tmp_path / "x", 1)
    assert codes == [9] and not (tmp_path / "x").exists()
    said = []
    make_once(tmp_path / "x", fault_of, make, 1, said.append)
    assert (tmp_path / "x" / "a").read_text() == str(os.getpid()) and len(said) == 1
    assert not (tmp_path / "x.unfinished").exists()


def test_what_is_whole_is_left_alone_and_what_is_broken_is_made_anew(tmp_path):
    said = []
    make_once(tmp_path / "x", fault_of, make, 1, said.append)
    make_once(tmp_path / "x", fault_of, lambda folder: pytest.fail("made twice"), 1, said.append)
    (tmp_path / "x" / "b").unlink()
    (tmp_path / "x" / "rest").write_text("")
    make_once(tmp_path / "x", fault_of, make, 1, said.append)
    assert [sentence.split(": ")[0].rsplit(" ", 2)[-1] for sentence in said] == ["there", "broken"]
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["a", "b"]


def test_waiting_ends(tmp_path):
    context = multiprocessing.get_context("fork")
    holds = context.Event()

    def hold(folder):
        holds.set()
        time.sleep(30)

    other = context.Process(target=make_once, args=(tmp_path / "x", fault_of, hold, 1, print))
    other.start()
    holds.wait()
    with pytest.raises(UserError, match=r"x\.lock: another process has held this lock for 0\.3 s.*mindrecord_wait"):
        make_once(tmp_path / "x", fault_of, make, 0.3, print)
    other.kill()
    other.join()


def test_a_maker_that_fails_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "a").write_text("")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="x: cannot be written: No space left on device"):
        make_once(tmp_path / "x", fault_of, fail, 1, print)
    assert [path.name for path in tmp_path.iterdir()] == ["x.lock"]
