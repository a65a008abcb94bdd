"""Checkpoints: plain weight files that know their recipe, and the whole state of a run for resuming.

A weight file holds the parameters of one detector under the names its network gives them (`backbone.layer1.0.conv1.weight`)
and, as text, the recipe to build the network and the class names. The state file holds every parameter of the training step:
student, teacher (`teacher.` in front), optimizer, loss scale and step number.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import mindspore as ms
import msgspec
from mindspore import Tensor, nn

from src.errors import UserError
from src.files import write_whole

TEACHER_PREFIX = "teacher."
CARD = "card"


@dataclass(frozen=True)
class DetectorCard:
    """What a weight file says of itself.

    Attributes:
        recipe: settings the network was built from; class_names: without background; category_ids: of the annotation file
            it was trained on, in the order of class_names; step: training steps taken.
    """

    recipe: dict
    class_names: list[str]
    category_ids: list[int]
    step: int


def copy_weights(source: nn.Cell, target: nn.Cell) -> None:
    """Give `target` the weights of `source`, a network of the same architecture, whatever prefix their names have."""
    for old, new in zip(target.get_parameters(), source.get_parameters(), strict=True):
        old.set_data(Tensor(new.asnumpy()))


def save_detector(network: nn.Cell, path: Path, card: DetectorCard) -> None:
    """Write the weights of one network and its card; an older file of this name is replaced once the new one is whole."""
    rows = [
        {"name": parameter.name.removeprefix(TEACHER_PREFIX), "data": parameter}
        for parameter in network.get_parameters()
    ]
    _save(rows, path, {CARD: json.dumps(asdict(card), ensure_ascii=False)})


def read_card(path: str | Path) -> DetectorCard | None:
    """The card of a weight file; None if it was not written by this project.

    Raises:
        UserError: if there is no such file, or it is no checkpoint.
    """
    told = _told(_load(path), path)
    if told is None:
        return None
    try:
        return msgspec.convert(told, DetectorCard)
    except msgspec.ValidationError as error:
        raise UserError(f"{path} does not describe a detector ({error}); is it the state of a run?") from None


def load_detector(network: nn.Cell, path: str | Path) -> None:
    """Load all parameters of a network.

    Raises:
        UserError: naming the parameters that the file lacks or holds in another shape.
    """
    values = _load(path)
    faults = []
    for parameter in network.get_parameters():
        name = parameter.name.removeprefix(TEACHER_PREFIX)
        if not isinstance(values.get(name), Tensor):
            faults.append(f"{name}: not in the file")
        elif values[name].dtype != parameter.dtype:
            faults.append(f"{name}: expected {parameter.dtype}, got {values[name].dtype}")
        elif tuple(values[name].shape) != tuple(parameter.shape):
            faults.append(f"{name}: expected shape {tuple(parameter.shape)}, got {tuple(values[name].shape)}")
    if faults:
        shown = "\n  ".join(faults[:5]) + (f"\n  ... and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise UserError(
            f"{path} does not fit this network; was it trained with another backbone or other classes?\n  {shown}"
        )
    for parameter in network.get_parameters():
        parameter.set_data(Tensor(values[parameter.name.removeprefix(TEACHER_PREFIX)].asnumpy()))


def save_state(cells: Sequence[nn.Cell], path: Path, facts: dict) -> None:
    """Write every parameter of the cells of a run, and `facts` (JSON values) about it."""
    _save(
        [{"name": name, "data": value} for name, value in _parameters(cells).items()], path, {CARD: json.dumps(facts)}
    )


def load_state(cells: Sequence[nn.Cell], path: Path) -> None:
    """Put a saved state back.

    Raises:
        UserError: if the file lacks a parameter, or holds it in another shape.
    """
    values = _load(path)
    parameters = _parameters(cells)
    wrong = [
        name
        for name, value in parameters.items()
        if not isinstance(values.get(name), Tensor) or values[name].shape != value.shape
    ]
    if wrong:
        raise UserError(f"{path} cannot be resumed with this configuration: it has no fitting {', '.join(wrong[:5])}")
    for name, parameter in parameters.items():
        parameter.set_data(Tensor(values[name].asnumpy(), parameter.dtype))


def read_facts(path: Path) -> dict:
    """The facts of a state file.

    Raises:
        UserError: if there is no such file, or it is no state of a run.
    """
    facts = _told(_load(path), path)
    if facts is None:
        raise UserError(f"{path} holds weights, but not the state of a run")
    return facts


def _parameters(cells: Sequence[nn.Cell]) -> dict[str, ms.Parameter]:
    return {parameter.name: parameter for cell in cells for parameter in cell.get_parameters()}


def _told(values: dict, path: str | Path) -> dict | None:
    """The JSON object that a file carries beside its weights."""
    text = values.get(CARD)
    try:
        told = None if text is None else json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: what it says of itself is not JSON ({error})") from None
    if not isinstance(told, dict | None):
        raise UserError(f"{path} is damaged: what it says of itself is a {type(told).__name__}")
    return told


def _save(rows: list[dict], path: Path, texts: dict) -> None:
    def write(temporary: Path) -> None:
        ms.save_checkpoint(rows, str(temporary), append_dict=texts)
        os.chmod(temporary, 0o644)

    write_whole(path, write, overwrite=True)


def _load(path: str | Path) -> dict:
    if not Path(path).is_file():
        raise UserError(f"no checkpoint at {path}")
    try:
        return ms.load_checkpoint(str(path))
    except Exception as error:  # a damaged file can raise anything
        raise UserError(
            f"{path} is not a MindSpore checkpoint, or is damaged ({str(error).partition(chr(10))[0]})"
        ) from error
