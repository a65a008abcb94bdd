"""What is compared with what, in numbers that can be checked by hand."""

from pathlib import Path

import pytest

from benchmarks.label_efficiency.cells import Key, cells_of
from benchmarks.label_efficiency.comparison import by_key, comparisons, reached
from benchmarks.label_efficiency.labelled import Labelled, images_for_boxes, labelled_in
from benchmarks.label_efficiency.plan import read_plan
from benchmarks.label_efficiency.record import Result, Score, evaluations, training_minutes
from benchmarks.label_efficiency.table import comparison_table, reached_table
from src.files import write_json
from tests.benchmarks.label_efficiency.plans import ARMS, write_plan

APS = {  # by arm, for the seeds 1, 2, 3
    Key("supervised", 50): (0.20, 0.30, 0.25),
    Key("supervised", 100): (0.50, 0.50),
    Key("semi_supervised", 50): (0.24, 0.31, 0.29),
    Key("random", 75, 50): (0.30, 0.40, 0.30),
    Key("entropy", 75, 50): (0.32, 0.41, 0.30),
    Key("random_boxes", 75, 50): (0.31, 0.40, 0.33),
}
LONGER = (0.22, 0.30, 0.26)


@pytest.fixture
def runs(tmp_path):
    """A plan and its results."""
    boxes = ARMS["random"] | {"boxes_of": "entropy"}
    arms = ARMS | {"random_boxes": boxes, "supervised": ARMS["supervised"] | {"labels": [50, 100]}}
    plan = read_plan(write_plan(tmp_path, {}, seeds=[1, 2, 3], fewer_seeds={100: 2}, arms=arms))
    results = []
    for key, aps in APS.items():
        for seed, ap in enumerate(aps, start=1):
            scores = {"equal_steps": Score(ap, 10.0 * seed, 100)}
            if key == Key("supervised", 50):
                scores["equal_minutes"] = Score(LONGER[seed - 1], 20.0, 150)
            results.append(Result(key, seed, images=int(key.labels), boxes=int(key.labels) * 4 + seed, scores=scores))
    return plan, by_key(results, cells_of(plan))


def test_every_comparison_of_the_protocol_is_made(runs):
    found = {(row.ours, row.theirs, row.terms): row.difference for row in comparisons(*runs)}
    assert {key: difference.values for key, difference in found.items()} == {
        ("semi_supervised", "supervised", "50 %, equal steps"): pytest.approx({1: 4.0, 2: 1.0, 3: 4.0}),
        ("semi_supervised", "supervised", "50 %, equal minutes"): pytest.approx({1: 2.0, 2: 1.0, 3: 3.0}),
        ("entropy", "random", "50 % to 75 %, as many images"): pytest.approx({1: 2.0, 2: 1.0, 3: 0.0}),
        ("entropy", "random_boxes", "50 % to 75 %, as many boxes"): pytest.approx({1: 1.0, 2: 1.0, 3: -3.0}),
    }
    minutes = found["semi_supervised", "supervised", "50 %, equal minutes"]
    assert (minutes.mean, minutes.spread) == pytest.approx((2.0, 1.0))
    assert minutes.half_width == pytest.approx(4.303 / 3**0.5, rel=1e-3)


def test_levers_are_compared_with_the_arm_they_differ_from(tmp_path):
    lever = ARMS["semi_supervised"] | {"options": {"base_lr": 0.1}}
    arms = ARMS | {"lever": lever, "supervised_lever": ARMS["supervised"]}
    plan = read_plan(write_plan(tmp_path, {}, reference="semi_supervised", arms=arms))
    names = ("supervised", "semi_supervised", "lever", "supervised_lever")
    results = [
        Result(Key(name, 50), 1, 4, 9, {"equal_steps": Score(0.1 * rank, 1.0, 9)}) for rank, name in enumerate(names)
    ]
    found = {(row.ours, row.theirs) for row in comparisons(plan, by_key(results, cells_of(plan)))}
    others = {(name, "supervised") for name in names[1:]}
    assert found == others | {("lever", "semi_supervised")}


