"""A plan: which data, how many labels, which arms, which seeds; one YAML file.

An arm is a training configuration. It is trained on some percent of the labels (`labels`), alone ("supervised") or together
with the unlabelled images ("semi_supervised"). With `pick` its labels are not all drawn at random: it starts with the
`from_labels` percent that the arm `first_stage` was trained on, and the detector of that arm ranks the rest by a strategy
of sorted_values.py.
"""

from collections.abc import Mapping
from dataclasses import field
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from src.errors import DataError, UserError
from src.yaml_file import read_yaml


def _decimal(value: Any) -> Any:
    """A number; true and texts such as 1_0, which pydantic takes for numbers, are none."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError(f"must be a number, got {str(value).lower() if isinstance(value, bool) else value}")
    return value


_Decimal = BeforeValidator(_decimal)
_MOST = 2**31 - 1  # what train.py and the other programs take
Count = Annotated[int, _Decimal, Field(ge=1, le=_MOST)]
Seed = Annotated[int, _Decimal, Field(ge=0, le=_MOST)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]  # part of file names
Percent = Annotated[float, _Decimal, Field(gt=0, le=100)]
Positive = Annotated[float, _Decimal, Field(ge=1e-9, le=1e9)]
Share = Annotated[float, _Decimal, Field(gt=0, lt=1)]
_BY_LABELS = ("passes", "fewer_seeds")  # keys of a plan whose values have a percent of labels as key
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class Data:
    """Names within the folder of --data.

    Attributes:
        images: folder of the images; annotations: folder of their Pascal VOC files, or one COCO file.
        classes: in the order of their ids; empty: those found.
        same_picture: groups of file names that must stay in one part, in addition to those that are found.
        same_from: as in `src.split_data`.
    """

    images: str
    annotations: str
    classes: tuple[str, ...] = ()
    same_picture: tuple[tuple[str, ...], ...] = ()
    same_from: Annotated[float, Field(ge=-1, le=2)] = 0.9


@dataclass(frozen=True, config=_STRICT)
class Parts:
    """Number of images per part: for training, for choosing the checkpoint, and for the report; `seed`: of the split."""

    train: Count
    validation: Count
    test: Count
    seed: Seed = 10

    def sizes(self) -> dict[str, int]:
        """Part -> number of images."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True, config=_STRICT)
class Arm:
    """A training configuration; the docstring of the module explains labels and picks.

    Attributes:
        passes, burn_in: in place of those of the plan; options: settings of train.py.
        boxes_of: the arm, of the same first stage, whose number of labelled boxes this pick is to reach, in place of its
            number of images.
    """

    train: Literal["supervised", "semi_supervised"]
    labels: Annotated[tuple[Percent, ...], Field(min_length=1)]
    pick: str | None = None
    first_stage: str | None = None
    from_labels: Percent | None = None
    boxes_of: str | None = None
    passes: Positive | None = None
    burn_in: Share | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class StepCost:
    """Measured seconds per step, to estimate how long a plan takes and how many steps take equal minutes."""

    supervised: Positive
    semi_supervised: Positive


@dataclass(frozen=True, config=_STRICT)
class Plan:
    """The content of a plan file.

    Attributes:
        config: settings file, relative to the plan; options: further settings of every run.
        seeds: of the runs; fewer_seeds: percent of labels -> number of seeds that are run with it, if not all.
        passes: percent of labels -> epochs over the labelled images, "default" for all others.
        burn_in: share of the steps of a semi-supervised run before the teacher starts.
        evaluations: number of evaluations on the validation part during an arm.
        report: the part whose scores are reported. To choose among many arms, report the validation part, so that
            nothing is chosen on the test part.
        baseline: the supervised arm that all others are compared with at equal labels; reference: another arm, that
            arms of the same kind of training are compared with.
    """

    name: Name
    data: Data
    parts: Parts
    config: str
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    passes: dict[Percent | Literal["default"], Positive]
    seconds_a_step: StepCost
    arms: Annotated[dict[Name, Arm], Field(min_length=1)]
    options: dict[str, Any] = field(default_factory=dict)
    fewer_seeds: dict[Percent, Count] = field(default_factory=dict)
    burn_in: Share = 0.5
    evaluations: Count = 8
    report: Literal["test", "validation"] = "test"
    baseline: str = "supervised"
    reference: str | None = None

    def seeds_at(self, labels: float) -> tuple[int, ...]:
        """The seeds of the runs with this percent of labels."""
        return self.seeds[: self.fewer_seeds.get(labels, len(self.seeds))]

    def steps(self, arm: Arm, labels: float, images: int, batch_size: int) -> int:
        """Steps of an arm that is trained on `images` labelled images, `batch_size` of them per step."""
        passes = arm.passes or self.passes.get(labels) or self.passes["default"]
        return ceil(passes * images / batch_size)

    def equal_minutes(self, steps: int) -> int:
        """Steps of a supervised run that take as long as `steps` semi-supervised ones, burn-in included."""
        burn_in = round(self.burn_in * steps)
        cost = self.seconds_a_step
        return ceil(burn_in + (steps - burn_in) * cost.semi_supervised / cost.supervised)


