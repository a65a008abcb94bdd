"""Numbers with their units in sentences."""

import re
from collections.abc import Sequence

_OF_ONE = {"are": "is", "were": "was", "have": "has"}
_HISSING = ("s", "x", "z", "ch", "sh")  # ends of nouns whose plural has a syllable more

SHOWN_NAMES = 20  # examples in a note that goes on for long


def counted(count: int, noun: str, verb: str = "") -> str:
    """The number with its noun, and its verb if one is given: "1 box", "2 boxes are", "1,204 images".

    Args:
        noun: of one thing; verb: of several things, one of "are", "were", "have".
    """
    one = count == 1
    several = noun + ("es" if noun.endswith(_HISSING) else "s")
    words = [noun if one else several, _OF_ONE[verb] if one and verb else verb]
    return " ".join([f"{count:,}", *filter(None, words)])


def examples(names: Sequence[str], most: int = 5) -> str:
    """The first names of a list, and how many more there are: "a.png, b.png and 3 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def kind_of(sentence: str) -> str:
    """What sentences have in common that differ only in names and numbers."""
    return re.sub(r"[^\s,;:]*[\d./_][^\s,;:]*", "", sentence)


def as_percent(share: float) -> str:
    """What to pass for a number that looks like a share where percent are expected; empty for others."""
    return f"; for a share of {share:g} pass {100 * share:g}" if 0 < share < 1 else ""


def as_share(percent: float) -> str:
    """What to pass for a number that looks like percent where a share is expected; empty for others."""
    return f"; for {percent:g} percent pass {percent / 100:g}" if 1 < percent <= 100 else ""


def duration(seconds: float) -> str:
    """A time in the unit that suits it: "40 s", "25 min", "3.4 h"."""
    if round(seconds) < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if round(minutes) < 90 else f"{minutes / 60:.1f} h"
