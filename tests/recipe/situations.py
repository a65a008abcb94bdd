"""Hand-made data sets and machines for the rules of the recipe."""

import numpy as np

from src.config.load import default_settings
from src.recipe.choice import Choice, Situation
from src.recipe.compute_cost import Machine
from src.recipe.data_summary import DataSummary
from src.recipe.decide import decide
from src.recipe.start_weights import Weights

LAPTOP = Machine("CPU", cores=2, memory=16.0, gflops=100.0)
RESNET18 = Weights("resnet18.npz", "resnet_v1_18")


def facts(
    images: int = 100,
    unlabelled: int = 300,
    size: tuple[int, int] = (640, 480),
    side: tuple[float, float] = (40.0, 120.0),
    per_image: int = 5,
    classes: int = 3,
    evaluation: int = 50,
    ratio: float = 1.0,
) -> DataSummary:
    """Images of one size with objects at random places; `side`: range of the square root of their area, `ratio`: height / width."""
    rng = np.random.default_rng(0)
    count = images * per_image
    sides = np.exp(rng.uniform(*np.log(side), count))
    width, height = sides / np.sqrt(ratio), sides * np.sqrt(ratio)
    x1, y1 = rng.random(count) * (size[0] - width), rng.random(count) * (size[1] - height)
    return DataSummary(
        labelled=images,
        unlabelled=unlabelled,
        evaluation=evaluation,
        class_names=tuple(f"class_{number}" for number in range(1, classes + 1)),
        image_sizes=np.tile(np.array(size, float), (images + unlabelled, 1)),
        boxes=np.stack([x1, y1, x1 + width, y1 + height], 1),
        labels=np.arange(count) % classes + 1,
        box_image_sizes=np.tile(np.array(size, float), (count, 1)),
        most_rows=per_image,
    )


SETS = {
    "usual": facts(),
    "all tiny": facts(side=(4, 10)),
    "all huge": facts(size=(4000, 3000), side=(1500, 2800), per_image=1),
    "one class": facts(classes=1),
    "panoramas": facts(size=(4000, 500), side=(60, 300)),
    "one image": facts(images=1, unlabelled=40),
    "300 objects per image": facts(images=20, per_image=300, side=(8, 30)),
    "no unlabelled": facts(unlabelled=0),
    "no evaluation": facts(evaluation=0),
    "tall objects": facts(ratio=5.0),
}


def situation(
    data: DataSummary, hours: float | None = 3.0, weights: Weights = RESNET18, machine: Machine = LAPTOP
) -> Situation:
    """What the rules decide from."""
    return Situation(data, machine, weights, hours)


def decided(data: DataSummary, given: dict | None = None, earlier: dict | None = None, **options) -> dict[str, Choice]:
    """The choices for a data set; `options`: of `situation`."""
    return decide(situation(data, **options), default_settings(), given or {}, earlier)


def values(choices: dict[str, Choice]) -> dict:
    """The value of each choice."""
    return {key: choice.value for key, choice in choices.items()}
