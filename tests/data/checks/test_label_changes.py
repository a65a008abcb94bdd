"""What differs between two versions of a COCO file; each kind of change is made by hand."""

import copy
import json

import pytest

from src.data.checks.label_changes import label_changes
from src.data.formats.coco_rows import decode_coco

COCO = {
    "images": [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 40} for i in range(1, 7)],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 4, 2, 4, 6]]},
        {"id": 2, "image_id": 1, "category_id": 5, "bbox": [5, 6, 7, 8], "iscrowd": 0},
        {"id": 3, "image_id": 2, "category_id": 5, "bbox": [5, 6, 7, 8], "note": "x"},
    ],
    "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
}


def changed(*place, to):
    """A copy in which the value at the path is another one; None takes it out."""
    now = copy.deepcopy(COCO)
    target = now
    for key in place[:-1]:
        target = target[key]
    if to is None:
        del target[place[-1]]
    else:
        target[place[-1]] = to
    return now


SAME = {
    "the same": COCO,
    "numbers as fractions": changed("annotations", 0, "bbox", to=[1.0, 2.0, 3.0, 4.0]),
    "other annotation ids": changed("annotations", 0, "id", to=9),
    "fields that training does not read": changed("annotations", 2, "note", to="y"),
    "a word that it was reviewed": changed("images", 4, "labelled", to=True),
    "the default of iscrowd": changed("annotations", 1, "iscrowd", to=None),
    "other category ids": json.loads(
        json.dumps(COCO).replace(': 5, "name"', ': 7, "name"').replace('_id": 5', '_id": 7')
    ),
}
ROW = COCO["annotations"][1]
OTHER = {
    "a moved box": (
        changed("annotations", 0, "bbox", to=[1, 2, 3, 5]),
        "1 image (1.png) have other boxes (1 gone, 1 new)",
    ),
    "another class": (
        changed("annotations", 1, "category_id", to=3),
        "1 image (1.png) have other boxes (1 gone, 1 new)",
    ),
    "a crowd": (changed("annotations", 1, "iscrowd", to=1), "1 image (1.png) have other boxes (1 gone, 1 new)"),
    "another outline": (
        changed("annotations", 0, "segmentation", to=[[1, 2, 4, 2, 4, 5]]),
        "1 image (1.png) have other boxes (1 gone, 1 new)",
    ),
    "a box more": (
        changed("annotations", to=[*COCO["annotations"], ROW | {"id": 4}, ROW | {"id": 5, "image_id": 3}]),
        "2 images (1.png, 3.png) have other boxes (0 gone, 2 new)",
    ),
    "a box less": (changed("annotations", 2, to=None), "1 image (2.png) have other boxes (1 gone, 0 new)"),
    "another order": (
        changed("annotations", to=[COCO["annotations"][i] for i in (1, 0, 2)]),
        "1 image (1.png) have other boxes (in another order)",
    ),
    "not labelled any more": (changed("images", 5, "labelled", to=False), "1 image (6.png) are not labelled any more"),
    "an image less": (changed("images", 5, to=None), "1 image (6.png) are not in it any more"),
    "an image more": (
        changed("images", to=[*COCO["images"], COCO["images"][0] | {"id": 8, "file_name": "8.png"}]),
        "1 image (8.png) are new in it",
    ),
    "other ids": (
        changed("images", to=[image | {"id": image["id"] + 10} for image in COCO["images"][2:]] + COCO["images"][:2]),
        "4 images (3.png, 4.png, 5.png and 1 more) have another id or size",
    ),
    "another size": (changed("images", 0, "width", to=51), "1 image (1.png) have another id or size"),
    "policy 2": (
        changed("images", 0, "also_unlabelled", to=True),
        "1 image (1.png) join or leave the unlabelled stream",
    ),
    "another name of a class": (changed("categories", 0, "name", to="lion"), "classes: were cat, dog, are lion, dog"),
}


def as_read(coco):
    """As the label tools read a file: outlines stay text."""
    return decode_coco(json.dumps(coco).encode())


@pytest.mark.parametrize("name", SAME)
def test_what_training_does_not_see_is_no_change(name):
    assert label_changes(as_read(COCO), as_read(SAME[name])) == []


@pytest.mark.parametrize("name", OTHER)
def test_each_change_is_told_and_counted(name):
    now, sentence = OTHER[name]
    assert sentence in label_changes(as_read(COCO), as_read(now))


def test_labelled_now():
    before, _ = OTHER["not labelled any more"]
    assert label_changes(before, COCO) == ["1 image (6.png) are labelled now"]
