"""The budget that the options of a pick mean, and what labelling the picked images will cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.active.cost.labelling_cost import Density, LabellingCost, fit_labelling_cost
from src.active.cost.past_rounds import read_past_rounds
from src.active.picking.budget import Budget
from src.active.picking.pick_options import PickOptions
from src.active.selection import pick_count
from src.active.strategies.reference import CONFIDENT
from src.active.terms_file import predicted_objects, ranked_classes, terms_file
from src.data.checks.label_sources import LabelState
from src.errors import UserError
from src.wording import counted

_HARDLY_TRAINED = 0.5  # predicted objects per object of the labelled images, below which predictions do not count


@dataclass(frozen=True, eq=False)
class ExpectedCost:
    """What is predicted in the ranked images, and the cost that follows.

    Attributes:
        predicted: class -> file name -> predicted objects; cost: the fitted cost.
        doubt: why predictions say little about the boxes, a sentence; empty where they do.
    """

    predicted: Mapping[str, Mapping[str, float]]
    cost: LabellingCost
    doubt: str = ""

    def totals(self, names: Sequence[str]) -> np.ndarray:
        """float64 [N], predicted objects per image.

        Raises:
            UserError: an image is not in the ranking.
        """
        try:
            return np.array([sum(of[name] for of in self.predicted.values()) for name in names], np.float64)
        except KeyError as error:
            raise UserError(f"the CSV of the ranking has no row of {error.args[0]}; rank again") from None

    def boxes(self, names: Sequence[str]) -> dict[str, float]:
        """File name -> expected boxes."""
        return dict(zip(names, self.cost.boxes(self.totals(names)).tolist(), strict=True))

    def hours(self, names: Sequence[str]) -> dict[str, float]:
        """File name -> expected hours."""
        return dict(zip(names, (self.cost.expected_seconds(self.totals(names)) / 3600).tolist(), strict=True))

    def forecast(self, picked: Collection[str]) -> list[str]:
        """What labelling these images will take: boxes per class and hours, in sentences."""
        totals = self.totals(list(picked))
        boxes, hours = self.cost.boxes(totals).sum(), self.cost.expected_seconds(totals).sum() / 3600
        low, high = self.cost.hours_interval(totals)
        scale = boxes / totals.sum() if totals.any() else 0.0
        per_class = {label: scale * sum(of[name] for name in picked) for label, of in self.predicted.items()}
        listed = ", ".join(f"{label} {count:.0f}" for label, count in per_class.items())
        of_classes = "" if self.doubt else f" ({listed})"
        return [
            f"expected to label: {counted(len(picked), 'image')}, {counted(round(boxes), 'box')}{of_classes}, {hours:.3g} hours (90 %: {low:.2g} to {high:.2g})",
            *(
                [
                    f"unreliable: {self.doubt}; in the picked ones {boxes / max(len(picked), 1):.3g} are expected per image"
                ]
                if self.doubt
                else []
            ),
            f"expected cost: {self.cost}",
        ]


def expected_cost(
    terms: dict[str, dict[str, str]], reports: Sequence[Path], labelled: int, objects: int
) -> ExpectedCost | None:
    """What labelling costs; None where the ranking has no CSV that says what is predicted.

    A detector that predicts far fewer objects per image than the labelled images have is hardly trained. The ranked images are then
    expected to have as many on average as the labelled ones and those of the reports, whatever was drawn beside the boxes of earlier
    detectors; an image with fewer predictions than the average has fewer.

    Args:
        reports: of import_labels.py, of earlier rounds; labelled: images that are labelled so far; objects: in these.

    Raises:
        UserError: a report that cannot be read.
    """
    if not terms:
        return None
    past = read_past_rounds(reports)
    for sentence in past.left_out:
        print(f"reports of earlier rounds (--labelling_reports): {sentence}")
    predicted = {label: predicted_objects(terms, label) for label in ranked_classes(terms)}
    mean = sum(sum(of.values()) for of in predicted.values()) / len(terms)
    if (past.images and not labelled) or (labelled and mean >= _HARDLY_TRAINED * objects / labelled):
        return ExpectedCost(predicted, fit_labelling_cost(past, labelled))
    found = f"the detector predicts {mean:.3g} objects per image with a score above {CONFIDENT:g}"
    if not labelled:
        doubt = (
            f"{found}, and no labelled image says how many there are: the numbers are a lower bound"
            if mean == 0
            else ""
        )
        return ExpectedCost(predicted, fit_labelling_cost(past, labelled), doubt)
    density = Density(mean, objects / labelled)
    of_reports = " (corrected by the reports of earlier rounds)" if past.images else ""
    doubt = (
        f"{found}, but labelled images have {density.boxes:.3g}, so as many{of_reports} are assumed in the ranked images on "
        "average: fewer where the detector predicts fewer than on average"
    )
    return ExpectedCost(predicted, fit_labelling_cost(past, labelled, density), doubt)


def budget_of(
    scores: Mapping[str, float],
    image_count: int,
    known: LabelState,
    expected: ExpectedCost | None,
    options: PickOptions,
) -> Budget:
    """The budget of a pick from a ranking.

    Args:
        image_count: all images, labelled ones included.

    Raises:
        UserError: a ratio that is of no use, or hours or boxes without the CSV of the ranking.
    """
    pool = [name for name in scores if name not in known.labelled]
    if options.budget_hours is None and options.budget_boxes is None:
        count = options.budget_images
        count = pick_count(options.pick_ratio, len(known.labelled), image_count) if count is None else count
        return Budget(count, count=count)
    if expected is None:
        raise UserError(
            f"{options.budget}: {terms_file(options.top_value_file)} is missing, which says what is predicted; rank again"
        )
    if options.budget_hours is not None:
        return Budget(options.budget_hours, "hours", expected.hours(pool))
    return Budget(options.budget_boxes, "boxes", expected.boxes(pool))
