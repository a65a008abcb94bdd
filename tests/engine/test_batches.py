"""The batches of a run: several small ones of a step show what one big one shows, in both phases and after a resume."""

import numpy as np
import pytest

from src.config.load import load_config
from src.data.training_data import Sources, read_training_data
from src.engine.batches import batches
from src.engine.device import Device

STEPS, BURN_IN = 5, 2


@pytest.fixture
def arriving(tiny_data, tiny_config):
    """Batches of a run from a first step on, with words of the command line."""
    files = ["--train_img_dir", str(tiny_data.img_dir), "--train_ann_file", str(tiny_data.train_file)]
    length = ["--max_iter", str(STEPS), "--burn_up_iter", str(BURN_IN)]
    data = read_training_data(Sources(tiny_data.train_file, tiny_data.img_dir, max_gts=8))

    def make(first_step: int, *words: str) -> list[tuple[np.ndarray, ...]]:
        config = load_config("", ["--config_path", str(tiny_config), *files, *length, *words])
        return list(batches(config, data, Device(0, 1, False), first_step))

    return make


@pytest.mark.parametrize("first_step", [0, 1, 3])
def test_two_batches_of_a_step_are_halves_of_its_one(arriving, first_step):
    whole = arriving(first_step, "--batch_size", "4", "--unlabelled_batch_size", "2")
    halves = arriving(first_step, "--batch_size", "2", "--unlabelled_batch_size", "1", "--accumulate_steps", "2")
    assert len(whole) == STEPS - first_step and len(halves) == 2 * len(whole)
    assert [len(batch) for batch in whole] == [7 if first_step + n < BURN_IN else 10 for n in range(len(whole))]
    for number, batch in enumerate(whole):
        for column, first, second in zip(batch, *halves[2 * number : 2 * number + 2], strict=True):
            assert np.array_equal(column, np.concatenate((first, second)))
