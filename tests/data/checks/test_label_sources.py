import json

import pytest

from src.data.checks.label_sources import (
    LabelState,
    all_unlabelled,
    check_label_state,
    labelled_names,
    mark_reviewed,
    names_with_boxes,
    read_label_state,
    reviewed_names,
    unconfirmed_empty,
)
from src.data.formats.label_states import hide_labels
from src.errors import DataError

COCO = {
    "images": [{"id": i, "file_name": f"{i}.png", "width": 9, "height": 9} for i in (1, 2, 3)],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 1, 2, 2]}],
    "categories": [{"id": 7, "name": "b"}, {"id": 5, "name": "a"}],
}


@pytest.fixture
def so_far(tmp_path):
    def write(coco):
        (tmp_path / "part.json").write_text(json.dumps(coco))
        return tmp_path / "part.json"

    return write


def test_labelled_and_unlabelled_images(so_far):
    assert labelled_names(COCO) == {"1.png", "2.png", "3.png"}, "an image without boxes is known to be empty"
    part = so_far(hide_labels(COCO, {1, 3}))
    assert read_label_state(part) == LabelState({"1.png", "3.png"}, {"2.png"}, {"1.png"}, set(), ["a", "b"], policy=1)
    assert all_unlabelled(COCO) == LabelState(set(), {"1.png", "2.png", "3.png"}, set(), set(), ["a", "b"], policy=1)
    check_label_state(read_label_state(part), part, COCO, "full.json")


def test_the_policy_that_the_file_was_made_with(so_far):
    assert read_label_state(so_far(hide_labels(COCO, {1}, also_unlabelled=True))).policy == 2
    blank = {"id": 2, "image_id": 1, "category_id": -1, "bbox": [0, 0, 0, 0]}  # the reference's form of policy 2
    both = COCO | {"annotations": [*COCO["annotations"], blank]}
    assert read_label_state(so_far(both)).policy == 2
    other = COCO | {"annotations": [*COCO["annotations"], blank | {"image_id": 2}]}
    assert read_label_state(so_far(other)) == LabelState(
        {"1.png", "3.png"}, {"2.png"}, {"1.png"}, set(), ["a", "b"], policy=1
    )


def test_category_ids_may_differ_where_names_and_order_agree(so_far):
    part = hide_labels(COCO, {2})
    part["categories"] = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    known = read_label_state(so_far(part))
    assert known.labelled == {"2.png"}
    check_label_state(known, "part.json", COCO, "full.json")


def test_all_that_does_not_go_together_is_reported_together(so_far):
    part = hide_labels(COCO, {1, 2})
    part["images"][2]["file_name"] = "other.png"
    part["categories"][0]["name"] = "c"
    with pytest.raises(DataError) as caught:
        check_label_state(read_label_state(so_far(part)), "part.json", hide_labels(COCO, {1}), "full.json")
    words = ("other.png is not in", "2.png is labelled here, but not in", "categories are a, c; those of")
    assert all(word in fault for word, fault in zip(words, caught.value.faults, strict=True))


def test_images_without_boxes_are_in_doubt_until_somebody_says_that_they_were_reviewed():
    assert unconfirmed_empty(COCO) == {"2.png", "3.png"} and names_with_boxes(COCO) == {"1.png"}
    said = mark_reviewed(COCO, {"3.png"})
    assert unconfirmed_empty(said) == {"2.png"} and reviewed_names(said) == {"3.png"}
    assert unconfirmed_empty(hide_labels(said, {1, 3})) == set(), "unlabelled images are no doubt"
    blank = {"id": 2, "image_id": 2, "category_id": -1, "bbox": [0, 0, 0, 0]}
    assert unconfirmed_empty(said | {"annotations": [*COCO["annotations"], blank]}) == set(), (
        "nor in the reference's form"
    )
