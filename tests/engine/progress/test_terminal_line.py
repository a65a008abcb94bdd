"""The line of progress: on a terminal, and nowhere else."""

import os
import pty
import select

from src.engine.log import RunLog
from src.engine.progress.terminal_line import TERMINAL, Progress, terminal_of_run

AVERAGES = {"loss": 1.234, "overflow": 0.0, "scaling_sens": 1.0, "lr": 0.1}


def read_all(master: int) -> str:
    """What a terminal was sent; the system passes it on a moment later."""
    shown = b""
    while select.select([master], [], [], 0.5)[0]:
        shown += os.read(master, 100_000)
    return shown.decode()


def test_a_terminal_shows_progress_and_sentences_and_the_log_file_keeps_the_lines(tmp_path, monkeypatch, capsys):
    master, slave = pty.openpty()
    monkeypatch.setenv(TERMINAL, os.ttyname(slave))
    log = RunLog(tmp_path, 0, 0, 100)
    for step in range(3):
        log.progress.step(step + 1, "burn-in", 75.0)
    log.steps(2, AVERAGES, 1.0, 0.0)
    log.scalars(2, {"student/AP": 0.25, "student/segm/AP": 0.9, "teacher/AP": 0.31})
    log.info("a sentence")
    log.progress.bar.refresh()
    shown, console = read_all(master), capsys.readouterr().out
    log.close()
    assert "burn-in: 3/100" in shown and "<01:15" in shown and "loss=1.234" in shown and "AP=0.310" in shown
    assert "a sentence" in console and "avg loss" not in console
    assert "avg loss: 1.23400" in (tmp_path / "log.txt").read_text()


def test_without_a_terminal_the_console_has_the_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(TERMINAL, raising=False)
    log = RunLog(tmp_path, 0, 0, 100)
    log.progress.step(1, "burn-in", None)
    log.steps(0, AVERAGES, 1.0, 0.0)
    log.close()
    assert log.progress.bar is None and "avg loss" in capsys.readouterr().out


def test_a_terminal_that_is_gone_is_none(monkeypatch):
    monkeypatch.setenv(TERMINAL, "/dev/pts/none")
    assert terminal_of_run() is None
    Progress(0, 5, None).clear()
