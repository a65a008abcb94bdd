"""The sentence at the top: it names the kind that costs most, whom and what it concerns, and a remedy."""

import pytest

from src.evaluation.errors.advice import DESCRIPTIONS, TITLES, headline
from src.evaluation.errors.analysis import analyse_errors
from src.evaluation.errors.error_types import ERROR_TYPES
from src.evaluation.metrics import evaluate
from tests.evaluation.scenes import EMPTY, RANDOM, entry, record, scene

BOX, OTHER, SMALL = (0, 0, 100, 100), (150, 150, 250, 250), (260, 260, 275, 275)
LOOSE = (0, 0, 100, 250)


def _headline(annotations, records) -> str:
    return headline(analyse_errors(annotations, records, evaluate(annotations, records)))


def test_missed_small_objects_ask_for_a_larger_input():
    said = _headline(scene(entry(1, [BOX, SMALL, SMALL], [1, 1, 1])), [record(1, 1, BOX, 0.9)])
    assert said.startswith("Missed objects cost most, 66.3 points of AP50 (0.337 now, 1.000 without them); ")
    assert "2 of 2 missed objects are small: a larger input (--img_width" in said


def test_missed_large_objects_ask_for_labels_and_the_class_is_named():
    annotations = scene(entry(1, [BOX, OTHER], [1, 2]))
    said = _headline(annotations, [record(1, 1, BOX, 0.9)])
    assert "“hund” loses most (100.0 points)" in said and "2 of" not in said and "the only one is large" in said
    assert said.endswith("label more images that have them, and train longer.")


def test_mixed_up_classes_are_named():
    annotations = scene(entry(1, [BOX, OTHER], [1, 2]))
    said = _headline(annotations, [record(1, 3, BOX, 0.9), record(1, 2, OTHER, 0.9)])
    assert said.startswith("Wrong classes cost most, 50.0 points")
    assert "confused with “猫” (1 of 1 detection): label more images with “cat”" in said


def test_of_classes_that_lose_equally_the_one_with_the_most_objects_is_named_whatever_the_order():
    for labels in ((1, 2, 2), (1, 1, 2), (3, 2, 2)):
        boxes = [BOX, OTHER, SMALL]
        said = _headline(scene(entry(1, boxes, labels)), [record(1, 3 if 1 in labels else 1, LOOSE, 0.9)])
        named = said.partition("“")[2].partition("”")[0]
        assert named == ("cat" if labels.count(1) == 2 else "hund") and "(100.0 points)" in said


@pytest.mark.parametrize(
    ("wrong", "kind", "remedy"),
    [
        ((1, BOX), "Duplicates cost", "--test_iou_thr"),
        ((1, (0, 200, 50, 250)), "Detections of background cost", "images without objects"),
        ((2, LOOSE), "Poorly localised boxes of a wrong class cost", "confused"),
    ],
)
def test_what_is_there_too_much(wrong, kind, remedy):
    annotations = scene(entry(1, [BOX, OTHER], [1, 2]))
    label, box = wrong
    records = [record(1, 1, BOX, 0.95), record(1, 2, OTHER, 0.5), record(1, label, box, 0.9)]
    if label == 1:
        annotations = scene(entry(1, [BOX, OTHER], [1, 1]))
        records[1] = record(1, 1, OTHER, 0.5)
    said = _headline(annotations, records)
    assert said.startswith(f"{kind} most") and remedy in said


def test_badly_placed_boxes():
    said = _headline(scene(entry(1, [BOX], [1])), [record(1, 1, LOOSE, 0.9)])
    assert said.startswith("Poorly localised boxes cost most, 100.0 points") and "tight" in said


def test_nothing_to_say_is_said():
    assert "Nothing was detected" in _headline(scene(entry(1, [BOX], [1])), [])
    assert "no labelled objects" in _headline(scene(entry(1)), [])
    assert "AP50 is 1.000" in _headline(scene(entry(1, [BOX], [1])), [record(1, 1, BOX, 0.9)])


def test_it_is_one_sentence_in_every_case():
    for case in RANDOM + EMPTY:
        said = _headline(*case)
        assert said[-1] in ".?" and ". " not in said and "nan" not in said
    assert set(TITLES) == set(DESCRIPTIONS) == set(ERROR_TYPES)
