"""One sentence: what costs most, and what to do about it."""

import numpy as np

from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.error_costs import mean_ap50
from src.evaluation.errors.error_types import CLASS, ERROR_TYPES, LOCALISATION
from src.evaluation.errors.sizes import size_index
from src.evaluation.metrics import SIZES

TITLES = {
    "class": "wrong class",
    "place": "badly placed",
    "both": "class and place",
    "duplicate": "duplicate",
    "background": "background",
    "missed": "missed",
}
DESCRIPTIONS = {
    "class": "an object is found (IoU .5 or more) and taken for another class",
    "place": "near an object of its class (IoU .1 to .5), but not close enough to count",
    "both": "wrong class and badly placed: near an object of another class (IoU .1 to .5)",
    "duplicate": "on an object that a better detection has found already",
    "background": "no object there (IoU below .1)",
    "missed": "objects that nothing was detected on, or near with the right class",
}
_SUBJECTS = {
    "class": "Wrong classes cost",
    "place": "Badly placed boxes cost",
    "both": "Detections of a wrong class and place cost",
    "duplicate": "Duplicates cost",
    "background": "Detections of mere background cost",
    "missed": "Missed objects cost",
}
_REMEDIES = {
    "place": "check that the labelled boxes are tight, and train longer with a low learning rate at the end",
    "both": "label more images of the classes that are mixed up, and train longer",
    "duplicate": "a lower --test_iou_thr drops them",
    "background": "look at them below: if they are objects that nobody labelled, label them; if not, add images without objects",
}
_LARGER_INPUT = "a larger input (--img_width, --img_height) shows them bigger"
_MORE_LABELS = "label more images that have them, and train longer"


def headline(analysis: ErrorAnalysis) -> str:
    """The sentence, plain text."""
    metrics = analysis.metrics
    if not metrics["objects"]:
        return "These images have no labelled objects, so there is nothing to score: evaluate on images that have some."
    if not metrics["detections"]:
        return "Nothing was detected in any image: has this detector been trained, and for these classes?"
    gains = {name: mean_ap50(analysis.costs[name]) for name in ERROR_TYPES}
    worst = max(gains, key=gains.get)
    now = metrics["AP50"]
    if gains[worst] < 0.0005:
        return f"AP50 is {now:.3f}, and no kind of error costs any of it by itself."
    cost = f"{_SUBJECTS[worst]} most, {100 * gains[worst]:.1f} points of AP50 ({now:.3f} now, {now + gains[worst]:.3f} without them)"
    *facts, remedy = _detail(analysis, worst)
    return f"{'; '.join([cost, *_whose(analysis, worst), *facts])}: {remedy}."


def _whose(analysis: ErrorAnalysis, kind: str) -> list[str]:
    """The class that loses most, if there are several."""
    losses = analysis.costs[kind]
    if np.count_nonzero(~np.isnan(losses)) < 2:
        return []
    label = int(np.nanargmax(losses))
    return [f"“{analysis.matches.class_names[label]}” loses most ({100 * losses[label]:.1f} points)"]


def _detail(analysis: ErrorAnalysis, kind: str) -> list[str]:
    """What these errors have in common, and last the remedy."""
    if kind == "missed":
        small, facts = _mostly_small(analysis, analysis.errors.missed, "these")
        return [*facts, _LARGER_INPUT if small else _MORE_LABELS]
    if kind == "place":
        near = np.zeros(len(analysis.matches.matched_detection), bool)
        near[analysis.errors.target[analysis.errors.detection == LOCALISATION]] = True
        small, facts = _mostly_small(analysis, near, "the objects they are meant for,")
        return [*facts, _LARGER_INPUT if small else _REMEDIES[kind]]
    if kind == "class":
        return _mixed_up(analysis)
    return [_REMEDIES[kind]]


def _mostly_small(analysis: ErrorAnalysis, rows: np.ndarray, of_what: str) -> tuple[bool, list[str]]:
    """Whether half or more of some objects are small, and a clause that says which size half or more of them have."""
    counts = np.bincount(size_index(analysis.matches.object_area[rows]), minlength=len(SIZES))
    largest = int(np.argmax(counts))
    if 2 * counts[largest] < counts.sum():
        return False, []
    return largest == 0, [f"{counts[largest]:,} of {of_what} {counts.sum():,} are {list(SIZES)[largest]}"]


def _mixed_up(analysis: ErrorAnalysis) -> list[str]:
    """For the class that loses most: what it is mixed up with, on its objects or by its detections."""
    matches, errors = analysis.matches, analysis.errors
    rows = np.flatnonzero(errors.detection == CLASS)
    truth, taken = matches.object_label[errors.target[rows]], matches.label[rows]
    label = int(np.nanargmax(analysis.costs["class"])) + 1
    size = len(matches.class_names) + 1
    mixed = np.bincount(taken[truth == label], minlength=size) + np.bincount(truth[taken == label], minlength=size)
    other = int(np.argmax(mixed))
    name, partner = matches.class_names[label - 1], matches.class_names[other - 1]
    return [
        f"it is mostly mixed up with “{partner}” ({mixed[other]:,} of {mixed.sum():,} detections)",
        f"label more images with “{name}”, and check that both are labelled by one rule",
    ]
