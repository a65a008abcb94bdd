"""Watcher of the labelled loss: warns of a learning rate that is far too high."""

import math

from src.engine.health.watcher import Watcher

RISE = 2.0  # times the loss of an untrained network; ten times a good learning rate gives 6 to 1000 times, a good one less than 1


def untrained_loss(weights: dict[str, float], classes: int, focal_gamma: float) -> float:
    """Loss of an untrained network per labelled image: all classes are equally probable, and regression losses are about 0.

    Args:
        weights: of each loss term of the network, by its name in the log.
        classes: without background; focal_gamma: exponent of the class loss of the box head.
    """
    guess = 1.0 / (classes + 1)
    terms = {
        "rpn_cls_loss": math.log(2),
        "rcnn_cls_loss": -((1 - guess) ** focal_gamma) * math.log(guess),
        "rcnn_mask_loss": math.log(2),
        # For each matched box three hard negatives; the focal loss is about the same.
        "ssd_cls_loss": -4 * math.log(guess),
    }
    return sum(weight * terms.get(name, 0.0) for name, weight in weights.items())


class RateTooHigh(Watcher):
    """The loss rises far above that of an untrained network.

    Args:
        untrained: that loss; base_lr: for the message.
    """

    name = "learning_rate_too_high"

    def __init__(self, untrained: float, base_lr: float) -> None:
        super().__init__()
        self.untrained, self.base_lr = untrained, base_lr

    def line(self, step: int, row: dict[str, float]) -> str | None:
        """See `Watcher.line`; "peak_loss" is the greatest labelled loss of a single step since the last line."""
        start = self.memory.setdefault("start", max(row["peak_loss"], self.untrained))
        if row["peak_loss"] <= RISE * start:
            return None
        return (
            f"the loss on labelled images rose to {row['peak_loss']:.3g}, but that of an untrained network is {start:.3g}: "
            f"the learning rate is probably far too high; start again with a --base_lr of {self.base_lr / 10:g} instead of "
            f"{self.base_lr:g}, or a longer --warmup_step"
        )
