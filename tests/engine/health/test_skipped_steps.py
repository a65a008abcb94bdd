"""What is said of skipped steps, and when they end a run."""

from types import SimpleNamespace

import pytest

from src.engine.health import skipped_steps as skips
from src.engine.health.monitor import log_skipped_steps
from src.engine.health.skipped_steps import skipped_steps, stop_if_stuck, too_many_skips
from src.errors import UserError
from src.semi.step_sums import Interval

TERMS = {"loss": float("nan"), "rpn_cls_loss": 0.5, "rcnn_reg_loss": float("inf"), "lr": 0.01}


def interval(overflow: float = 4.0, row: int = 4, until: int = 129, terms=TERMS) -> Interval:
    """The steps since the last line, some of them skipped."""
    return Interval({"loss": 3.0, "overflow": overflow}, terms, until, row, until, 2.0)


def test_every_term_of_the_last_skipped_step_is_told():
    said = skipped_steps(interval())
    assert "4 of the last steps were skipped" in said and "weights and teacher are unchanged" in said
    assert said.endswith("step 129: loss: nan, rpn_cls_loss: 0.5, rcnn_reg_loss: inf, lr: 0.01")
    assert "1 of the last steps was skipped" in skipped_steps(interval(1.0, 1))


@pytest.mark.parametrize(("dynamic", "row", "warns"), [(False, 1, True), (True, 16, False), (True, 17, True)])
def test_in_mixed_precision_the_search_for_a_loss_scale_is_no_fault(dynamic, row, warns):
    said, warned = [], []
    log = SimpleNamespace(info=said.append, warning=lambda *line: warned.append(line))
    settings = SimpleNamespace(dynamic_loss_scale=dynamic, initial_loss_scale=65536.0)
    networks = SimpleNamespace(burn_in=SimpleNamespace(config=SimpleNamespace(update=settings)))
    log_skipped_steps(SimpleNamespace(log=log, networks=networks), 129, interval(row=row))
    assert (len(warned), len(said)) == ((1, 0) if warns else (0, 1))
    assert warns or "in mixed precision this is normal" in said[0]


def test_too_many_in_a_row_are_told_with_their_first_step_and_the_remedy():
    assert too_many_skips(interval(), limit=4) is None
    said = too_many_skips(interval(), limit=3)
    assert "4 steps in a row were skipped, steps 126 to 129 (loss, rcnn_reg_loss not finite)" in said
    assert "--max_skipped_steps 3" in said and "lower --base_lr" in said and "--mixed_precision false" in said
    assert "losses finite, a gradient not" in too_many_skips(interval(terms={"loss": 1.0}), limit=3)


@pytest.mark.parametrize(("rank", "saved"), [(0, [130]), (1, [])])
def test_a_stuck_run_is_saved_before_it_stops(monkeypatch, rank, saved):
    steps, rows = [], []
    monkeypatch.setattr(skips, "save", lambda run, done: steps.append(done))
    log = SimpleNamespace(warning=lambda *row: rows.append(row))
    run = SimpleNamespace(config=SimpleNamespace(max_skipped_steps=3), device=SimpleNamespace(rank=rank), log=log)
    stop_if_stuck(run, interval(row=3), 130)
    assert not steps and not rows
    with pytest.raises(UserError, match="4 steps in a row were skipped"):
        stop_if_stuck(run, interval(), 130)
    assert steps == saved and [row[:2] for row in rows] == [(129, "too_many_skips")]
