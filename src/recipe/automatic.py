"""The recipe of --config_path auto: made from the data that the settings name, written once, read again when the run is resumed."""

from collections.abc import Mapping
from pathlib import Path

from src.data.training_data import Sources, read_training_data
from src.errors import UserError, another_run
from src.files import check_free, write_text
from src.recipe.choice import Choice, Situation
from src.recipe.compute_cost import this_machine
from src.recipe.data_summary import summarise
from src.recipe.decide import decide, leaf_text
from src.recipe.start_weights import Weights, read_weight_file
from src.yaml_file import read_settings

RECIPE_FILE = "recipe.yaml"  # in the folder of a run
DEFAULT_HOURS = 3.0
# How a program is started is no setting of a run.
_NOT_STATED = frozenset(
    {"resume", "resume_anyway", "overwrite", "save_checkpoint_path", "device_id", "run_distribute", "hours"}
)


class AutomaticLeaf:
    """The leaf of --config_path auto of train.py: a function of the settings that are known, see `load_config`.

    Attributes:
        chosen: the settings that a recipe chose now, not in an earlier run.
    """

    def __init__(self) -> None:
        self.chosen: frozenset[str] = frozenset()
        self._text: str | None = None
        self._warnings: list[str] = []
        self._path: Path | None = None

    def __call__(self, values: dict, given: dict) -> dict:
        """The settings of the recipe, from the folder of the run if it is resumed.

        Raises:
            UserError: the data are faulty, another recipe lies in the folder, or several processes would make one each.
        """
        path = Path(values["save_checkpoint_path"]) / RECIPE_FILE
        if values["resume"] and path.is_file():
            return read_settings(path)
        if values["run_distribute"]:
            raise UserError(
                "config_path: every process would time the machine for a recipe of its own; write one with  python -m src.recipe "
                "--output my.yaml  and give --config_path my.yaml"
            )
        if path.exists() and not values["overwrite"]:
            raise another_run(path.parent, path.name)
        check_free(path, values["overwrite"])
        choices, self._text = make_recipe(values, given)
        self._path, self._warnings = path, warnings(choices)
        self.chosen = frozenset(choices) - frozenset(given)
        return {key: choice.value for key, choice in choices.items()}

    def write(self) -> list[str]:
        """Write the recipe into the folder of the run, if one was made; returns sentences for the log."""
        if self._text is None:
            return []
        write_text(self._path, self._text, overwrite=True)
        return [f"settings from the data, each with its reason: {self._path}", *self._warnings]


def warnings(choices: Mapping[str, Choice]) -> list[str]:
    """What the user must be told of the choices, a sentence each."""
    return [f"warning: {choice.warning}" for choice in choices.values() if choice.warning]


def make_recipe(
    values: Mapping, given: Mapping, earlier: Mapping | None = None, runs: int = 1, devices: int = 1
) -> tuple[dict[str, Choice], str]:
    """Choices by key, and the text of the leaf.

    Args:
        values: every setting, defaults included; given: those of the user; earlier: see `decide`.
        runs: training runs that share the hours; devices: processes that train together.

    Raises:
        UserError: with all that is wrong with data and weights.
    """
    missing = [f"--{key}" for key in ("train_img_dir", "train_ann_file") if values[key] is None]
    if missing:
        raise UserError(f"config_path: the recipe comes from the data; missing: {', '.join(missing)}")
    values = dict(values) | {key: value for key, value in (earlier or {}).items() if key not in given}
    weights = read_weight_file(values["pre_trained"])
    system = given.get("system") or weights.settings.get("system") or values["system"]
    sources = Sources(
        values["train_ann_file"],
        values["train_img_dir"],
        unlabelled_img_dir=values["unlabelled_img_dir"],
        eval_ann_file=values["eval_ann_file"],
        eval_img_dir=values["eval_img_dir"],
        class_names=values["class_names"],
        masks=system == "mask_rcnn",
        faulty_at_most=values["faulty_at_most"] if values["leave_out_faulty"] else None,
    )
    data = summarise(read_training_data(sources))
    machine = this_machine(values["device_target"], devices)
    hours, why = _hours(given, earlier or {}, runs)
    stated = {key: value for key, value in given.items() if key not in _NOT_STATED}
    situation = Situation(data, machine, weights, hours if machine.gflops else None, devices)
    choices = decide(situation, values, stated, earlier)
    if machine.gflops:
        choices["hours"] = Choice("hours", hours, why)
    return choices, leaf_text(_head(situation), choices)


def _hours(given: Mapping, earlier: Mapping, runs: int) -> tuple[float, str]:
    """Hours of one run, and where they come from."""
    if given.get("hours") is None and earlier.get("hours") is not None:
        return earlier["hours"], "as in the stage before"
    whole = given.get("hours") or DEFAULT_HOURS
    named = f"{whole:g} h, as given" if given.get("hours") else f"{whole:g} h, for no hours were given"
    return whole / runs, named if runs == 1 else f"{named}, for {runs} runs"


def _head(situation: Situation) -> list[str]:
    """What the recipe was made from."""
    data, machine, weights = situation.data, situation.machine, situation.weights
    counts = ", ".join(
        f"{name} {(data.labels == label).sum():,}" for label, name in enumerate(data.class_names, start=1)
    )
    speed = f", {machine.gflops:.0f} GFLOP/s in a matrix product" if machine.gflops else ""
    images = f"{data.labelled} labelled and {data.unlabelled} unlabelled images, {data.evaluation} to evaluate on"
    return [
        "Written by the recipe (docs/RECIPE.md): every line has its reason, every line may be edited or removed.",
        f"{images}; {len(data.boxes):,} objects: {counts}",
        f"{machine.device}, {machine.counted_cores}, {machine.memory:.0f} GB{speed}; weights: {_named(weights)}",
    ]


def _named(weights: Weights) -> str:
    if weights.path is None:
        return "none. The best start for few labels is a detector that was trained on COCO, see docs/RECIPE.md"
    return f"{Path(weights.path).name}, a {'detector' if weights.settings else 'backbone'}"
