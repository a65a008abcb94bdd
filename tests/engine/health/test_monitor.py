"""Learning rates that are right, ten times too high and beyond all numbers, on one real network that is compiled once."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from mindspore import Tensor, ops

from src.config.load import load_config
from src.data.training_data import Sources, read_training_data
from src.engine.batches import batches
from src.engine.device import set_up_device
from src.engine.health.monitor import build_watch, warn_at_start
from src.engine.health.skipped_steps import too_many_skips
from src.engine.networks import build_networks
from src.semi.step_sums import Interval

STEPS, LINE = 40, 5
RATE = 0.005  # of configs/base.yaml


@pytest.fixture(scope="module")
def learnt(tiny_data, tiny_config) -> dict[float, tuple[list[Interval], list[str], bool]]:
    """By learning rate: the intervals of a run, the faults that its watchers saw, and whether its weights are finite."""
    rates = {RATE: STEPS, 10 * RATE: STEPS, 1e30: 2 * LINE}
    words = [
        "--config_path",
        tiny_config,
        "--train_img_dir",
        tiny_data.img_dir,
        "--max_iter",
        sum(rates.values()),
    ]
    words += ["--burn_up_iter", sum(rates.values())]
    config = load_config("", list(map(str, words)))
    data = read_training_data(Sources(tiny_data.train_file, tiny_data.img_dir, max_gts=config.num_gts))
    device = set_up_device(config)
    networks = build_networks(config, data, device)
    warm_up = np.minimum(np.arange(1, STEPS + 1) / 20, 1.0)
    schedule = [rate * warm_up[:count] for rate, count in rates.items()]
    networks.burn_in.update.learning_rates = Tensor(np.concatenate(schedule).astype(np.float32))
    parameters = [*networks.student.get_parameters(), *networks.optimizer.get_parameters()]
    start = [parameter.asnumpy().copy() for parameter in parameters]
    arriving = batches(config, data, device, 0)
    found = {}
    for rate, count in rates.items():
        for parameter, value in zip(parameters, start):
            ops.assign(parameter, Tensor(value))
        watch, intervals, told = build_watch(config, data, None), [], []
        for step in range(count):
            networks.burn_in(*map(Tensor, next(arriving)))
            if step % LINE == LINE - 1:
                intervals.append(networks.burn_in.sums.take())
                row = {
                    "loss": 1.0,
                    "peak_loss": intervals[-1].peak_loss,
                    "steps": LINE,
                    "iter_time": 1.0,
                    "data_time": 0.0,
                }
                told += [name for name, _ in watch.at_log_line(step, row)]
        finite = all(np.isfinite(parameter.asnumpy()).all() for parameter in parameters)
        found[rate] = intervals, told, finite
    return found


def test_the_usual_rate_is_not_told_and_ten_times_it_is(learnt):
    assert learnt[RATE][1] == []
    assert learnt[10 * RATE][1] == ["learning_rate_too_high"]


def test_a_rate_beyond_numbers_is_skipped_from_its_second_step_on(learnt):
    intervals, _, finite = learnt[1e30]
    assert finite
    last = intervals[-1]
    assert last.sums["overflow"] == LINE and last.skipped_in_a_row == 2 * LINE - 1
    assert not np.isfinite(last.bad_terms["loss"])
    since = 2 * STEPS + 1
    assert f"steps {since} to {2 * STEPS + 2 * LINE - 1}" in too_many_skips(last, 5)
    assert learnt[RATE][0][-1].skipped_in_a_row == 0


def test_what_is_odd_before_the_start_is_told_once(tiny_data, tiny_config, tiny_detector, tmp_path):
    coco = json.loads(tiny_data.train_file.read_text())
    coco["categories"] = [{"id": 4, "name": "circle"}, {"id": 5, "name": "square"}]
    (tmp_path / "train.json").write_text(json.dumps(coco))
    config = load_config("", ["--config_path", str(tiny_config), "--pre_trained", str(tiny_detector)])
    told = []
    log = SimpleNamespace(warning=lambda *row: told.append(row))
    for file, names in ((tiny_data.train_file, ["data_1"]), (tmp_path / "train.json", ["data_1", "class_order"])):
        data = read_training_data(Sources(file, tiny_data.img_dir, max_gts=config.num_gts))
        data = replace(data, suspicions=("all boxes are of one size",))
        run = SimpleNamespace(config=config, data=data, log=log, metadata={}, watch=build_watch(config, data, None))
        told.clear()
        warn_at_start(run)
        assert [name for _, name, _ in told] == run.metadata["watch"]["told"] == names
        assert told[0] == (0, "data_1", "all boxes are of one size")
    assert "another order: square, circle; the data has circle, square" in told[1][2]
