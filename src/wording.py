"""Numbers with their units in sentences."""

_HISSING = ("s", "x", "z", "ch", "sh")  # ends of nouns whose plural has a syllable more


def counted(count: int, noun: str) -> str:
    """The number with its noun: "1 box", "2 boxes", "1,204 images"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith(_HISSING) else 's'}"


def duration(hours: float | None) -> str:
    """Hours as "40 s", "25 min" or "3.4 h"; "n/a" where they are not known."""
    if hours is None:
        return "n/a"
    if round(3600 * hours) < 60:
        return f"{3600 * hours:.0f} s"
    return f"{60 * hours:.0f} min" if round(60 * hours) < 60 else f"{hours:.1f} h"
