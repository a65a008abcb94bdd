"""What a reader must know first when AP has fallen from one training to the next."""

from collections.abc import Mapping, Sequence
from typing import Any

_CHANCE = 2.0  # points by which AP of two trainings with the same labels easily differs
_AS_LONG = 0.9  # share of the steps of the training before, up to which one is shorter


def fall_in_ap(trainings: Sequence[tuple[str, Mapping[str, Any] | None]], advice: str) -> str:
    """Some sentences if AP of the last training is below that of the one before, else nothing.

    Args:
        trainings: the name of each and what eval.py has measured, oldest first; None: it was not evaluated.
        advice: what to look at if the fall is more than chance.
    """
    evaluated = [(name, metrics) for name, metrics in trainings if metrics and metrics.get("AP") is not None]
    if len(evaluated) < 2 or evaluated[-1][0] != trainings[-1][0]:
        return ""
    (before, old), (now, new) = evaluated[-2:]
    lost = 100 * (old["AP"] - new["AP"])
    if round(lost, 1) <= 0:
        return ""
    text = f"AP fell by {lost:.1f} points, from {100 * old['AP']:.1f} % ({before}) to {100 * new['AP']:.1f} % ({now})."
    falls = _falls_of_classes(old, new)
    if len(falls) > 1 and max(falls.values()) > 0:
        worst = max(falls, key=falls.get)
        text += f" “{worst}” lost most, {falls[worst]:.1f} points."
    best = max(evaluated, key=lambda row: row[1]["AP"])[0]
    chance = "Two trainings with the same labels easily differ by that much, so it may be chance."
    return f"{text} {chance if lost <= _CHANCE else advice} Best detector so far: {best}."


def if_shorter(before: tuple[str, int | None], now: tuple[str, int | None]) -> str:
    """A sentence for the advice if a training had clearly fewer steps than the one before, which alone lowers AP; else nothing.

    Args:
        before, now: name of a training and its steps; None: not known.
    """
    (earlier, long), (later, short) = before, now
    if long is None or short is None or short > _AS_LONG * long:
        return ""
    name = later[0].upper() + later[1:]
    return (
        f"{name} was trained for {short:,} steps, {earlier} for {long:,}, and that alone lowers AP: "
        "give both the same --max_iter before anything else is blamed. "
    )


def _falls_of_classes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, float]:
    """Points of AP that each class has lost, as far as both are known."""
    pairs = {
        name: (row.get("AP"), new.get("per_class", {}).get(name, {}).get("AP"))
        for name, row in old.get("per_class", {}).items()
    }
    return {name: 100 * (a - b) for name, (a, b) in pairs.items() if a is not None and b is not None}
