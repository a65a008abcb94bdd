"""A budget of a pick: images, boxes or hours, and what each image costs of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from src.errors import UserError

_ROUNDING = 1e-9  # by which a sum may exceed its limit


def within(spent: float, limit: float) -> bool:
    """Whether a sum of costs stays within a limit; 0.1 x 50 images are 5."""
    return spent <= limit + _ROUNDING * max(1.0, limit)


@dataclass(frozen=True)
class Budget:
    """What may be spent.

    Attributes:
        limit: in images, boxes or hours. unit: its name.
        costs: file name -> what the image costs of it; None: each image costs 1.
        count: images that must be picked, near-duplicates too if there are not enough others; 0: as many as fit.
    """

    limit: float
    unit: str = "images"
    costs: Mapping[str, float] | None = None
    count: int = 0

    def cost(self, name: str) -> float:
        """What an image costs."""
        return 1.0 if self.costs is None else self.costs[name]

    def cheapest(self, pool: Collection[str]) -> float:
        """The least cost of an image of the pool."""
        return min(map(self.cost, pool), default=0.0)

    def most(self, pool: Collection[str]) -> int:
        """The most images of the pool that can be picked."""
        return int(min(len(pool), self.limit / self.cheapest(pool) + 1)) if pool else 0

    def rank(self, scores: Mapping[str, float], pool: Collection[str]) -> list[str]:
        """The pool by acquisition score per cost, highest first, ties by name. Scores below 0 are moved up until none is."""
        lowest = min(0.0, *(scores[name] for name in pool)) if pool and self.costs is not None else 0.0
        return sorted(pool, key=lambda name: (-(scores[name] - lowest) / self.cost(name), name))

    def check(self, pool: Collection[str]) -> None:
        """Raise a UserError if the pool is too small, or the budget is."""
        if len(pool) < max(self.count, 1):
            raise UserError(
                f"{max(self.count, 1)} more images are to be labelled, but there are only {len(pool)} unlabelled ones to choose "
                "from; infer and rank all unlabelled images, or pick fewer"
            )
        if not within(self.cheapest(pool), self.limit):
            raise UserError(
                f"a budget of {self.limit:g} {self.unit} is not enough for one image: the cheapest costs {self.cheapest(pool):.3g} "
                f"{self.unit}; give more"
            )
