import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from src.errors import DataError, Faults, UserError, entry_point, reason_of

ROOT = Path(__file__).resolve().parents[1]


def test_data_error_shows_the_first_faults_and_counts_the_rest():
    text = str(DataError("a.json", [f"fault {i}" for i in range(23)]))
    assert text.startswith("a.json: 23 faults\n")
    assert "fault 4" in text and "fault 5" not in text
    assert text.endswith("and 18 more")


def test_the_whole_list_of_a_long_error_is_in_a_file_that_the_message_names(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    faults = Faults()
    for name, count in (("a.json", 9), ("b.json", 2), ("c.json", 6)):
        faults.errors.append(DataError(name, [f"fault {i} of {name}" for i in range(count)]))
    faults.errors.append(UserError("images", [f"{i}.png" for i in range(7)]))
    with pytest.raises(SystemExit):
        entry_point(faults.report)()
    said = capsys.readouterr().err.splitlines()
    file = Path(said[-1].removeprefix("the whole list: "))
    assert file.parent == tmp_path and len(said) == (1 + 5 + 1) + (1 + 2) + (1 + 5 + 1) + 1 + 1
    rows = file.read_text().splitlines()
    assert rows[:9] == [f"fault {i} of a.json" for i in range(9)] and len(rows) == 9 + 6 + 7
    with pytest.raises(SystemExit):
        entry_point(faults.report)()
    assert list(tmp_path.iterdir()) == [file] and str(file) in capsys.readouterr().err
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit):
        entry_point(faults.report)()
    assert "whole list" not in capsys.readouterr().err


def test_data_error_is_a_user_error_and_keeps_all_faults():
    error = DataError("a.json", ["one"])
    assert isinstance(error, UserError)
    assert error.faults == ("one",)
    assert str(error) == "a.json: 1 fault\n  - one"


@pytest.mark.parametrize(
    "raised, status, words", [(UserError("no such"), 2, "error: no such"), (KeyboardInterrupt(), 130, "interrupted")]
)
def test_entry_point_turns_mistakes_into_a_message_and_a_status(raised, status, words, capsys):
    @entry_point
    def main():
        raise raised

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == status
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err and captured.out == ""


def test_names_that_the_system_refuses_are_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        entry_point(lambda: os.stat("x" * 300))()
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"error: {'x' * 300}: File name too long\n"


def test_a_lack_of_memory_is_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        entry_point(lambda: np.zeros((2**30, 2**20)))()
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: not enough memory: Unable to allocate 8.00 PiB") and said.count("\n") == 1


def test_an_output_that_goes_to_a_full_disk_is_one_line():
    program = "from src.errors import UserError, entry_point\n@entry_point\ndef main():\n    print('x' * 9)\n"
    for ending, message in (
        (
            "",
            (
                "the output cannot be written: No space left on device; make room on the disk of the output (df -h, df -i), "
                "or choose another folder for the output"
            ),
        ),
        ("raise UserError('wrong')", "wrong"),
    ):
        with open("/dev/full", "w") as full:
            words = [sys.executable, "-c", f"{program}    {ending}\nmain()\n"]
            buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
            result = subprocess.run(
                words, cwd=ROOT, env=buffered, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert (result.returncode, result.stderr) == (2, f"error: {message}\n")


def test_control_characters_of_names_do_not_reach_the_terminal(capsys):
    @entry_point
    def main():
        raise DataError("a\x1b[2J.json", ["Kreis 猫\x85\x07"])

    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "error: a\\x1b[2J.json: 1 fault\n  - Kreis 猫\\x85\\x07\n"


def test_entry_point_lets_defects_and_results_through():
    assert entry_point(lambda x: x + 1)(1) == 2
    with pytest.raises(ZeroDivisionError):
        entry_point(lambda: 1 / 0)()


@pytest.mark.parametrize("count", [1, 10_000])  # in the buffer until the end, and more than fits into it
def test_nothing_is_said_when_nobody_reads_on(count):
    words = f"from src.errors import entry_point; entry_point(lambda: [print('a line') for _ in range({count})])()"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", words], check=False, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(13, "Permission denied", "/data/a b.png"), "Permission denied"),
        (OSError("cannot identify image file '/data/a b.png'"), "cannot identify image file"),
        (OSError(f"cannot identify image file {Path('/data/a b.png')!r}"), "cannot identify image file"),
        (OSError("cannot identify image file <_io.BytesIO object at 0x7f>"), "cannot identify image file"),
        (ValueError("/data/a b.png: too short"), "too short"),
        (EOFError(), "EOFError"),
    ],
)
def test_the_reason_of_a_library_does_not_repeat_the_name_of_the_file(error, said):
    assert reason_of(error, "/data/a b.png") == reason_of(error, Path("/data/a b.png")) == said
