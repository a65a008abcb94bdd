"""The forecast of a learning curve: it covers the truth as often as it says, and says when it cannot know."""

import numpy as np
import pytest

from src.active.learning_curve import fit_learning_curve, main


def campaign(rounds, seed):
    """Amounts, measured AP, and the true gain of half as much again."""
    draw = np.random.default_rng(seed)
    x = np.cumsum(draw.uniform(1, 2, rounds + 1))
    top, noise = draw.uniform(30, 80), draw.uniform(0.4, 1.2)
    exponent, start = draw.uniform(0.2, 0.8), draw.uniform(0.3, 0.8) * top

    def truth(amount):
        return top - (top - start) * (amount / x[0]) ** -exponent

    more = 0.5 * x[rounds - 1]
    measured = truth(x[:rounds]) + noise * draw.normal(size=rounds)
    return x[:rounds], measured.clip(0, 100), more, truth(x[rounds - 1] + more) - truth(x[rounds - 1])


@pytest.mark.parametrize("rounds", [2, 3, 6])
def test_the_interval_covers_the_true_gain(rounds):
    inside, middles, truths = 0, [], []
    for seed in range(30):
        x, ap, more, truth = campaign(rounds, seed)
        gain = fit_learning_curve(x, ap).gain(more, "hours")
        assert 0 <= gain.low <= gain.middle <= gain.high
        inside += gain.low - 0.05 <= truth <= gain.high + 0.05
        middles.append(gain.middle)
        truths.append(truth)
    assert inside >= 25, f"{inside} of 30 in intervals of 90 %"
    assert abs(np.mean(np.subtract(middles, truths))) < 1.5


def test_more_rounds_make_the_interval_narrower():
    widths = []
    for rounds in (2, 4, 8):
        gains = [fit_learning_curve(*campaign(rounds, seed)[:2]).gain(1, "hours") for seed in range(8)]
        widths.append(np.mean([gain.high - gain.low for gain in gains]))
    assert widths[0] > widths[1] > widths[2]


def test_close_and_extreme_rounds_give_finite_forecasts_without_warnings(recwarn):
    for x, ap in [
        ([1, 1.001], [30, 30]),
        ([1, 1e6], [0, 100]),
        ([1, 2, 3], [100, 100, 100]),
        ([1, 2, 3], [90, 50, 10]),
    ]:
        gain = fit_learning_curve(x, ap).gain(1, "hours")
        assert np.isfinite([gain.low, gain.middle, gain.high]).all() and 0 <= gain.low <= gain.high <= 100
    assert not recwarn.list


def test_an_exact_power_law_is_continued():
    x = np.array([100, 200, 400, 800, 1600, 3200])
    curve = fit_learning_curve(x, 60 - 300 * x**-0.5)
    gain = curve.gain(3200, "images")
    truth = 300 * (3200**-0.5 - 6400**-0.5)
    assert gain.low < truth < gain.high and gain.middle == pytest.approx(truth, abs=0.5)
    low, middle, high = curve.quantiles(3200)
    assert low < 60 - 300 * 3200**-0.5 < high and high - low < 4 and low < middle < high


def test_nothing_is_left_to_gain_where_the_curve_is_flat():
    gain = fit_learning_curve([1, 2, 3, 4, 5], [40.1, 39.9, 40.0, 40.2, 39.9]).gain(2, "hours")
    assert gain.middle < 0.4 and gain.high < 1.5


def test_images_and_hours_of_equal_pace_say_the_same():
    hours, ap = np.array([2.0, 5.0, 9.0]), [31.0, 37.0, 41.0]
    by_hours, by_images = (
        fit_learning_curve(hours, ap).gain(2, "hours"),
        fit_learning_curve(60 * hours, ap).gain(120, "images"),
    )
    assert (by_hours.low, by_hours.middle, by_hours.high) == pytest.approx(
        (by_images.low, by_images.middle, by_images.high)
    )


def test_the_program_says_it_in_one_line(capsys):
    main(["--rounds", "2:31.4", "5:37.9", "9:41.2", "--more", "2", "--unit", "hours"])
    said = capsys.readouterr().out
    assert said.startswith("2 more hours: +") and " AP (90 %: " in said and "only two" not in said
    main(["--rounds", "2:31.4", "5:37.9", "--more", "2", "--unit", "hours"])
    said = capsys.readouterr().out
    assert "only two rounds" in said and "percent" not in said
    main(["--rounds", "2:.31", "5:.379", "--more", "2"])
    assert "note: AP is read as percent: 0.379 of 100; for a share of 0.379 pass 37.9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rounds", "more", "said"),
    [
        (["2:31"], "2", "1 round: a forecast needs 2 and more"),
        (["5:31", "2:35"], "2", "must be above 0 and rise"),
        (["0:31", "2:35"], "2", "must be above 0 and rise"),
        (["1:31", "nan:35"], "2", "must be above 0 and rise"),
        (["1:31", "2:101"], "2", "AP of the rounds: must lie between 0 and 100"),
        (["1:31", "2:nan"], "2", "AP of the rounds: must lie between 0 and 100"),
        (["1:31", "2"], "2", "each must be AMOUNT:AP"),
        (["1:31", "2:35"], "0", "must be a number above 0"),
    ],
)
def test_rounds_that_cannot_be_are_refused(rounds, more, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--rounds", *rounds, f"--more={more}"])
    assert stop.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize("rounds", [["1e-320:1", "1:2"], ["1:1", "1e308:2"]])
def test_amounts_whose_powers_overflow_are_refused(rounds, capsys):
    with pytest.raises(SystemExit):
        main(["--rounds", *rounds, "--more", "2"])
    assert "amounts of the rounds: must lie between 1e-06 and 1e+12" in capsys.readouterr().err
