"""What a rule of the recipe gets and gives."""

from collections.abc import Callable
from dataclasses import dataclass

from src.recipe.compute_cost import Machine
from src.recipe.data_summary import DataSummary
from src.recipe.start_weights import Weights


@dataclass(frozen=True)
class Situation:
    """What the rules decide from.

    Attributes:
        machine: as fast as one of the devices has it, when all compute at once.
        hours: time for one training run with its evaluations; None: not limited, because nothing is known of the device's speed.
        devices: processes that train together, each with batches of its own.
    """

    data: DataSummary
    machine: Machine
    weights: Weights
    hours: float | None
    devices: int = 1


class Settings(dict):
    """Every setting with its value so far: defaults, then what was given, then what the rules chose.

    Attributes:
        given: keys that the user has set; rules follow them and do not change them.
    """

    def __init__(self, values: dict, given: set[str]) -> None:
        super().__init__(values)
        self.given = given


@dataclass(frozen=True)
class Choice:
    """A setting, and its reason.

    Attributes:
        reason: one line of plain text that names what was counted and the source of the rule.
        warning: what the user must be told beside it; empty: nothing.
    """

    key: str
    value: object
    reason: str
    warning: str = ""


Rule = Callable[[Situation, Settings], list[Choice]]


def percent(share: float) -> str:
    """A share as text, such as "12 %" or "0.4 %"."""
    return f"{100 * share:.1f} %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def rounded(number: float) -> int:
    """A count with two significant digits, so that nobody reads more into it; at least 1."""
    number = max(1, round(number))
    unit = 10 ** max(0, len(str(number)) - 2)
    return max(unit, number // unit * unit)
