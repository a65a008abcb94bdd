"""What a cell runs: which programs of this repository, with which arguments."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.label_efficiency.cells import Cell
from benchmarks.label_efficiency.chain import Chain, Places
from benchmarks.label_efficiency.data import Prepared
from benchmarks.label_efficiency.labelled import images_for_boxes, labelled_in
from benchmarks.label_efficiency.plan import Arm, Plan
from src.active.selection import label_count
from src.config.load import Config, load_config
from src.data.formats.json_file import read_json
from src.errors import DataError, UserError
from src.files import file_hash
from src.yaml_file import read_yaml

# Settings of train.py that an option would not change, or change for all cells alike -> where a plan says them.
_SET_HERE = {
    "config_path": "the plan says it as config",
    "global_seed": "the plan says it as seeds",
    "max_iter": "the plan says it as passes",
    "burn_up_iter": "the plan says it as burn_in",
    "eval_interval_iter": "the plan says it as evaluations",
    **dict.fromkeys(
        ("train_img_dir", "train_ann_file", "eval_img_dir", "eval_ann_file", "unlabelled_img_dir"),
        "the plan says it as data",
    ),
    **dict.fromkeys(
        ("save_checkpoint_path", "resume", "resume_anyway", "overwrite"),
        "each cell has a folder of its own, and is resumed there",
    ),
}


@dataclass(frozen=True)
class Setting:
    """What all cells of a plan share.

    Attributes:
        leaf: settings file of the plan; cells: the folder that holds a folder for each cell.
    """

    plan: Plan
    data: Prepared
    places: Places
    leaf: Path
    cells: Path

    def images(self, labels: float) -> int:
        """How many images a percent of the labels are."""
        return label_count(labels, self.plan.parts.train)

    def steps(self, cell: Cell) -> int:
        """Steps of a cell, up to where it is compared at equal steps."""
        labels = cell.key.labels
        batch_size = config_of(self.plan, self.leaf, cell.arm).batch_size
        return self.plan.steps(cell.arm, labels, self.images(labels), batch_size)

    def seconds(self, cell: Cell) -> float:
        """What the steps of a cell are expected to take."""
        steps, cost = self.steps(cell), self.plan.seconds_a_step
        if cell.equal_minutes or cell.arm.train == "semi_supervised":
            steps = self.plan.equal_minutes(steps)
        return steps * cost.supervised


def options_of(plan: Plan, arm: Arm) -> list[str]:
    """Settings of an arm as command-line arguments."""
    settings = plan.options | arm.options
    return [f"--{key}={_word(value)}" for key, value in settings.items()]


def config_of(plan: Plan, leaf: Path, arm: Arm) -> Config:
    """All settings of an arm, as train.py will read them."""
    return load_config("", ["--config_path", str(leaf), *options_of(plan, arm)])


def check(plan: Plan, leaf: Path, cells: list[Cell]) -> None:
    """Read the settings of every arm before anything starts.

    Raises:
        DataError: every arm whose settings are wrong.
    """
    faults = []
    given = {"options": plan.options} | {f"arms.{name}.options": arm.options for name, arm in plan.arms.items()}
    for place, options in given.items():
        faults += [f"{place}.{key}: {_SET_HERE[key]}; remove it" for key in options if key in _SET_HERE]
        dashed = {key: key.lstrip("-") for key in options if key.startswith("-")}
        faults += [f"{place}.{key}: a setting has no dashes before it; write {name}" for key, name in dashed.items()]
    if faults:
        raise DataError("settings of the plan", faults)
    for cell in {cell.key.arm: cell for cell in cells}.values():
        try:
            config = config_of(plan, leaf, cell.arm)
        except UserError as error:
            faults.append(f"arms.{cell.key.arm}: {error}")
            continue
        falls = config.lr_schedule != "multistep" or config.milestones or config.milestone_epochs
        if cell.equal_minutes and falls:
            faults.append(
                f"arms.{cell.key.arm}: continues after its score at equal steps, so its learning rate must be constant "
                "(lr_schedule multistep without milestones)"
            )
    if faults:
        raise DataError("settings of the plan", faults)


def asked(setting: Setting, cell: Cell) -> dict[str, Any]:
    """Every setting of a plan that the result of a cell depends on, to tell results of other settings."""
    steps, places = setting.steps(cell), setting.places
    return {
        "arm": _plain(asdict(cell.arm)) | {"labels": cell.key.labels},
        "seed": cell.seed,
        "steps": steps,
        "steps_at_equal_minutes": setting.plan.equal_minutes(steps) if cell.equal_minutes else None,
        "burn_in": setting.plan.burn_in,
        "evaluations": setting.plan.evaluations,
        "report": setting.plan.report,
        "leaf": _plain(read_yaml(setting.leaf)),
        "options": _plain(setting.plan.options),
        "data": setting.data.hashes,
        "weights": file_hash(places.weights) if places.weights else None,
        "needs": [asked(setting, needed) for needed in cell.needs],
    }


def run(setting: Setting, cell: Cell, chain: Chain) -> dict[str, int]:
    """Run a cell.

    Returns:
        Name of each score -> the steps it was reached in.
    """
    label_file = _labels(setting, cell, chain)
    steps = setting.steps(cell)
    burn_in = steps if cell.arm.train == "supervised" else round((cell.arm.burn_in or setting.plan.burn_in) * steps)
    _train(setting, cell, chain, "train", label_file, steps, burn_in)
    _score(setting, chain, "equal_steps")
    scores = {"equal_steps": steps}
    if cell.equal_minutes:
        longer = setting.plan.equal_minutes(steps)
        # The learning rate is constant, so the longer run starts with the same steps as the shorter one.
        _train(setting, cell, chain, "train_on", label_file, longer, longer, "--resume_anyway")
        _score(setting, chain, "equal_minutes")
        scores["equal_minutes"] = longer
    return scores


def label_file_of(setting: Setting, cell: Cell) -> Path:
    """The COCO file that a cell is trained on."""
    return setting.data.files["train"] if cell.key.labels == 100 else setting.cells / cell.name / "labels.json"


def _labels(setting: Setting, cell: Cell, chain: Chain) -> Path:
    """The COCO file that a cell is trained on, made if it is not there."""
    train, file = setting.data.files["train"], label_file_of(setting, cell)
    if file == train:
        return file
    if cell.arm.pick is None:
        words = ("--ann_file", train, "--label_ratio", cell.key.labels, "--seed", cell.seed, "--output_ann_file", file)
        chain.run("labels", "random_select.py", *words)
        return file
    first, ranking = cell.needs[0], chain.folder / "ranking"
    known = label_file_of(setting, first)
    words = ("--checkpoint_path", setting.cells / first.name / "run" / "best_model.ckpt", "--num_parallel_workers", 1)
    words += ("--train_img_dir", setting.data.images, "--train_ann_file", known, "--eval_output_dir", ranking)
    chain.run("detections", "infer.py", *words)
    words = ("--infer_json", ranking / "infer_results.json", "--exp_dir", ranking, "--strategy", cell.arm.pick)
    words += ("--combine_ann_file", known, "--pick_ratio", cell.key.labels)
    chain.run("ranking", "sorted_values.py", *words, "--seed", cell.seed)
    ratio, more = cell.key.labels, ("--seed", cell.seed)
    if cell.arm.boxes_of:
        wanted = labelled_in(label_file_of(setting, cell.needs[1])).boxes
        count = images_for_boxes(
            read_json(train), labelled_in(known), read_json(ranking / "top_value_data.json"), wanted
        )
        ratio, more = 100 * count / setting.plan.parts.train, ("--random_share", 0)  # the ranking alone has these boxes
    words = ("--ann_file", train, "--combine_ann_file", known, "--top_value_file", ranking / "top_value_data.json")
    chain.run("labels", "pick_select.py", *words, "--pick_ratio", ratio, *more, "--output_ann_file", file)
    return file


def _train(
    setting: Setting, cell: Cell, chain: Chain, name: str, label_file: Path, steps: int, burn_in: int, *more: str
) -> None:
    data, weights = setting.data, setting.places.weights
    interval = max(1, round(setting.steps(cell) / setting.plan.evaluations))
    words = ["--config_path", setting.leaf, *options_of(setting.plan, cell.arm), "--train_img_dir", data.images]
    words += ["--train_ann_file", label_file, "--eval_img_dir", data.images]
    words += ["--eval_ann_file", data.files["validation"], "--save_checkpoint_path", chain.folder / "run"]
    words += ["--global_seed", cell.seed, "--max_iter", steps, "--burn_up_iter", burn_in]
    words += ["--eval_interval_iter", interval, *(["--pre_trained", weights] if weights else []), *more]
    chain.run(name, "train.py", *words)


def metrics_file(chain: Chain, name: str) -> Path:
    """The metrics that eval.py writes for a score on the test part."""
    return chain.folder / f"test_{name}" / "metrics.json"


def _score(setting: Setting, chain: Chain, name: str) -> None:
    """Evaluate on the test part the network that was best on the validation part so far."""
    if setting.plan.report != "test":
        return
    words = ("--checkpoint_path", chain.folder / "run" / "best_model.ckpt", "--num_parallel_workers", 1)
    words += ("--eval_img_dir", setting.data.images, "--eval_ann_file", setting.data.files["test"])
    chain.run(f"test_{name}", "eval.py", *words, "--eval_output_dir", metrics_file(chain, name).parent)


def _word(value: Any) -> str:
    """A setting as the command line takes it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_word, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    """As JSON gives it back: lists in place of tuples, text as keys."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
