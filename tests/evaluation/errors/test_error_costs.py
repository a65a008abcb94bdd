"""What mistakes cost: COCO's AP50 when nothing is mended, when the files are mended, and 1 when everything is."""

from dataclasses import replace

import numpy as np
import pytest

from src.evaluation.coco_matching import match
from src.evaluation.errors.error_costs import class_ap50, costs, mean_ap50, mend, scene_of
from src.evaluation.errors.error_types import KINDS, MISSED, find_mistakes
from src.evaluation.metrics import evaluate
from tests.evaluation.scenes import CLASS_NAMES, EMPTY, RANDOM, record


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_ap50_is_that_of_coco_when_nothing_is_mended(case):
    matches = match(*case)
    wanted = evaluate(*case)
    found = class_ap50(scene_of(matches), matches.objects)
    for name, value in zip(CLASS_NAMES, found, strict=True):
        row = wanted["per_class"][name]
        assert matches.objects[CLASS_NAMES.index(name)] == row["objects"]
        assert np.isnan(value) if row["AP50"] is None else value == pytest.approx(row["AP50"], abs=1e-9)
    overall = mean_ap50(found)
    assert overall is wanted["AP50"] is None or overall == pytest.approx(wanted["AP50"], abs=1e-9)


@pytest.mark.parametrize("case", RANDOM + EMPTY)
def test_mending_everything_is_perfect_and_no_mending_is_a_loss(case):
    matches = match(*case)
    mistakes = find_mistakes(matches)
    mended = mend(matches, mistakes, set(range(MISSED + 1)))
    assert mended.right.all() and len(mended.right) == mended.objects.sum()
    assert mean_ap50(class_ap50(mended, matches.objects)) in (None, pytest.approx(1.0, abs=1e-12))
    for gain in costs(matches, mistakes).values():
        assert (gain[~np.isnan(gain)] >= -1e-12).all()


@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("case", RANDOM[:12])
def test_a_gain_is_what_coco_finds_when_the_files_are_mended(case, kind):
    annotations, _ = case
    matches = match(*case)
    mistakes = find_mistakes(matches)
    before = class_ap50(scene_of(matches), matches.objects)
    mended = before + costs(matches, mistakes)[KINDS[kind]]
    wanted = evaluate(*_mended_files(annotations, matches, mistakes, kind))["per_class"]
    left = np.bincount(matches.object_label[~mistakes.missed], minlength=4)[1:]
    for index, name in enumerate(CLASS_NAMES):
        if matches.objects[index] and (kind != MISSED or left[index]):
            assert mended[index] == pytest.approx(wanted[name]["AP50"], abs=1e-9)


def _mended_files(annotations, matches, mistakes, kind) -> tuple:
    """Annotations and records without the mistakes of a kind: boxes and labels corrected, rows dropped."""
    free = set(np.flatnonzero(matches.found_by < 0).tolist())
    records = []
    for row, (image, label, box) in enumerate(zip(matches.image, matches.label, matches.box, strict=True)):
        corners = _corners(box)
        if mistakes.detection[row] == kind:
            if mistakes.target[row] not in free:
                continue
            free.remove(mistakes.target[row])
            label = matches.object_label[mistakes.target[row]]
            corners = _corners(matches.object_box[mistakes.target[row]])
        records.append(record(annotations.images[image].image_id, label, corners, matches.score[row]))
    if kind != MISSED:
        return annotations, records
    missed, entries = iter(mistakes.missed.tolist()), []
    for image in annotations.images:
        kept = np.array([crowd or not next(missed) for crowd in image.crowd.tolist()], bool)
        entries.append(replace(image, boxes=image.boxes[kept], labels=image.labels[kept], crowd=image.crowd[kept]))
    return replace(annotations, images=tuple(entries)), records


def _corners(box: np.ndarray) -> np.ndarray:
    return np.concatenate([box[:2], box[:2] + box[2:]])
