"""What a pick is made of: random share, least objects, best scores, no near-duplicates."""

import cv2
import numpy as np
import pytest

from src.active.picking.budget import Budget
from src.active.picking.composition import RANDOM, SCORE, Floor, Rules, compose
from src.active.picking.near_duplicates import NearDuplicates
from src.errors import DataError, UserError

SCORES = {f"{i:03d}": float(i) for i in range(200)}


def images(count):
    return Budget(count, count=count)


def nothing_compared():
    return NearDuplicates([], [], 0)


def test_a_tenth_is_drawn_at_random_from_what_is_not_labelled():
    labelled = {f"{i:03d}" for i in range(100, 150)}
    pick = compose(SCORES, labelled, images(50), Rules(), nothing_compared())
    drawn = [name for name, why in pick.why.items() if why == RANDOM]
    assert len(pick.why) == 50 and len(drawn) == 5 and not labelled & pick.why.keys()
    best = [name for name in sorted(SCORES, reverse=True) if name not in labelled and name not in drawn][:45]
    assert list(pick.why) == best + drawn, "highest score first, random ones last"
    assert pick.notes == ["5 of the 50 picked images are drawn at random (seed 10)"]
    assert compose(SCORES, labelled, images(50), Rules(), nothing_compared()).why == pick.why
    assert compose(SCORES, labelled, images(50), Rules(seed=3), nothing_compared()).why != pick.why


def test_the_random_share_is_uniform():
    counts = dict.fromkeys(SCORES, 0)
    for seed in range(400):
        for name, why in compose(SCORES, set(), images(20), Rules(1.0, seed), nothing_compared()).why.items():
            counts[name] += why == RANDOM
    assert sum(counts.values()) == 400 * 20 and 15 < min(counts.values()) and max(counts.values()) < 70


def test_small_picks_and_a_share_of_nothing_are_all_by_score():
    for count, rules in ((9, Rules()), (40, Rules(random_share=0))):
        assert set(compose(SCORES, set(), images(count), rules, nothing_compared()).why.values()) == {SCORE}


def test_least_objects_of_a_class():
    predicted = {f"{i:03d}": 2.0 for i in range(0, 20, 2)}
    floor = Floor("rare", 11, 4, predicted)
    pick = compose(SCORES, {"018"}, images(10), Rules(0, floors=[floor]), nothing_compared())
    assert [name for name, why in pick.why.items() if why == "at_least rare"] == ["016", "014", "012", "010"]
    assert list(pick.why.values()).count(SCORE) == 6
    assert pick.notes == ["at_least rare=11: 4 objects are labelled, and 12 with those predicted in picked images"]
    short = compose(SCORES, set(), images(3), Rules(0, floors=[Floor("rare", 40, 0, predicted)]), nothing_compared())
    assert list(short.why) == ["018", "016", "014"] and "the most that could be found" in short.notes[0]


