import numpy as np
import pytest

from src.data.annotations import Annotations, ImageEntry
from src.data.classes import alike_names, check_names, foreground, in_class_order
from src.errors import DataError, UserError


def data(names, ids, *labels):
    boxes = np.tile(np.array([1, 2, 3, 4], np.float32), (len(labels), 1))
    entry = ImageEntry(7, "a.png", 9, 9, True, boxes, np.array(labels, np.int32), np.zeros(len(labels), bool))
    return Annotations(names, ids, (entry,))


def test_classes_are_matched_by_name():
    old = data(("dog", "cat", "bird"), (9, 4, 2), 1, 2, 2, 3)
    new = in_class_order(old, ("bird", "cat", "dog"), "a.json")
    assert new.class_names == ("bird", "cat", "dog") and new.category_ids == (2, 4, 9)
    assert new.images[0].labels.tolist() == [3, 2, 2, 1] and new.images[0].labels.dtype == np.int32
    for label, again in zip(old.images[0].labels, new.images[0].labels, strict=True):
        assert old.class_names[label - 1] == new.class_names[again - 1]
        assert old.category_ids[label - 1] == new.category_ids[again - 1]


def test_a_class_the_file_lacks_gets_an_id_of_its_own():
    new = in_class_order(data(("dog",), (9,), 1), ("cat", "dog", "bird"), "a.json")
    assert new.category_ids == (10, 9, 11) and new.images[0].labels.tolist() == [2]


def test_unknown_classes_are_named_with_the_nearest():
    with pytest.raises(DataError) as error:
        in_class_order(data(("dog", "caat", "bird"), (1, 2, 3), 2, 2, 3), ("dog", "cat"), "a.json")
    assert "a.json" in str(error.value)
    assert error.value.faults == (
        "caat (2 objects) is not one of the classes dog, cat; is it cat?",
        "bird (1 object) is not one of the classes dog, cat",
    )


def test_no_images_keep_their_classes():
    empty = Annotations(("dog",), (3,), ())
    assert in_class_order(empty, ("cat", "dog"), "a.json").category_ids == (4, 3)


def test_the_background_is_no_class():
    assert foreground(["background", "cat"]) == foreground(["cat"]) == ("cat",)
    assert foreground(["__Background__", "cat"]) == ("cat",) and foreground([]) == ()


@pytest.mark.parametrize("names", [("a", "a"), ("a", " "), ("a", "background")])
def test_bad_lists_are_refused(names):
    with pytest.raises(UserError, match="class_names"):
        check_names(names)


def test_another_spelling_of_the_letters_is_nearer_than_another_word():
    with pytest.raises(DataError, match=r"; is it With_Mask\?"):
        in_class_order(data(("with_mask",), (1,), 1), ("With_Mask", "without_mask"), "a.json")


@pytest.mark.parametrize(
    "name", ["cat\x1b[31m", "cat\x00", "cat\tdog", "cat\x7f", "cat\u2028", "dog\x85", "a\nb", "cat\udcff"]
)
def test_names_that_no_terminal_or_file_can_show_are_refused(name):
    with pytest.raises(UserError, match="control character|not UTF-8 text"):
        check_names(["dog", name])
    check_names(["été", "狗", "traffic light"])


def test_names_that_differ_by_case_only_are_doubted_not_refused():
    (sentence,) = alike_names(["RBC", "WBC", "rbc"])
    assert '"RBC", "rbc" differ only by case' in sentence
    check_names(["A", "a"])  # of letters that are read, these are two classes
    assert not list(alike_names(["cat", "dog", "+", "-"]))
