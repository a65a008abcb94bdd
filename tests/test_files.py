import errno
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from src.errors import UserError
from src.files import (
    all_or_none,
    cannot_write,
    check_apart,
    check_free,
    file_hash,
    remove_leftovers,
    sync,
    write_atomically,
    write_json,
    write_text,
)

ROOT = Path(__file__).resolve().parents[1]


def test_json_is_readable_utf8_and_parents_are_made(tmp_path):
    path = tmp_path / "new" / "folder" / "a.json"
    write_json(path, {"name": "Maske_ä口"})
    assert "Maske_ä口" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Maske_ä口"}


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UserError, match="a.txt.*--overwrite"):
        write_text(path, "new")
    assert path.read_text() == "old"
    write_text(path, "new", overwrite=True)
    assert path.read_text() == "new"


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_atomically(path, fail, overwrite=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


REFUSALS = {  # what a full disk, a read-only folder, a broken disk and a vanished network mount answer
    "disk full": errno.ENOSPC,
    "read-only": errno.EROFS,
    "broken disk": errno.EIO,
    "vanished mount": errno.ESTALE,
    "used-up quota": errno.EDQUOT,
    "too large a file": errno.EFBIG,
}
FAULT = "the disk or network mount of {} has a fault: correct that (dmesg tells more)"
REMEDIES = {
    "disk full": "make room on the disk of {} (df -h, df -i)",
    "read-only": "{} is mounted read-only: mount it for writing",
    "broken disk": FAULT,
    "vanished mount": FAULT,
    "used-up quota": "your quota on the disk of {} is used up: remove files of yours there",
    "too large a file": "{} or a limit of the shell (ulimit -f) allows no file of this size: raise that",
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("place", [(tempfile, "mkstemp"), (Path, "write_bytes"), (os, "fsync"), (os, "replace")])
def test_whenever_the_system_refuses_the_old_file_stays_and_the_reason_is_told(tmp_path, monkeypatch, place, refusal):
    path = tmp_path / "a.json"
    write_json(path, "old")

    def refuse(*_, **__):
        raise OSError(REFUSALS[refusal], os.strerror(REFUSALS[refusal]))

    monkeypatch.setattr(*place, refuse)
    with pytest.raises(UserError) as error:
        write_json(path, "new", overwrite=True)
    assert str(error.value) == (
        f"{path}: cannot be written: {os.strerror(REFUSALS[refusal])}; {REMEDIES[refusal].format(tmp_path)}, "
        "or choose another folder for the output"
    )
    monkeypatch.undo()
    assert json.loads(path.read_text()) == "old" and list(tmp_path.iterdir()) == [path]


def small_disk() -> None:
    """Files may have 1000 bytes from now on; writing more fails in the middle, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def run_writer(path: Path, body: str, **options) -> subprocess.CompletedProcess:
    """Start a program whose main is `body`, with the name of the file as `path`."""
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom src.errors import entry_point\n"
        "from src.files import write_json, write_atomically\npath = Path(sys.argv[1])\n"
        f"@entry_point\ndef main():\n    {body}\nmain()\n"
    )
    command = [sys.executable, "-B", "-c", program, str(path)]  # no compiled modules, which a small disk would cut off
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_a_disk_that_gets_full_in_the_middle_of_a_real_write(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, "old")
    done = run_writer(
        path, "write_json(path, 'new' * 1000, overwrite=True)", preexec_fn=small_disk, restore_signals=False
    )
    assert done.returncode == 2 and done.stderr.startswith(
        f"error: {path}: cannot be written: File too large; {tmp_path} or a limit"
    )
    assert json.loads(path.read_text()) == "old" and list(tmp_path.iterdir()) == [path]


def test_of_files_that_belong_together_all_are_new_or_none(tmp_path):
    write_json(tmp_path / "old.json", "old")
    (tmp_path / "full.json").mkdir()

    @all_or_none()
    def write(refusal: Exception) -> None:
        write_json(tmp_path / "old.json", "newer", overwrite=True)
        write_json(tmp_path / "new.json", "new")
        raise refusal

    no_room = cannot_write(tmp_path / "full.json", OSError(errno.ENOSPC, "No space"))
    no_room.__cause__ = OSError(errno.ENOSPC, "No space")
    for refusal, left in (
        (no_room, ["full.json", "old.json"]),
        (UserError("wrong"), ["full.json", "new.json", "old.json"]),
    ):
        with pytest.raises(UserError):
            write(refusal)
        assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_a_program_killed_while_it_writes_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, "old")
    body = "write_atomically(path, lambda part: (part.write_text('half'), os.kill(os.getpid(), 9)), overwrite=True)"
    assert run_writer(path, body).returncode == -signal.SIGKILL
    assert json.loads(path.read_text()) == "old"


def test_a_writer_killed_at_any_of_twenty_moments_leaves_a_whole_file(tmp_path):
    path, rng = tmp_path / "a.json", random.Random(0)
    program = (
        "import itertools, sys\nfrom src.files import write_json\n"
        "for n in itertools.count():\n    write_json(sys.argv[1], [n] * 20_000, overwrite=True)\n    print(n, flush=True)\n"
    )
    seen = set()
    for _ in range(20):
        writer = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
        writer.stdout.readline()  # it has written once
        time.sleep(rng.uniform(0, 0.03))
        writer.kill()
        writer.communicate()
        content = json.loads(path.read_text())
        assert len(content) == 20_000 and len(set(content)) == 1
        seen.add(content[0])
    assert len(seen) > 1, "every kill came at the same moment"


def test_what_a_killed_program_left_is_removed_and_what_is_being_written_stays(tmp_path):
    write = "import os, sys; from src.files import write_atomically\n"
    write += "write_atomically(sys.argv[1], lambda temporary: (print(flush=True), sys.stdin.read()))"
    with subprocess.Popen(
        [sys.executable, "-c", write, tmp_path / "a.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        remove_leftovers(tmp_path)
        assert [path.suffix for path in tmp_path.iterdir()] == [".json"], "it is being written"
        writer.kill()
    (tmp_path / ".writing-folder").mkdir()
    (tmp_path / "b.json").write_text("{}")
    assert len(list(tmp_path.iterdir())) == 3
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".writing-folder", "b.json"]


def test_what_the_writer_itself_leaves_behind_is_taken_away_too(tmp_path):
    def fail(temporary):
        temporary.with_suffix(".tmp").write_text("half")
        raise OSError(errno.ENOSPC, "No space left")

    with pytest.raises(UserError, match="No space left"):
        write_atomically(tmp_path / "a.ckpt", fail)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_vanishes_under_the_writer(tmp_path):
    path = tmp_path / "mount" / "a.txt"

    def write(temporary):
        temporary.write_text("new")
        shutil.rmtree(path.parent)

    with pytest.raises(UserError, match=r"a\.txt: cannot be written: No such file"):
        write_atomically(path, write)


def test_a_folder_of_the_system_that_takes_no_files():
    with pytest.raises(UserError, match=r"^/proc/sys/a\.txt: cannot be written: "):
        write_text("/proc/sys/a.txt", "x")


def test_the_file_is_on_the_disk_before_it_gets_its_name_and_the_name_afterwards(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("named"), replace(*names)))
    write_text(tmp_path / "a.txt", "x")
    assert Path(done[0]).parent == tmp_path and done[1:] == ["named", str(tmp_path)]


def test_a_file_system_that_cannot_sync_folders_is_no_fault_of_the_file(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("x")

    def refuse(_):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    sync(tmp_path)
    with pytest.raises(OSError, match="Invalid"):
        sync(tmp_path / "a")


def test_half_a_character_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="rename the file"):
        write_json(tmp_path / "a.json", {"b\udcff.png": 1})
    assert not list(tmp_path.iterdir())


def test_the_system_s_refusal_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / "file" / "below" / "a.txt", "x")


def test_check_free_refuses_folders_even_with_overwrite(tmp_path):
    check_free(tmp_path / "free", overwrite=False)
    with pytest.raises(UserError, match="folder"):
        check_free(tmp_path, overwrite=True)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/null")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("kind", [fifo, device, unix_socket])
def test_no_file_takes_the_place_of_a_fifo_device_or_socket(tmp_path, kind):
    path = tmp_path / "a.json"
    kind(path)
    before = path.lstat()
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"a\.json: is a FIFO, device or socket"):
            write_json(path, "new", overwrite)
    assert path.lstat() == before


def test_a_link_that_leads_nowhere_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "a.json"
    path.symlink_to("unmounted/a.json")
    with pytest.raises(UserError, match=r"a\.json: exists already"):
        write_json(path, "new")
    assert path.is_symlink()
    write_json(path, "new", overwrite=True)
    assert json.loads(path.read_text()) == "new"


def test_check_free_finds_a_folder_that_takes_no_files_before_the_work_is_done(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    said = rf"below/a\.json: cannot be written: {tmp_path / 'file'} is not a folder"
    with pytest.raises(UserError, match=said):
        check_free(tmp_path / "file" / "below" / "a.json", overwrite=True)
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != tmp_path)
    with pytest.raises(
        UserError, match=rf"a\.json: cannot be written: Permission denied; allow to write to {tmp_path} "
    ):
        check_free(tmp_path / "new" / "a.json", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "nothing was made"


@pytest.mark.parametrize("name", [".", "/", ".."])
def test_what_can_be_no_file_name_is_told(name):
    with pytest.raises(UserError, match="is a folder, expected a file name"):
        check_free(name, overwrite=True)


def test_no_output_replaces_an_input_whatever_its_name(tmp_path):
    (tmp_path / "a.json").write_text("")
    (tmp_path / "link.json").symlink_to("a.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    inputs = {"ann_file": tmp_path / "link.json", "results": None, "model": tmp_path / "loop.json"}
    check_apart([tmp_path / "b.json"], inputs)
    with pytest.raises(UserError, match=r"a\.json: is the file of --ann_file, which would be replaced"):
        check_apart([tmp_path / "b.json", tmp_path / "a.json"], inputs)


def test_file_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(UserError, match="missing"):
        file_hash(tmp_path / "missing")
