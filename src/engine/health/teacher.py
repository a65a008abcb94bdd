"""Watcher of the teacher's AP, and a check of the confusion matrix for mixed-up classes."""

from collections.abc import Sequence

import numpy as np

from src.engine.health.watcher import Watcher

TEACHER_MARGIN = 0.03  # AP; on small evaluation sets two equally good networks may differ by 0.02
TEACHER_STEPS = 50  # a teacher of so many steps is compared with its student, however slow its EMA is
CONFUSED_SCORE = 0.3  # score threshold of the detections that are matched to the ground truth
CONFUSED_SHARE = (
    0.6  # minimum share of matched objects that are predicted as the one class that theirs is confused with
)
CONFUSED_OBJECTS = 5  # minimum number of matched objects per class, for at least two classes


def least_teacher_steps(keep_rate: float) -> int:
    """Steps after which a teacher can be compared with its student: as many as its EMA averages over, but no more than
    `TEACHER_STEPS`. Before, it is mostly the student that it started as."""
    return min(TEACHER_STEPS, round(1 / max(1 - keep_rate, 1 / TEACHER_STEPS)))


class TeacherWorse(Watcher):
    """Warns if the AP of the teacher is lower than that of the student, once the teacher is more than what it started with.

    Args:
        burn_in_steps: after which the teacher starts.
        keep_rate: of its EMA.
        stricter: what makes fewer detections pseudo-labels, for the message.
    """

    name = "teacher_worse"

    def __init__(self, burn_in_steps: int, keep_rate: float, stricter: str) -> None:
        super().__init__()
        self.burn_in_steps, self.stricter = burn_in_steps, stricter
        self.first_comparison = burn_in_steps + least_teacher_steps(keep_rate)

    def at_evaluation(self, step: int, row: dict[str, float | None]) -> str | None:
        """See `Watcher.at_evaluation`."""
        teacher, student = row.get("teacher/AP"), row.get("student/AP")
        if step < self.first_comparison or None in (teacher, student) or student - teacher <= TEACHER_MARGIN:
            return None
        return (
            f"the teacher (AP {teacher:.3f}) is worse than its student (AP {student:.3f}) after {step - self.burn_in_steps} steps: its "
            "EMA averages over "
            "too many steps, or its pseudo-labels have become wrong; lower --ema_keep_rate so that 1 / (1 - rate) "
            "steps are a few "
            f"epochs of the labelled images, or {self.stricter}"
        )


def confused_classes(counts: np.ndarray, class_names: Sequence[str]) -> tuple[str, str] | None:
    """(name, message) if most matched objects are classified as another class, the same one for each class; else None.

    Args:
        counts: [K, K] confusion matrix: objects of the row's class that were classified as the column's class.
    """
    total = counts.sum()
    counted = [k for k in range(len(counts)) if counts[k].sum() >= CONFUSED_OBJECTS]
    if len(counted) < 2 or np.trace(counts) >= (1 - CONFUSED_SHARE) * total:
        return None
    predicted = {k: int(counts[k].argmax()) for k in counted}
    confused = {k: to for k, to in predicted.items() if to != k}
    if sum(counts[k, to] for k, to in confused.items()) < CONFUSED_SHARE * total:
        return None
    shifts = {(to - k) % len(counts) for k, to in confused.items()}
    pairs = ", ".join(f"{class_names[k]} is classified as {class_names[to]}" for k, to in confused.items())
    if len(shifts) == 1 and shifts <= {1, len(counts) - 1} and len(counts) > 2:
        return "labels_shifted", (
            f"labels look shifted by one: of {total} objects that were detected in the evaluation images most are "
            f"assigned to the neighbouring class ({pairs}); check that category_id counts from the same number in "
            "the evaluation file, in "
            "train_ann_file and in the data of the checkpoint"
        )
    return "class_order", (
        f"class names look mixed up: of {total} objects that were detected in the evaluation images most are assigned "
        f"to another class, the same one for each class ({pairs}); compare the categories of the evaluation file, "
        "of train_ann_file and of the "
        "checkpoint"
    )
