"""What errors cost: COCO's AP50 when nothing is fixed, when the files are fixed, and 1 when everything is."""

from dataclasses import replace

import numpy as np
import pytest

from src.evaluation.coco_matching import match
from src.evaluation.errors.error_costs import ap_input, class_ap50, costs, fix_errors, mean_ap50
from src.evaluation.errors.error_types import ERROR_TYPES, MISSED, find_error_types
from src.evaluation.metrics import evaluate
from tests.evaluation.scenes import CLASS_NAMES, EMPTY, RANDOM, record


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_ap50_is_that_of_coco_when_nothing_is_fixed(case):
    matches = match(*case)
    wanted = evaluate(*case)
    found = class_ap50(ap_input(matches), matches.objects)
    for name, value in zip(CLASS_NAMES, found, strict=True):
        row = wanted["per_class"][name]
        assert matches.objects[CLASS_NAMES.index(name)] == row["objects"]
        assert np.isnan(value) if row["AP50"] is None else value == pytest.approx(row["AP50"], abs=1e-9)
    overall = mean_ap50(found)
    assert overall is wanted["AP50"] is None or overall == pytest.approx(wanted["AP50"], abs=1e-9)


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_fixing_everything_is_perfect_and_no_fixing_is_a_loss(case):
    matches = match(*case)
    errors = find_error_types(matches)
    fixed = fix_errors(matches, errors, set(range(MISSED + 1)))
    assert fixed.true_positive.all() and len(fixed.true_positive) == fixed.objects.sum()
    assert mean_ap50(class_ap50(fixed, matches.objects)) in (None, pytest.approx(1.0, abs=1e-12))
    for gain in costs(matches, errors).values():
        assert (gain[~np.isnan(gain)] >= -1e-12).all()


@pytest.mark.parametrize("kind", range(len(ERROR_TYPES)))
@pytest.mark.parametrize("case", RANDOM[:12])
def test_a_gain_is_what_coco_finds_when_the_files_are_fixed(case, kind):
    annotations, _ = case
    matches = match(*case)
    errors = find_error_types(matches)
    before = class_ap50(ap_input(matches), matches.objects)
    fixed = before + costs(matches, errors)[ERROR_TYPES[kind]]
    wanted = evaluate(*_fixed_files(annotations, matches, errors, kind))["per_class"]
    left = np.bincount(matches.object_label[~errors.missed], minlength=4)[1:]
    for index, name in enumerate(CLASS_NAMES):
        if matches.objects[index] and (kind != MISSED or left[index]):
            assert fixed[index] == pytest.approx(wanted[name]["AP50"], abs=1e-9)


def _fixed_files(annotations, matches, errors, kind) -> tuple:
    """Annotations and records without the errors of a kind: boxes and labels corrected, rows dropped."""
    free = set(np.flatnonzero(matches.matched_detection < 0).tolist())
    records = []
    for row, (image, label, box) in enumerate(zip(matches.image, matches.label, matches.box, strict=True)):
        corners = _corners(box)
        if errors.detection[row] == kind:
            if errors.target[row] not in free:
                continue
            free.remove(errors.target[row])
            label = matches.object_label[errors.target[row]]
            corners = _corners(matches.object_box[errors.target[row]])
        records.append(record(annotations.images[image].image_id, label, corners, matches.score[row]))
    if kind != MISSED:
        return annotations, records
    missed, entries = iter(errors.missed.tolist()), []
    for image in annotations.images:
        kept = np.array([crowd or not next(missed) for crowd in image.crowd.tolist()], bool)
        entries.append(replace(image, boxes=image.boxes[kept], labels=image.labels[kept], crowd=image.crowd[kept]))
    return replace(annotations, images=tuple(entries)), records


def _corners(box: np.ndarray) -> np.ndarray:
    return np.concatenate([box[:2], box[:2] + box[2:]])
