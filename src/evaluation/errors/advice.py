"""One sentence: the error type that costs most AP50, and a remedy."""

import numpy as np

from src.evaluation.errors.analysis import ErrorAnalysis
from src.evaluation.errors.error_costs import mean_ap50
from src.evaluation.errors.error_types import CLASS, ERROR_TYPES, LOCALISATION
from src.evaluation.errors.sizes import size_index
from src.evaluation.metrics import SIZES
from src.wording import counted

TITLES = {
    "class": "wrong class",
    "place": "poor localisation",
    "both": "class and localisation",
    "duplicate": "duplicate",
    "background": "background",
    "missed": "missed",
}
DESCRIPTIONS = {
    "class": "on an object of another class (IoU .5 or more)",
    "place": "near an object of its class (IoU .1 to .5), but too far off to match",
    "both": "near an object of another class (IoU .1 to .5)",
    "duplicate": "on an object that is matched to a detection with a higher score",
    "background": "no object there (IoU below .1)",
    "missed": "objects without a detection on them, or of their class near them",
}
_SUBJECTS = {
    "class": "Wrong classes cost",
    "place": "Poorly localised boxes cost",
    "both": "Poorly localised boxes of a wrong class cost",
    "duplicate": "Duplicates cost",
    "background": "Detections of background cost",
    "missed": "Missed objects cost",
}
_REMEDIES = {
    "place": "check that the labelled boxes are tight, and train longer with a low learning rate at the end",
    "both": "label more images of the classes that are confused, and train longer",
    "duplicate": "a lower --test_iou_thr drops them",
    "background": "look at them below: label those that are objects without a label; if there are none, add images without objects",
}
_LARGER_INPUT = "a larger input (--img_width, --img_height) makes them larger"
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
        return f"AP50 is {now:.3f}, and no error type alone costs any of it."
    cost = f"{_SUBJECTS[worst]} most, {100 * gains[worst]:.1f} points of AP50 ({now:.3f} now, {now + gains[worst]:.3f} without them)"
    *details, remedy = _details(analysis, worst)
    return f"{'; '.join([cost, *_worst_class(analysis, worst), *details])}: {remedy}."


def _worst_class(analysis: ErrorAnalysis, error_type: str) -> list[str]:
    """The class that loses most, if there are several."""
    losses = analysis.costs[error_type]
    if np.count_nonzero(~np.isnan(losses)) < 2:
        return []
    label = _losing_most(analysis, error_type)
    return [f"“{analysis.matches.class_names[label]}” loses most ({100 * losses[label]:.1f} points)"]


def _losing_most(analysis: ErrorAnalysis, error_type: str) -> int:
    """The index of the class that loses most; of those that lose equally as it is printed, the one with the most objects, by name."""
    losses = np.round(100 * analysis.costs[error_type], 1)
    objects, names = analysis.matches.objects, analysis.matches.class_names
    return min(np.flatnonzero(losses == np.nanmax(losses)).tolist(), key=lambda index: (-objects[index], names[index]))


def _details(analysis: ErrorAnalysis, error_type: str) -> list[str]:
    """Clauses on what these errors have in common, and last the remedy."""
    if error_type == "missed":
        small, details = _mostly_small(analysis, analysis.errors.missed, "missed objects")
        return [*details, _LARGER_INPUT if small else _MORE_LABELS]
    if error_type == "place":
        targeted = np.zeros(len(analysis.matches.matched_detection), bool)
        targeted[analysis.errors.target[analysis.errors.detection == LOCALISATION]] = True
        small, details = _mostly_small(analysis, targeted, "objects near them")
        return [*details, _LARGER_INPUT if small else _REMEDIES[error_type]]
    if error_type == "class":
        return _confused_classes(analysis)
    return [_REMEDIES[error_type]]


def _mostly_small(analysis: ErrorAnalysis, rows: np.ndarray, name: str) -> tuple[bool, list[str]]:
    """Whether half or more of some objects are small, and a clause that says which size half or more of them have."""
    counts = np.bincount(size_index(analysis.matches.object_area[rows]), minlength=len(SIZES))
    largest = int(np.argmax(counts))
    if 2 * counts[largest] < counts.sum():
        return False, []
    if counts.sum() == 1:
        return largest == 0, [f"the only one is {list(SIZES)[largest]}"]
    return largest == 0, [f"{counts[largest]:,} of {counts.sum():,} {name} are {list(SIZES)[largest]}"]


def _confused_classes(analysis: ErrorAnalysis) -> list[str]:
    """For the class that loses most: the class it is confused with most, on its objects or by its detections."""
    matches, errors = analysis.matches, analysis.errors
    rows = np.flatnonzero(errors.detection == CLASS)
    true_label, predicted = matches.object_label[errors.target[rows]], matches.label[rows]
    label = _losing_most(analysis, "class") + 1
    size = len(matches.class_names) + 1
    confused = np.bincount(predicted[true_label == label], minlength=size) + np.bincount(
        true_label[predicted == label], minlength=size
    )
    other = int(np.argmax(confused))
    name, partner = matches.class_names[label - 1], matches.class_names[other - 1]
    return [
        f"it is mostly confused with “{partner}” ({confused[other]:,} of {counted(int(confused.sum()), 'detection')})",
        f"label more images with “{name}”, and check that both are labelled by the same rule",
    ]
