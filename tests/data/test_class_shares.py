"""What the doctor says about classes of few boxes, of other shares in evaluation, and of an export of Roboflow."""

import json

import numpy as np
import pytest
from PIL import Image

from src.data.class_shares import other_order, rare_misspelt
from src.data.doctor import main as doctor
from tests.data.test_some_unlabelled import said


@pytest.mark.parametrize(
    ("names", "counts", "found"),
    [
        (("RBC", "RCB", "WBC"), (400, 1, 42), ["RCB"]),
        (("RBC", "WBC"), (439, 37), []),
        (("helmet", "hemlet", "helmt", "person"), (100, 2, 1, 2), ["hemlet", "helmt"]),
        (("no1", "no2"), (100, 1), []),
        (("cat", "car"), (30, 2), []),
        (("cat", "cats"), (60, 3), ["cats"]),
    ],
)
def test_a_class_of_few_boxes_named_nearly_like_a_frequent_one(names, counts, found):
    assert [sentence.split('"')[1] for sentence in rare_misspelt(names, counts, lambda name: [name])] == found


def test_shares_in_another_order_are_said_with_the_order():
    names = ("Platelets", "RBC", "WBC")
    (told,) = other_order(names, np.array([37, 439, 42]), np.array([61, 54, 672]))
    assert "WBC (85%) would be RBC (85% in training)" in told
    for evaluated in ([61, 672, 54], [300, 300, 300], [1, 2, 3], [0, 0, 0]):
        assert not list(other_order(names, np.array([37, 439, 42]), np.array(evaluated)))


def data_set(folder, counts: dict[str, int], first_id: int = 1):
    """A COCO file of two images and so many boxes of each class."""
    (folder / "images").mkdir(parents=True)
    images = []
    for number in (1, 2):
        blocks = np.random.default_rng([number, len(folder.name)]).integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(blocks).save(folder / f"images/{folder.name}{number}.png")
        images.append({"id": number, "file_name": f"{folder.name}{number}.png", "width": 60, "height": 40})
    classes = [number for number, count in enumerate(counts.values(), start=first_id) for _ in range(count)]
    rows = [
        {"id": n, "image_id": 1 + n % 2, "category_id": k, "bbox": [n % 40, n % 23, 5 + n % 9, 5 + n % 7]}
        for n, k in enumerate(classes, start=1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(counts, start=first_id)]
    coco = {"images": images, "annotations": rows, "categories": categories}
    (folder / "a.json").write_text(json.dumps(coco))
    return folder


def told_of(capsys, trained, evaluated=None) -> str:
    words = ["--ann_file", trained / "a.json", "--img_dir", trained / "images"]
    if evaluated:
        words += ["--eval_ann_file", evaluated / "a.json", "--eval_img_dir", evaluated / "images"]
    status, told = said(doctor, words, capsys)
    assert status == 0, told
    return told


def test_the_doctor_counts_the_boxes_of_both_sets_and_doubts_another_order(tmp_path, capsys):
    trained = data_set(tmp_path / "train", {"Platelets": 4, "RBC": 44, "WBC": 5})
    told = told_of(capsys, trained, data_set(tmp_path / "val", {"Platelets": 6, "RBC": 5, "WBC": 67}))
    assert "boxes by class: Platelets 4, RBC 44, WBC 5\nin evaluation:  Platelets 6, RBC 5, WBC 67\n" in told
    assert "evaluation set: the classes have other shares of the boxes than in training" in told
    assert "WBC (86%) would be RBC (83% in training)" in told
    told = told_of(capsys, trained, data_set(tmp_path / "test", {"Platelets": 6, "RBC": 67, "WBC": 5}))
    assert "other shares" not in told


def test_a_misspelt_class_is_doubted_and_one_that_evaluation_lacks_has_its_own_remedy(tmp_path, capsys):
    trained = data_set(tmp_path / "train", {"RBC": 60, "RCB": 1, "WBC": 20})
    told = told_of(capsys, trained, data_set(tmp_path / "val", {"RBC": 40, "WBC": 14}))
    assert 'class "RCB" has 1 of the boxes, in train2.png, and "RBC" 60: if the first is misspelt' in told
    assert "evaluation set: no image has a box of class RCB, so its AP is not measured" in told
    assert "label some, or remove" not in told


def test_a_category_that_roboflow_adds_is_said_to_be_its(tmp_path, capsys):
    trained = data_set(tmp_path / "train", {"cells": 0, "RBC": 60, "WBC": 20}, first_id=0)
    told = told_of(capsys, trained, data_set(tmp_path / "val", {"cells": 0, "RBC": 40, "WBC": 14}, first_id=0))
    assert 'class "cells", of the category id 0: Roboflow adds such a category' in told
    assert told.count("cells") == 3 and "label some" not in told, told


def test_a_class_that_is_written_in_two_ways_is_doubted_with_the_images_of_the_rarer(tmp_path, capsys):
    trained = data_set(tmp_path / "train", {"RBC": 60, "rbc": 1, "WBC": 20})
    told = told_of(capsys, trained)
    assert 'classes "RBC", "rbc" differ only by case' in told
    assert '; "rbc" is in train2.png; if they are one class, give them one name' in told
