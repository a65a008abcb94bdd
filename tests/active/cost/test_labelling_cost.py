"""What labelling costs: priors without a history, the truth with one, and neither lunch breaks nor a skewed clock in between."""

import json
from dataclasses import replace

import numpy as np
import pytest

from src.active.cost.labelling_cost import SECONDS, fit_labelling_cost
from src.active.cost.past_rounds import LabelledImage, PastRounds, read_past_rounds
from src.errors import DataError, UserError

TRUE = np.array([25.0, 9.0, 4.0])


def history(count, seed, breaks=0.0):
    """Images of a labeller of the prices ``TRUE``, who now and then forgets to stop the clock."""
    draw = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        sent = int(draw.poisson(4))
        deleted, moved = int(draw.binomial(sent, 0.1)), int(draw.binomial(sent, 0.1))
        added = int(draw.poisson(0.5 * (sent + 1)))
        seconds = float(TRUE @ [1, added, deleted + moved]) * draw.lognormal(-0.045, 0.3)  # of mean 1
        seconds += 3600 * draw.random() if draw.random() < breaks else 0
        images.append(LabelledImage(sent, min(moved, sent - deleted), 0, deleted, added, seconds))
    return PastRounds(tuple(images))


def test_without_a_history_the_cost_is_the_prior_and_the_interval_is_wide():
    cost = fit_labelling_cost(PastRounds())
    assert np.allclose(cost.seconds.mean, SECONDS.mean) and "published times" in str(cost)
    # 3 boxes predicted: 0.3 x 4 are drawn, (0.2 + 0.2) x 3 corrected.
    assert cost.expected_seconds(np.array([3.0]))[0] == pytest.approx(10 + 16 * 1.2 + 9.5 * 1.2)
    assert cost.boxes(np.array([3.0, 0.0])) == pytest.approx([3 * 0.8 + 1.2, 0.3])
    low, high = cost.hours_interval(np.full(200, 3.0))
    assert low < 200 * 40.6 / 3600 < high and high > 1.8 * low


@pytest.mark.parametrize("seed", range(4))
def test_the_prices_of_a_labeller_are_found_among_lunch_breaks(seed):
    cost = fit_labelling_cost(history(300, seed, breaks=0.05))
    assert (np.abs(cost.seconds.mean - TRUE) < 3 * np.sqrt(np.diag(cost.seconds.covariance))).all()
    assert np.abs(cost.seconds.mean - TRUE).max() < 2.5
    assert "fitted to 300 images" in str(cost)
    images = history(300, seed, breaks=0.05).images
    features, seconds = [(1, image.added, image.corrected) for image in images], [image.seconds for image in images]
    least_squares = np.linalg.lstsq(np.array(features), np.array(seconds), rcond=None)[0]
    assert np.abs(cost.seconds.mean - TRUE).max() < np.abs(least_squares - TRUE).max()


def test_a_few_images_move_the_prior_a_little_and_many_move_it_to_the_truth():
    gaps = [np.abs(fit_labelling_cost(history(n, 0)).seconds.mean - TRUE).sum() for n in (0, 5, 400)]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 3


def test_the_interval_holds_the_hours_of_the_next_round():
    inside, rel = 0, []
    for seed in range(40):
        cost, later = fit_labelling_cost(history(80, seed)), history(120, 1000 + seed)
        predicted = np.array([image.sent for image in later.images], np.float64)
        hours = sum(image.seconds for image in later.images) / 3600
        low, high = cost.hours_interval(predicted)
        inside += low <= hours <= high
        rel.append(cost.expected_seconds(predicted).sum() / 3600 / hours - 1)
    assert inside >= 36 and np.abs(rel).max() < 0.2 and abs(np.mean(rel)) < 0.05


def tired_round(count, seed):
    """Boxes of a rare class take twice as long, and the last image of a day a third longer than the first."""
    draw, images = np.random.default_rng(seed), history(count, seed).images
    rare = draw.random(count) < 0.2
    clock = 1 + np.arange(count) % 40 / 120
    factors = clock * np.where(rare, 1.6, 1)
    return [replace(image, seconds=image.seconds * factor) for image, factor in zip(images, factors, strict=True)]


def test_hours_are_within_a_fifth_from_the_second_round_on_whatever_slows_labellers_down():
    for seed in range(5):
        rounds = [tired_round(60, 10 * seed + number) for number in range(4)]
        for number in range(1, 4):
            cost = fit_labelling_cost(PastRounds(tuple(image for past in rounds[:number] for image in past)))
            predicted = np.array([image.sent for image in rounds[number]], np.float64)
            hours = sum(image.seconds for image in rounds[number]) / 3600
            assert cost.expected_seconds(predicted).sum() / 3600 == pytest.approx(hours, rel=0.2)


def test_equal_inputs_give_equal_intervals():
    cost, predicted = fit_labelling_cost(history(50, 3)), np.arange(10.0)
    assert cost.hours_interval(predicted) == cost.hours_interval(predicted)


def row(name, **more):
    row = {"file_name": name, "state": "labelled", "boxes": 4, "seconds": 30.0, "annotator": "a"}
    return row | {"accepted": 2, "moved": 1, "relabelled": 0, "deleted": 1, "added": 1} | more


def test_reports_are_read_and_what_is_of_no_use_is_counted(tmp_path):
    bare = {key: value for key, value in row("bare.jpg").items() if key in ("file_name", "state", "boxes", "seconds")}
    first = [row("a.jpg"), row("b.jpg", seconds=None), row("c.jpg", state="skipped"), bare]
    second = [row("a.jpg", seconds=20.0), row("d.jpg", state="reviewed and empty", seconds=0)]
    paths = []
    for number, rows in enumerate((first, second)):
        paths.append(tmp_path / f"{number}_labelling.json")
        paths[-1].write_text(json.dumps({"images": {}, "per_image": rows}))
    past = read_past_rounds(paths)
    assert [(image.sent, image.corrected, image.added, image.seconds) for image in past.images] == [
        (4, 2, 1, 20.0),
        (4, 2, 1, None),
        (4, 2, 1, None),
    ]
    assert "what was corrected is not known: 1 image" in past.left_out[0]
    assert "the tool does not record the seconds of 2 images" in past.left_out[1]
    assert fit_labelling_cost(past).timed == 1


def test_a_file_that_is_no_report_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(DataError, match="no report of import_labels.py"):
        read_past_rounds([tmp_path / "a.json"])
    with pytest.raises(UserError, match="no such file"):
        read_past_rounds([tmp_path / "b.json"])
