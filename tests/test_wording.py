"""Numbers in sentences."""

import pytest

from src.wording import counted, duration


@pytest.mark.parametrize(
    ("count", "noun", "verb", "words"),
    [
        (0, "box", "", "0 boxes"),
        (1, "box", "have", "1 box has"),
        (2, "labelled image", "are", "2 labelled images are"),
        (1, "labelled image", "are", "1 labelled image is"),
        (1204, "class", "", "1,204 classes"),
    ],
)
def test_a_number_has_its_noun_and_verb_in_the_right_form(count, noun, verb, words):
    assert counted(count, noun, verb) == words


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (None, "n/a"),
        (0.0, "0 s"),
        (0.01, "36 s"),
        (0.5, "30 min"),
        (0.9999, "1.0 h"),
        (1.0, "1.0 h"),
        (12.34, "12.3 h"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(hours, words):
    assert duration(hours) == words
