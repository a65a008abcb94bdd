"""Watcher of the supervised loss: warns of a learning rate that is far too high."""

import math

from src.engine.health.watcher import Watcher

# times the loss of an untrained network; a good learning rate stays below 1, ten times that rate reaches 6 to 1000
RISE = 2.0


def untrained_loss(weights: dict[str, float], classes: int, focal_gamma: float) -> float:
    """Expected supervised loss of an untrained network: uniform class probabilities, regression losses of about 0.

    Args:
        weights: of each loss term, by its name in the log.
        classes: number of them, without background.
        focal_gamma: gamma of the focal loss of the box head.
    """
    probability = 1.0 / (classes + 1)
    terms = {
        "rpn_cls_loss": math.log(2),
        "rcnn_cls_loss": -((1 - probability) ** focal_gamma) * math.log(probability),
        "rcnn_mask_loss": math.log(2),
        # Three hard negatives per positive, normalised by positives; the focal loss is about the same.
        "ssd_cls_loss": -4 * math.log(probability),
    }
    return sum(weight * terms.get(name, 0.0) for name, weight in weights.items())


class RateTooHigh(Watcher):
    """The loss rises far above that of an untrained network.

    Args:
        untrained: supervised loss of an untrained network.
        base_lr: for the message.
    """

    name = "learning_rate_too_high"

    def __init__(self, untrained: float, base_lr: float) -> None:
        super().__init__()
        self.untrained, self.base_lr = untrained, base_lr

    def at_log_line(self, step: int, row: dict[str, float]) -> str | None:
        """See `Watcher.at_log_line`; "peak_loss" is the maximum supervised loss of a single step since the last log
        line."""
        start = self.memory.setdefault("start", max(row["peak_loss"], self.untrained))
        if row["peak_loss"] <= RISE * start:
            return None
        return (
            f"the supervised loss rose to {row['peak_loss']:.3g}, but that of an untrained network is {start:.3g}: "
            f"the learning rate is probably far too high; start again with a --base_lr of {self.base_lr / 10:g} instead of "
            f"{self.base_lr:g}, or a longer --warmup_step"
        )
