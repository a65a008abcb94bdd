"""The time that is left of a run: a real number for short, for resumed and for timed runs, evaluations and compilation included."""

import json
import re
from types import SimpleNamespace

import pytest

from src.engine.evaluation import evaluation_schedule
from src.engine.log import BURN_IN, IMAGE, TEACHER
from src.engine.loop import start_teacher
from src.engine.progress.time_left import TimeLeft, time_left

SCHEDULE = ((40, 20), (100, 40))
RULES = {BURN_IN: 12, TEACHER: 20, IMAGE: 1}


class Run:
    """A run on a clock that is handed in: it takes what `seconds` says, and notes before each step what is left."""

    def __init__(self, left: TimeLeft, seconds: dict[str, float], first_step: int = 0, compiles: bool = True) -> None:
        self.left, self.clock, self.told = left, 0.0, {}
        compiled = set() if compiles else {BURN_IN, TEACHER, IMAGE}
        images = dict(left.schedule)

        def takes(part, count=1):
            new = part not in compiled
            compiled.add(part)
            spent = seconds[part] * count + new * seconds["compilation"] / (3 if part == IMAGE else 1)
            self.clock += spent
            return spent

        for step in range(first_step, left.last_step):
            left.took(step, takes(BURN_IN if step < left.burn_in_steps else TEACHER))
            self.told[step + 1] = (left.after(step + 1), self.clock)
            if step + 1 in images:
                left.evaluation_took(step + 1, takes(IMAGE, images[step + 1]))

    def real(self, done: int) -> float:
        """What was left after so many steps."""
        return self.clock - self.told[done][1]


def test_a_short_run_that_goes_by_the_rules_knows_its_end_from_the_second_step_on():
    run = Run(TimeLeft(40, 100, SCHEDULE, RULES), {BURN_IN: 1.2, TEACHER: 2.0, IMAGE: 0.1, "compilation": 30.0})
    assert run.told[1][0] is None, "the first step compiles"
    for done in (2, 20, 39):
        assert run.told[done][0] == pytest.approx(run.real(done))
    assert run.told[100][0] == pytest.approx(40 * run.left.image), "the last evaluation is still to come"


def test_estimates_of_thresholds_are_still_to_come_until_the_step_after_them():
    weights = {BURN_IN: 1.0, TEACHER: 2.0, IMAGE: 0.5}
    left = TimeLeft(40, 100, (), weights, in_seconds=True, is_compiled=True, estimates=((40, 20), (70, 20)))
    assert left.after(0) == 40 + 60 * 2 + 40 * 0.5
    assert [left.after(done) for done in (40, 41, 71)] == [60 * 2 + 40 * 0.5, 59 * 2 + 20 * 0.5, 29 * 2]


def test_what_was_measured_replaces_the_rules():
    times = {BURN_IN: 1.2, TEACHER: 9.0, IMAGE: 0.7, "compilation": 0.0}
    run = Run(TimeLeft(40, 100, SCHEDULE, RULES), times)
    assert run.told[20][0] == pytest.approx(20 * 1.2 + 60 * 2.0 + 60 * 0.1), "by the rules"
    assert run.told[43][0] == pytest.approx(run.real(43))


@pytest.mark.parametrize("slower", [1, 3])
def test_a_timed_run_knows_its_end_at_once_and_follows_the_pace(slower):
    known = {BURN_IN: 2.0, TEACHER: 6.0, IMAGE: 0.5}
    left = TimeLeft(40, 100, SCHEDULE, known, in_seconds=True, is_compiled=True)
    assert left.after(0) == 40 * 2 + 60 * 6 + 60 * 0.5
    times = {part: slower * seconds for part, seconds in known.items()} | {"compilation": 0.0}
    run = Run(left, times, compiles=False)
    for done in (20, 41, 99):
        expected = run.real(done) if done > 2 else None
        assert run.told[done][0] == pytest.approx(expected, rel=0.01)


def test_a_run_without_burn_in_or_teacher_or_evaluation():
    for burn_in, steps in ((0, 10), (10, 10)):
        times = {BURN_IN: 1.0, TEACHER: 5.0, IMAGE: 1.0, "compilation": 7.0}
        run = Run(TimeLeft(burn_in, steps, (), RULES), times)
        assert run.told[3][0] == pytest.approx(run.real(3)) and run.told[10][0] == 0


def settings(**changed) -> SimpleNamespace:
    """Of a run of 100 steps."""
    values = {"batch_size": 2, "strong_view": True, "unlabelled_batch_size": 2, "accumulate_steps": 1}
    values |= {"max_iter": 100, "burn_up_iter": 40, "eval_interval_iter": 0, "supervised_ema": False}
    values |= {"pseudo_label_thresholds": "fixed"}
    return SimpleNamespace(**values | changed)


DATA = SimpleNamespace(evaluation=SimpleNamespace(images=[0] * 20), held_out=[0] * 3)


def test_the_schedule_has_both_networks_and_the_held_out_images():
    assert evaluation_schedule(settings(), DATA) == ((40, 23), (100, 43))
    assert evaluation_schedule(settings(supervised_ema=True), DATA) == ((40, 43), (100, 43))
    assert evaluation_schedule(settings(), SimpleNamespace(evaluation=None, held_out=[])) == ()


def test_a_resumed_run_knows_from_its_log_what_evaluations_take(tmp_path):
    """Of a run that was timed: all parts, before its first step."""
    rows = [{"step": 9, "loss": 1.0}, {"step": 39, IMAGE: 0.4, "student/AP": 0.1}, {"step": 39, IMAGE: None}]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    left = time_left(settings(), DATA, path, False)
    left.took(60, 31.0)
    left.took(61, 1.0)
    assert left.after(62) == pytest.approx(38 * 1.0 + 43 * 0.4 + 30 / 3)
    path.write_text(json.dumps({"step": 0, BURN_IN: 2.0, TEACHER: 6.0, IMAGE: 0.5}) + "\n")
    assert time_left(settings(), DATA, path, False).after(30) == 10 * 2 + 60 * 6 + (23 + 43) * 0.5


def test_short_and_resumed_runs_tell_a_real_number(toys, tmp_path):
    """The detector of the toys is slow in evaluation; the second start has learnt that from the log."""
    words = ("--max_iter", 20, "--burn_up_iter", 10, "--print_interval_iter", 2, "--save_checkpoint_interval", 10)
    assert toys.run(tmp_path / "a", *words, "--eval_interval_iter", 5) == 0
    lines = [line for line in (tmp_path / "a" / "log.txt").read_text().splitlines() if "rank_id:0, step:" in line]
    assert "time left" not in lines[0] and all(re.search(r"time left: \d+:\d\d:\d\d", line) for line in lines[1:])
    assert "at least" not in "".join(lines)
    rows = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert all(row[IMAGE] > 0 for row in rows if "student/AP" in row)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_the_second_compilation_is_announced_where_it_is_still_to_come(is_compiled):
    said = []
    log = SimpleNamespace(info=said.append, time_left=SimpleNamespace(is_compiled=is_compiled))
    config = SimpleNamespace(burn_up_iter=2, teacher_start="mean", supervised_ema=False)
    start_teacher(SimpleNamespace(config=config, log=log), 2)
    assert len(said) == 2 - is_compiled and ("compiled first" in said[-1]) is not is_compiled
