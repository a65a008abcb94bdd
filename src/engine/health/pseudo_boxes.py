"""Watchers of the unsupervised loss and of the number of pseudo-boxes."""

from src.engine.health.watcher import Watcher

SILENT_SHARE = 1e-6  # of the total loss; below it the unlabelled images have no effect
FAR_MORE = 2.0  # pseudo-boxes per unlabelled image / objects per labelled image; about 1 is expected
LONG_STEPS, SHORT_STEPS = 200, 20  # maximum and minimum of the patience


def patience_of(steps: int) -> int:
    """Number of steps that a fault must last: a tenth of the phase with teacher (`steps`), clamped."""
    return min(LONG_STEPS, max(SHORT_STEPS, steps // 10))


class SilentUnlabelledLoss(Watcher):
    """Warns if the unsupervised loss stays at 0.

    Args:
        patience: in steps.
    """

    name = "unlabelled_loss_zero"

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience = patience

    def at_log_line(self, step: int, row: dict[str, float]) -> str | None:
        """See `Watcher.at_log_line`; "unsup_loss" is only present in mutual learning."""
        if "unsup_loss" not in row:
            return None
        count = self.held_for(abs(row["unsup_loss"]) <= SILENT_SHARE * abs(row["loss"]), row["steps"])
        if count < self.patience:
            return None
        return (
            f"the loss on unlabelled images has been 0 for {count} steps, so they have no effect; check "
            "--unsup_loss_weight, --unsup_ramp_iter, the weights of pseudo-labels (--rpn_pseudo_cls_weight ...), "
            "and whether the guard has lowered the weight (unsup_factor in metrics.jsonl)"
        )


class NoPseudoBoxes(Watcher):
    """Warns if the teacher has no confident detections.

    Args:
        patience: in steps.
        threshold: score threshold of pseudo-boxes, for the message; None: each class has its own, by the label prior.
    """

    name = "no_pseudo_boxes"

    def __init__(self, patience: int, threshold: float | None) -> None:
        super().__init__()
        self.patience, self.threshold = patience, threshold

    def at_log_line(self, step: int, row: dict[str, float]) -> str | None:
        """See `Watcher.at_log_line`."""
        if "pseudo_boxes" not in row:
            return None
        count = self.held_for(row["pseudo_boxes"] == 0, row["steps"])
        if count < self.patience:
            return None
        threshold, remedy = "the threshold of its class", "raise --label_prior_share"
        if self.threshold is not None:
            threshold, remedy = f"--bbox_threshold {self.threshold:g}", "lower the threshold"
        return (
            f"the teacher has found no pseudo-box in any unlabelled image for {count} steps: no detection scores more than "
            f"{threshold}; train longer before the teacher starts (--burn_up_iter), {remedy}, or check that labelled and "
            "unlabelled images show the same kind of objects"
        )


class TooManyPseudoBoxes(Watcher):
    """Warns if there are far more pseudo-boxes per unlabelled image than objects per labelled image.

    Args:
        patience: in steps.
        objects: mean number of objects per labelled image.
        stricter: what makes fewer detections pseudo-boxes, for the message.
    """

    name = "too_many_pseudo_boxes"

    def __init__(self, patience: int, objects: float, stricter: str) -> None:
        super().__init__()
        self.patience, self.objects, self.stricter = patience, objects, stricter

    def at_log_line(self, step: int, row: dict[str, float]) -> str | None:
        """See `Watcher.at_log_line`."""
        if "pseudo_boxes" not in row:
            return None
        bound = max(FAR_MORE * self.objects, self.objects + 1.0)
        if self.held_for(row["pseudo_boxes"] > bound, row["steps"]) < self.patience:
            return None
        return (
            f"the teacher finds {row['pseudo_boxes']:.1f} pseudo-boxes per unlabelled image, but labelled images have "
            f"{self.objects:.1f} objects each; most of them are probably wrong: {self.stricter} or lower "
            "--unsup_loss_weight, unless the unlabelled images really have that many more objects"
        )