def read_plan(path: Path) -> Plan:
    """Read and check a plan.

    Raises:
        UserError: it cannot be read; DataError: every mistake in it.
    """
    try:
        values = read_yaml(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        plan = TypeAdapter(Plan).validate_python(values)
    except ValidationError as error:
        raise DataError(str(path), [_sentence(item) for item in _causes(error)]) from None
    twice = [
        f"{key}: two keys are the same number"
        for key in _BY_LABELS
        if len(getattr(plan, key)) < len(values.get(key, ()))
    ]
    if faults := twice + _contradictions(plan):
        raise DataError(str(path), faults)
    return plan


def _sentence(item: Mapping[str, Any]) -> str:
    said = item["msg"].removeprefix("Value error, ")
    return f"{_place(item['loc'])}: {said[:1].lower()}{said[1:]}"


def _causes(error: ValidationError) -> list[Mapping[str, Any]]:
    """The errors without those that follow from others: a list is too short because its items are wrong."""
    found = error.errors()
    within = [item["loc"] for item in found]
    return [
        item
        for item in found
        if item["type"] != "too_short"
        or not any(len(loc) > len(item["loc"]) and loc[: len(item["loc"])] == item["loc"] for loc in within)
    ]


def _place(location: tuple) -> str:
    # "[key]", and types such as function-before[...], are parts that pydantic adds.
    return ".".join(str(part) for part in location if "[" not in str(part)) or "plan"


def _contradictions(plan: Plan) -> list[str]:
    faults = []
    if len(set(plan.seeds)) < len(plan.seeds):
        faults.append(f"seeds: must differ from each other, got {list(plan.seeds)}")
    for labels, count in plan.fewer_seeds.items():
        if count > len(plan.seeds):
            faults.append(f"fewer_seeds.{labels:g}: there are {len(plan.seeds)} seeds, got {count}")
    known = {labels for arm in plan.arms.values() for labels in arm.labels}
    for key in _BY_LABELS:
        unknown = [labels for labels in getattr(plan, key) if labels != "default" and labels not in known]
        faults += [f"{key}.{labels:g}: no arm has this percent of labels" for labels in unknown]
    if "default" not in plan.passes:
        faults.append('passes: must have the key "default", for percents of labels without a key of their own')
    baseline = plan.arms.get(plan.baseline)
    if baseline is None or baseline.train != "supervised" or baseline.pick:
        faults.append(f"baseline: must be an arm that is supervised and picks nothing, got {plan.baseline}")
    if plan.reference is not None and plan.reference not in plan.arms:
        faults.append(f"reference: must be an arm, got {plan.reference}")
    for name, arm in plan.arms.items():
        faults += [f"arms.{name}.{sentence}" for sentence in _faults_of(arm, plan)]
    return faults


def _faults_of(arm: Arm, plan: Plan) -> list[str]:
    shown = [f"{labels:g}" for labels in arm.labels]  # as in the names of cells
    twice = [f"labels: {text} is given twice" for text in dict.fromkeys(shown) if shown.count(text) > 1]
    if arm.pick is None:
        given = [key for key in ("first_stage", "from_labels", "boxes_of") if getattr(arm, key) is not None]
        return twice + [f"{key}: is only for arms with pick; remove it, or add pick" for key in given]
    first = plan.arms.get(arm.first_stage)
    if first is None or first.pick or arm.from_labels not in first.labels:
        wanted = f"must be an arm without pick that has labels {arm.from_labels} (from_labels)"
        return [f"first_stage: {wanted}, got {arm.first_stage}"]
    faults = twice + [
        f"labels: must be more than from_labels {arm.from_labels:g}, got {labels:g}"
        for labels in arm.labels
        if labels <= arm.from_labels
    ]
    if arm.boxes_of is not None:
        other = plan.arms.get(arm.boxes_of)
        fits = other is not None and other.pick is not None and other.boxes_of is None
        fits = fits and (other.first_stage, other.from_labels) == (arm.first_stage, arm.from_labels)
        if not fits or not set(arm.labels) <= set(other.labels):
            faults.append(
                f"boxes_of: must be another picking arm of the same first stage and labels, got {arm.boxes_of}"
            )
    needed = max((len(plan.seeds_at(labels)) for labels in arm.labels), default=0)
    if needed > len(plan.seeds_at(arm.from_labels)):
        faults.append(f"from_labels: {arm.from_labels:g} has fewer seeds than these labels")
    return faults
