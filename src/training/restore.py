"""A trained detector back from its weight file, built from the recipe that the file carries."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from mindspore import nn

from src.errors import UserError
from src.training.checkpoint import DetectorCard, load_detector, read_card

Settings = TypeVar("Settings")

# What the present command decides; all else is as it was in training.
PRESENT_KEYS = frozenset(
    {
        *("device_target", "device_id", "run_distribute", "mixed_precision", "num_parallel_workers"),
        *("train_img_dir", "train_ann_file", "unlabelled_img_dir", "eval_img_dir", "eval_ann_file", "infer_img_dir"),
        *("checkpoint_path", "eval_output_dir", "overwrite", "draw_pics"),
        *("test_batch_size", "test_score_thr", "test_iou_thr", "test_max_per_img"),
    }
)


def restore_detector(
    path: str | Path, present: Settings, build: Callable[[Settings, int], nn.Cell]
) -> tuple[nn.Cell, Settings, DetectorCard]:
    """Build the network of a weight file and load it.

    Args:
        path: a weight file of train.py.
        present: the settings (a frozen dataclass) of the present command.
        build: makes a network from settings and the number of classes without background.

    Returns:
        The network, ready to detect; its settings: those of its training, with the present ones of ``PRESENT_KEYS``; and
        the card of the file.

    Raises:
        UserError: the file is missing, broken, carries no recipe, or does not fit its recipe.
    """
    card = read_card(path)
    if card is None:
        raise UserError(
            f"{path} does not say which network it is for; expected a detector written by train.py, e.g. best_model.ckpt"
        )
    known = {field.name for field in fields(present)} - PRESENT_KEYS
    settings = replace(present, **{key: value for key, value in card.recipe.items() if key in known})
    network = build(settings, len(card.class_names))
    load_detector(network, path)
    network.set_train(False)
    return network, settings, card
