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
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (36.4, "36 s"),
        (89.4, "89 s"),
        (89.6, "1 min"),
        (1800, "30 min"),
        (5369, "89 min"),
        (5399, "1.5 h"),
        (44424, "12.3 h"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds, words):
    assert duration(seconds) == words
