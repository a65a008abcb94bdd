"""The cells of a plan: one run for each arm, label budget and seed."""

from dataclasses import dataclass
from fnmatch import fnmatch

from benchmarks.label_efficiency.plan import Arm, Plan


@dataclass(frozen=True)
class Key:
    """Identifies the runs that differ in the seed only.

    Attributes:
        arm: its name; labels: percent of labels; from_labels: percent before the pick, None for an arm that does not pick.
    """

    arm: str
    labels: float
    from_labels: float | None = None

    def __str__(self) -> str:
        before = "" if self.from_labels is None else f"{self.from_labels:g}to"
        return f"{self.arm}_{before}{self.labels:g}"


@dataclass(frozen=True)
class Cell:
    """One run.

    Attributes:
        needs: cells whose results this one starts from.
        equal_minutes: whether this supervised run continues until it has taken as long as its semi-supervised counterpart.
    """

    key: Key
    seed: int
    arm: Arm
    needs: tuple["Cell", ...] = ()
    equal_minutes: bool = False

    @property
    def name(self) -> str:
        """Name of its folder and of its result file."""
        return f"{self.key}_seed{self.seed}"


def cells_of(plan: Plan) -> list[Cell]:
    """All cells, seed by seed, each after those that it needs."""
    found: dict[str, Cell] = {}
    for seed in plan.seeds:
        for name, arm in plan.arms.items():
            for labels in arm.labels:
                if seed in plan.seeds_at(labels):
                    _add(found, plan, name, labels, seed)
    return list(found.values())


def chosen(cells: list[Cell], patterns: list[str]) -> list[Cell]:
    """The cells whose names match one of the patterns (`*`: any characters), and those they need; no patterns: all."""
    if not patterns:
        return cells
    wanted = {cell.name for cell in cells if any(fnmatch(cell.name, pattern) for pattern in patterns)}
    for cell in reversed(cells):  # needed cells come first in the list
        if cell.name in wanted:
            wanted |= {needed.name for needed in cell.needs}
    return [cell for cell in cells if cell.name in wanted]


def _add(found: dict[str, Cell], plan: Plan, name: str, labels: float, seed: int) -> Cell:
    arm = plan.arms[name]
    needs = ()
    if arm.pick:
        needs = (_add(found, plan, arm.first_stage, arm.from_labels, seed),)
        if arm.boxes_of:
            needs += (_add(found, plan, arm.boxes_of, labels, seed),)
    has_counterpart = any(
        other.train == "semi_supervised" and not other.pick and labels in other.labels for other in plan.arms.values()
    )
    equal_minutes = name == plan.baseline and has_counterpart
    cell = Cell(Key(name, labels, arm.from_labels), seed, arm, needs, equal_minutes)
    return found.setdefault(cell.name, cell)
