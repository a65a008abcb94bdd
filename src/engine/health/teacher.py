"""Watchers of evaluations: is the teacher worth following, and do names and labels belong together?"""

from collections.abc import Sequence

import numpy as np

from src.engine.health.watcher import Watcher

TEACHER_MARGIN = 0.03  # AP; on small evaluation sets two good networks may differ by as much as 0.02
CONFUSED_SCORE = 0.3  # least score of the detections that are compared with the truth
CONFUSED_SHARE = 0.6  # of the objects found that carry another class in the same manner
CONFUSED_OBJECTS = 5  # of each of two classes at least


class TeacherWorse(Watcher):
    """The teacher scores lower than the student that it teaches."""

    name = "teacher_worse"

    def scores(self, step: int, row: dict[str, float | None]) -> str | None:
        """See `Watcher.scores`."""
        teacher, student = row.get("teacher/AP"), row.get("student/AP")
        if teacher is None or student is None or student - teacher <= TEACHER_MARGIN:
            return None
        return (
            f"the teacher (AP {teacher:.3f}) is worse than its student (AP {student:.3f}): it lags too far behind, or its "
            "labels have gone bad; lower --ema_keep_rate so that its memory 1 / (1 - rate) is a few rounds through the "
            "labelled images, or raise --bbox_threshold"
        )


def mixed_up(counts: np.ndarray, class_names: Sequence[str]) -> tuple[str, str] | None:
    """(name, sentence) if most objects that are found carry the name of another class, always the same one.

    Args:
        counts: [K, K], objects of the row's class that were called the column's class (`matching.confusion`).
    """
    total = counts.sum()
    judged = [k for k in range(len(counts)) if counts[k].sum() >= CONFUSED_OBJECTS]
    if len(judged) < 2 or np.trace(counts) >= (1 - CONFUSED_SHARE) * total:
        return None
    called = {k: int(counts[k].argmax()) for k in judged}
    moved = {k: to for k, to in called.items() if to != k}
    if sum(counts[k, to] for k, to in moved.items()) < CONFUSED_SHARE * total:
        return None
    shifts = {(to - k) % len(counts) for k, to in moved.items()}
    pairs = ", ".join(f"{class_names[k]} is called {class_names[to]}" for k, to in moved.items())
    if len(shifts) == 1 and shifts <= {1, len(counts) - 1} and len(counts) > 2:
        return "labels_shifted", (
            f"labels look shifted by one: of {total} objects that were found in the evaluation images most carry the name "
            f"of the next class ({pairs}); check that category_id counts from the same number in the evaluation file, in "
            "train_ann_file and in the data of the checkpoint"
        )
    return "class_order", (
        f"class names look mixed up: of {total} objects that were found in the evaluation images most carry another name, "
        f"always the same one ({pairs}); compare the categories of the evaluation file, of train_ann_file and of the "
        "checkpoint"
    )