def test_what_was_reached_and_what_it_cost(runs):
    rows = {(row.name, row.labels): row for row in reached(*runs)}
    row = rows["semi_supervised", 50]
    assert (row.images, row.boxes, row.minutes) == (50, 202, 20.0)
    assert row.ap.mean == pytest.approx(28.0) and row.share.values == pytest.approx({1: 48.0, 2: 62.0})
    assert rows["supervised, equal minutes", 50].ap.mean == pytest.approx(26.0)
    text = reached_table(list(rows.values()))
    # 202 boxes are 0.39 hours at 7 seconds and 1.96 at 35.
    assert "| semi_supervised | 50 % | 50 | 202 | 0.39 | 1.96 | 28.0 | 3.6 | 3 |" in text
    assert "| supervised | 100 % |" in text


def test_the_table_says_spread_and_what_could_have_been_shown(runs):
    lines = comparison_table(comparisons(*runs)).splitlines()
    row = next(line for line in lines if "equal minutes" in line)
    assert "| +2.00 | [-0.48, +4.48] | 3 | 1.00 | 2.48 | 1: +2.00, 2: +1.00, 3: +3.00 |" in row


def test_labels_are_counted_without_crowds_and_hidden_images(tmp_path):
    coco = coco_of({"a": 3, "b": 1, "c": 2}, hidden="c", crowds={"a": 1})
    write_json(tmp_path / "labels.json", coco)
    assert labelled_in(tmp_path / "labels.json") == Labelled(("a", "b"), 3, {"dot": 3, "dash": 0})


@pytest.mark.parametrize(("wanted", "images"), [(0, 2), (5, 2), (7, 2), (8, 3), (99, 4)])
def test_as_many_images_as_come_closest_to_a_number_of_boxes(wanted, images):
    # Known: 2 boxes. The ranking adds 4, then 3, then 1: 6, 9, 10 boxes.
    known = Labelled(("a",), 2, {})
    coco = coco_of({"a": 2, "b": 3, "c": 4, "d": 1})
    assert images_for_boxes(coco, known, {"b": 0.5, "c": 0.9, "d": 0.1}, wanted) == images


def coco_of(boxes: dict[str, int], hidden: str = "", crowds: dict[str, int] | None = None) -> dict:
    """A COCO file with so many boxes an image."""
    images = [{"id": number, "file_name": name, "labelled": name != hidden} for number, name in enumerate(boxes)]
    owners = [
        (number, row < (crowds or {}).get(name, 0))
        for number, (name, count) in enumerate(boxes.items())
        for row in range(count)
    ]
    rows = [
        {"id": number, "image_id": owner, "category_id": 1, "iscrowd": int(crowd)}
        for number, (owner, crowd) in enumerate(owners)
    ]
    categories = [{"id": 1, "name": "dot"}, {"id": 2, "name": "dash"}]
    return {"images": images, "annotations": rows, "categories": categories}


def test_minutes_leave_out_the_step_that_compiles_and_evaluations():
    rows = [{"step": 0, "iter_time": 60.0}, {"step": 19, "iter_time": 2.0}, {"step": 29, "student/AP": 0.1}]
    rows += [{"step": 29, "iter_time": 3.0}, {"step": 39, "iter_time": 5.0}]
    assert training_minutes(rows, 40) == pytest.approx((19 * 2 + 10 * 3 + 10 * 5) / 60, abs=0.01)
    assert training_minutes(rows, 30) == pytest.approx((19 * 2 + 10 * 3) / 60, abs=0.01)
    assert evaluations(rows) == [{"step": 30, "role": "student", "AP": 0.1}]


def test_no_machine_is_named_in_the_plans():
    folder = Path(__file__).resolve().parents[3] / "benchmarks" / "label_efficiency" / "plans"
    for file in folder.glob("*.yaml"):
        assert not any(word in file.read_text() for word in ("/work", "/tmp", "/home", "/root"))
