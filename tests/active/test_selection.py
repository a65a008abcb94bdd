import json

import pytest

from src.active.ranking import read_ranking
from src.active.selection import choose_random, label_count, pick_count
from src.errors import DataError, UserError


@pytest.mark.parametrize(
    "ratio, images, count", [(25, 682, 170), (29, 100, 29), (0.5, 1000, 5), (0.1, 1999, 1), (100, 7, 7)]
)
def test_label_count_rounds_down_without_floating_point_traps(ratio, images, count):
    assert label_count(ratio, images) == count


@pytest.mark.parametrize(
    "ratio, images, words",
    [
        (-1, 5, "between 0 and 100"),
        (101, 5, "between"),
        (float("nan"), 5, "between"),
        (10, 9, "smallest ratio is 11.1"),
        (10, 0, "no images"),
    ],
)
def test_label_count_faults(ratio, images, words):
    with pytest.raises(UserError, match=words):
        label_count(ratio, images)


def test_random_choice_depends_on_ids_and_seed_alone():
    ids = [9, 4, 7, 1, 30, 22]
    assert choose_random(ids, 3, 5) == choose_random(ids[::-1], 3, 5)
    assert len({frozenset(choose_random(ids, 3, seed)) for seed in range(20)}) > 5
    assert len({frozenset(choose_random(range(1000), 10, -1)) for _ in range(5)}) == 5


def test_a_pick_fills_up_to_the_ratio():
    assert pick_count(60, 25, 100) == 35
    for ratio, labelled, words in [(100, 10, "all 10 images are labelled"), (20, 2, "means 2 labelled.*at least 30")]:
        with pytest.raises(UserError, match=words):
            pick_count(ratio, labelled, 10)


@pytest.mark.parametrize("name", ["../b.png", "a/../../b.png", "/etc/b.png", "a\nb.png", "a\rb.png", ""])
def test_names_that_cannot_stand_in_a_list_are_refused(tmp_path, name):
    path = tmp_path / "top_value_data.json"
    path.write_text(json.dumps({"a..b/c.png": 2.0, name: 1.0}))
    with pytest.raises(DataError) as refusal:
        read_ranking(path)
    [fault] = refusal.value.faults
    assert repr(name) in fault and "one path inside the image folder a line" in fault