def test_too_few_images():
    with pytest.raises(UserError, match="201 more images.*only 200"):
        compose(SCORES, set(), images(201), Rules(), nothing_compared())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """old.png is labelled; like_*.png show the same picture as old or as new0."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    drawn = {
        name: cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (96, 96))
        for name in ("old", "new0", "new1", "new2")
    }
    drawn |= {
        "like_old": cv2.convertScaleAbs(drawn["old"], alpha=0.9, beta=12),
        "like_new0": cv2.resize(drawn["new0"], (80, 80)),
    }
    for name, image in drawn.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return folder


def test_near_duplicates_are_passed_over_and_named(pictures):
    scores = {
        "like_old.png": 9.0,
        "new0.png": 8.0,
        "like_new0.png": 7.0,
        "new1.png": 6.0,
        "new2.png": 5.0,
        "old.png": 4.0,
    }
    near = NearDuplicates([pictures], ["old.png"], 3)
    pick = compose(scores, {"old.png"}, images(3), Rules(), near)
    assert list(pick.why) == ["new0.png", "new1.png", "new2.png"]
    (note,) = pick.notes
    assert note.startswith("2 near-duplicates of labelled or picked images skipped, such as ")
    assert note.endswith("like_old.png (like old.png), like_new0.png (like new0.png)")


def test_near_duplicates_fill_up_where_there_is_nothing_else(pictures):
    scores = {"like_old.png": 9.0, "new0.png": 8.0, "like_new0.png": 7.0}
    pick = compose(scores, {"old.png"}, images(3), Rules(), NearDuplicates([pictures], ["old.png"], 3))
    assert list(pick.why) == list(scores)
    assert pick.why["like_old.png"] == "score, although like old.png"
    assert pick.notes[1] == "2 of them are picked nevertheless, because there are not enough other images"


def test_a_picture_is_never_picked_twice(pictures):
    """Not even to reach a number of images; two copies of a near-duplicate are one picture, too."""
    for name, copied in (("old.png", "x.png"), ("new0.png", "y.png"), ("like_new0.png", "z.png")):
        cv2.imwrite(str(pictures / copied), cv2.imread(str(pictures / name)), [cv2.IMWRITE_PNG_COMPRESSION, 0])
    scores = {"x.png": 9.0, "new0.png": 8.0, "y.png": 7.0, "like_new0.png": 6.0, "z.png": 5.0}
    pick = compose(scores, {"old.png"}, images(5), Rules(), NearDuplicates([pictures], ["old.png"], 5))
    assert list(pick.why) == ["new0.png", "like_new0.png"]
    assert "x.png (like old.png), y.png (like new0.png)" in pick.notes[0]
    assert pick.notes[1].startswith("1 of them are picked nevertheless")
    assert pick.notes[2].startswith(
        "2 images are picked, 3 fewer than wanted: the others are copies, with the same pixels"
    )
    with pytest.raises(UserError, match="nothing to pick: each of the 1 unlabelled images is a copy of a labelled one"):
        compose({"x.png": 1.0}, {"old.png"}, images(1), Rules(), NearDuplicates([pictures], ["old.png"], 1))


def test_images_elsewhere_are_counted_and_broken_ones_listed(pictures, tmp_path):
    near = NearDuplicates([pictures], ["gone.png"], 1)
    assert near.not_compared == 1
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"broken\.png"):
        compose({"broken.png": 1.0}, set(), images(1), Rules(), NearDuplicates([tmp_path], [], 1))


def test_a_budget_takes_the_best_score_per_cost_and_is_not_exceeded():
    scores, costs = {"a": 8.0, "b": 6.0, "c": 3.0, "d": 0.5}, {"a": 4.0, "b": 1.0, "c": 1.0, "d": 0.5}
    pick = compose(scores, set(), Budget(5.6, "hours", costs), Rules(0), nothing_compared())
    assert list(pick.why) == ["b", "c", "d"], "a costs too much for what is left, d does not"
    pick = compose(scores, {"b"}, Budget(5.1, "hours", costs), Rules(0), nothing_compared())
    assert list(pick.why) == ["c", "a"], "scores per cost: 3, 2, 1"
    everything = compose(scores, set(), Budget(100, "hours", costs), Rules(0), nothing_compared())
    assert len(everything.why) == 4


def test_equal_costs_are_a_number_of_images():
    for labelled in (set(), {"199", "150"}):
        by_count = compose(SCORES, labelled, images(30), Rules(), nothing_compared())
        by_cost = compose(
            SCORES, labelled, Budget(15, "hours", dict.fromkeys(SCORES, 0.5)), Rules(), nothing_compared()
        )
        assert by_count.why == by_cost.why


def test_the_order_of_scores_below_0_is_kept_where_costs_are_equal():
    scores = {name: value - 150 for name, value in SCORES.items()}
    pick = compose(scores, set(), Budget(20, "hours", dict.fromkeys(scores, 0.5)), Rules(0), nothing_compared())
    assert list(pick.why) == sorted(scores, reverse=True)[:40]


def test_no_budget_is_exceeded_and_the_random_share_has_its_share_of_it():
    generator = np.random.default_rng(1)
    for seed in range(20):
        costs = dict(zip(SCORES, generator.lognormal(0, 1, len(SCORES)), strict=True))
        pick = compose(SCORES, set(), Budget(40, "hours", costs), Rules(0.25, seed), nothing_compared())
        drawn = sum(costs[name] for name, why in pick.why.items() if why == RANDOM)
        spent = sum(costs[name] for name in pick.why)
        left = [costs[name] for name in SCORES if name not in pick.why]
        assert spent <= 40 and 40 - spent < min(left) and drawn <= 10


def test_dear_images_are_drawn_at_random_as_often_as_cheap_ones():
    costs = dict(zip(SCORES, [1.0, 4.0] * 100, strict=True))
    drawn = []
    for seed in range(60):
        pick = compose(SCORES, set(), Budget(250, "hours", costs), Rules(0.4, seed), nothing_compared())
        drawn += [costs[name] for name, why in pick.why.items() if why == RANDOM]
    assert len(drawn) > 2000 and abs(np.mean(drawn) - 2.5) < 0.1


def test_a_budget_that_is_not_enough_for_one_image_is_refused():
    with pytest.raises(UserError, match="2 hours is not enough for one image: the cheapest costs 3 hours"):
        compose({"a": 1.0}, set(), Budget(2, "hours", {"a": 3.0}), Rules(), nothing_compared())
