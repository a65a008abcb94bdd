"""The time of a run is predicted before it starts, and telling it changes nothing of the run."""

import json
import re
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from src.checkpoint.ckpt_file import read_ckpt
from src.engine.progress import forecast
from src.engine.progress.forecast import MOST, TIMED, Forecast

# With a small rate no loss gets so small that its last bits depend on the thread that computes them (denormal numbers).
SLOWLY = ("--base_lr", 0.02)
LONG = ("--max_iter", 110, "--burn_up_iter", 60, "--print_interval_iter", 10, "--save_checkpoint_interval", 110)
SCORED = ("--eval_interval_iter", 50)
STOPPED = ("will take", 0.0, signal.SIGTERM)  # as soon as the time is told
TIMES = Forecast(0.5, 2.0, 0.1, 400, 200, 3, 3000, 700)


def losses(folder) -> list[dict]:
    """The numbers of a run without its times."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rows = [
        {key: value for key, value in row.items() if not key.endswith("_time")} for row in rows if "warning" not in row
    ]
    return [row for row in rows if row.keys() != {"step"}]


@pytest.mark.parametrize(
    "more", [(), ("--supervised_ema", "true", "--teacher_start", "average", "--accumulate_steps", 2)]
)
def test_a_run_is_the_same_to_the_bit_with_and_without_timing(toys, tmp_path, more):
    for name, untimed in (("timed", False), ("untimed", True)):
        assert toys.run(tmp_path / name, *LONG, *SCORED, *SLOWLY, *more, untimed=untimed) == 0
    assert losses(tmp_path / "timed") == losses(tmp_path / "untimed")
    for name in ("model_step_110.ckpt", "teacher_model_step_110.ckpt"):
        ours, theirs = (read_ckpt(tmp_path / run / name) for run in ("timed", "untimed"))
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[key], theirs[key]) for key in ours if key != "card")
    told = (tmp_path / "timed" / "log.txt").read_text()
    assert re.search(
        r"this run will take about \d+ (s|min) on this machine: 60 steps on labels .* 50 steps with the teacher", told
    )
    assert told.index("timing a few steps") < told.index("this run will take")
    untimed = (tmp_path / "untimed" / "log.txt").read_text()
    assert "will take" not in untimed and "timing a few steps" not in untimed


def test_the_told_time_is_the_time_that_slow_images_take(toys, tmp_path):
    assert toys.run(tmp_path / "slow", *LONG, "--eval_interval_iter", 0, "--num_parallel_workers", 1, reading=0.01) == 0
    lines = (tmp_path / "slow" / "log.txt").read_text().splitlines()
    told = next(line for line in lines if "will take" in line)
    per_step = [float(text) for text in re.findall(r"\(([\d.]+) s per step\)", told)]
    real = [float(re.search(r"iter_time: ([\d.]+)", line)[1]) for line in lines if re.search(r"step: (29|89),", line)]
    # Other work on the machine comes and goes between the two.
    assert all(
        real_seconds / 4 < told_seconds < 4 * real_seconds
        for told_seconds, real_seconds in zip(per_step, real, strict=True)
    )


def test_short_and_resumed_runs_are_not_timed(toys, tmp_path):
    assert toys.run(tmp_path / "a", "--max_iter", 20, "--burn_up_iter", 10) == 0
    assert "will take" not in (tmp_path / "a" / "log.txt").read_text()


def test_a_run_that_is_too_long_says_what_to_change(toys, tmp_path):
    assert toys.run(tmp_path / "a", *LONG, "--hours", "0.000001", signal=STOPPED) == 128 + signal.SIGTERM
    told = (tmp_path / "a" / "log.txt").read_text()
    assert "that is more than --hours 1e-06" in told and "--max_iter 1 " in told


def test_the_parts_add_up():
    assert TIMES.total == 400 * 0.5 + 200 * 2 + 3000 * 0.1
    assert "about 15 min" in str(TIMES) and "3 evaluations 5 min (0.10 s per image)" in str(TIMES)
    assert "infer.py then takes 70 s for 700 unlabelled images" in str(TIMES)
    estimated = replace(TIMES, estimates=2, sampled_images=400)
    assert estimated.total == TIMES.total + 40 and "2 threshold estimates 40 s (0.10 s per image)" in str(estimated)
    assert "threshold" not in str(TIMES)
    supervised = replace(TIMES, teacher_step=None, teacher_steps=0, image=None)
    assert supervised.total == 200 and "teacher" not in str(supervised) and "infer.py" not in str(supervised)


def test_a_phase_of_few_steps_is_timed_by_those_it_has(toys, tmp_path):
    words = ("--max_iter", 110, "--burn_up_iter", 2)
    assert toys.run(tmp_path / "a", *words, signal=STOPPED) == 128 + signal.SIGTERM
    assert "2 steps on labels" in (tmp_path / "a" / "log.txt").read_text()


@pytest.mark.parametrize(("processes", "steps"), [(1, MOST + 1), (2, TIMED + 1)])
def test_processes_that_train_together_time_equally_many_steps(monkeypatch, processes, steps):
    """Each step takes no time, so a single process would go on; two that time differently would wait for each other for ever."""
    done = []
    cell = SimpleNamespace(sums=SimpleNamespace(take=lambda: None))
    monkeypatch.setattr(forecast, "cached_step", lambda cell, config: lambda: done.append(1))
    monkeypatch.setattr(forecast, "batches", lambda *_: (() for _ in range(100)))
    monkeypatch.setattr(forecast.ops, "assign", lambda *_: None)
    run = SimpleNamespace(
        networks=SimpleNamespace(state=SimpleNamespace(step=None), step_cell=lambda step: cell),
        config=SimpleNamespace(accumulate_steps=1),
        data=None,
        device=SimpleNamespace(count=processes),
        stop=SimpleNamespace(requested=None),
    )
    forecast._seconds_per_step(run, 0, 100)
    assert len(done) == steps
