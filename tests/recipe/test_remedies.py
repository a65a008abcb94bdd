"""What is said of a run that takes too long."""

import re

from src.config.load import default_settings
from src.recipe.remedies import remedies
from tests.recipe.situations import facts

RUN = {
    "img_width": 640,
    "img_height": 480,
    "max_iter": 3000,
    "burn_up_iter": 1500,
    "batch_size": 1,
    "unlabelled_batch_size": 1,
}


def test_a_run_that_fits_or_has_no_limit_needs_no_remedy():
    assert not remedies(facts(), default_settings() | RUN | {"hours": 4.0}, 3.9)
    assert not remedies(facts(), default_settings() | RUN, 3000.0)


def test_steps_that_were_chosen_for_the_hours_say_that_the_machine_is_slower_now():
    data, settings = facts(images=100, side=(10, 60)), default_settings() | RUN | {"hours": 1.0}
    assert "slower" not in remedies(data, settings, 4.0)[0]
    assert "more than --hours 1: this machine is slower now than when" in remedies(data, settings, 4.0, chosen=True)[0]


def test_fewer_steps_and_a_smaller_input_are_offered_with_what_they_cost():
    data = facts(images=100, side=(10, 60))
    steps, smallest = remedies(data, default_settings() | RUN | {"hours": 1.0}, 4.0)
    assert "--max_iter 750 would be 8 passes" in steps and "little" in steps
    assert "at 320x" in smallest  # the smallest that there is, if none fits
    steps, size = remedies(data, default_settings() | RUN | {"hours": 2.0}, 4.0)
    assert "--max_iter 1500 would be 15 passes" in steps and "little" not in steps
    hours, width, height, lost = re.search(r"; ([\d.]+) h at (\d+)x(\d+) .*where (\d+) % of the objects", size).groups()
    assert float(hours) <= 2.0 and int(width) < 640 and int(height) < 480 and "4.0 h at 640x480 (0 %)" in size
    sides = [((x2 - x1) * (y2 - y1)) ** 0.5 * min(int(width) / 640, int(height) / 480) for x1, y1, x2, y2 in data.boxes]
    assert int(lost) == round(100 * sum(side < 8 for side in sides) / len(sides))
