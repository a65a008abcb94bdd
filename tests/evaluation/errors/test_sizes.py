"""Small, medium and large objects: found, kept and missed."""

from dataclasses import replace

import numpy as np
import pytest

from src.evaluation.errors.advice import headline
from src.evaluation.errors.analysis import analyse_errors
from src.evaluation.errors.sizes import size_index
from src.evaluation.metrics import evaluate
from tests.evaluation.scenes import RANDOM, entry, record, scene

SMALL, MEDIUM, LARGE = (0, 0, 20, 20), (50, 0, 100, 50), (0, 100, 200, 300)


def test_borders_are_those_of_coco():
    assert size_index(np.array([31, 32, 95, 96]) ** 2).tolist() == [0, 1, 1, 2]


def test_each_size_has_its_row():
    annotations = scene(entry(1, [SMALL, MEDIUM, LARGE, LARGE], [1, 1, 1, 2]))
    records = [record(1, 1, SMALL, 0.9), record(1, 1, MEDIUM, 0.8), record(1, 1, LARGE, 0.7)]
    analysis = analyse_errors(annotations, records, evaluate(annotations, records))
    rows = [(row.name, row.objects, row.matched, row.kept, row.missed) for row in analysis.sizes]
    assert rows == [("small", 1, 1, 1, 0), ("medium", 1, 1, 1, 0), ("large", 2, 1, 1, 1)]
    assert [row.ap for row in analysis.sizes] == [pytest.approx(1), pytest.approx(1), pytest.approx(0.5)]


def test_the_area_of_the_annotation_decides_where_there_is_one():
    image = replace(entry(1, [LARGE, LARGE, LARGE], [1, 1, 1]), areas=np.array([500.0, 5000.0, np.nan]))
    records = [record(1, 1, LARGE, 0.9)]
    analysis = analyse_errors(scene(image), records, evaluate(scene(image), records))
    assert [row.objects for row in analysis.sizes] == [1, 1, 1]


def test_small_areas_in_large_boxes_ask_for_a_larger_input():
    boxes = [(0, 0, 100, 100), (150, 0, 250, 100), (0, 150, 100, 250)]
    image = replace(entry(1, boxes, [1, 1, 1]), areas=np.full(3, 900.0))
    records = [record(1, 1, boxes[0], 0.9)]
    said = headline(analyse_errors(scene(image), records, evaluate(scene(image), records)))
    assert "2 of 2 missed objects are small: a larger input (--img_width" in said


@pytest.mark.parametrize("case", RANDOM)
def test_sizes_share_all_objects(case):
    metrics = evaluate(*case)
    analysis = analyse_errors(*case, metrics)
    assert sum(row.objects for row in analysis.sizes) == metrics["objects"]
    assert sum(row.matched for row in analysis.sizes) == analysis.matches.true_positive.sum()
    assert sum(row.missed for row in analysis.sizes) == analysis.errors.missed.sum()
    assert all(row.kept <= row.matched <= row.objects for row in analysis.sizes)
