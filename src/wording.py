"""Numbers with their units in sentences."""

_OF_ONE = {"are": "is", "were": "was", "have": "has"}
_HISSING = ("s", "x", "z", "ch", "sh")  # ends of nouns whose plural has a syllable more


def counted(count: int, noun: str, verb: str = "") -> str:
    """The number with its noun, and its verb if one is given: "1 box", "2 boxes are", "1,204 images".

    Args:
        noun: of one thing; verb: of several things, one of "are", "were", "have".
    """
    one = count == 1
    several = noun + ("es" if noun.endswith(_HISSING) else "s")
    words = [noun if one else several, _OF_ONE[verb] if one and verb else verb]
    return " ".join([f"{count:,}", *filter(None, words)])


def duration(hours: float | None) -> str:
    """Hours as "40 s", "25 min" or "3.4 h"; "n/a" where they are not known."""
    if hours is None:
        return "n/a"
    if round(3600 * hours) < 60:
        return f"{3600 * hours:.0f} s"
    return f"{60 * hours:.0f} min" if round(60 * hours) < 60 else f"{hours:.1f} h"
