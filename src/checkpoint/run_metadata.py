"""The form of the metadata of a run state; a file with a right checksum may still hold other values."""

from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from src.checkpoint.run_state import State
from src.errors import UserError

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Best(TypedDict):
    step: int
    role: str
    AP: float | None  # None in states of versions before 0.2.0


class _BestOfKind(TypedDict):
    step: int
    role: str
    AP: float


class _Memory(TypedDict, total=False):
    """The memory of a watcher."""

    held: Annotated[list[int], msgspec.Meta(min_length=2, max_length=2)]
    start: float


class _Watch(TypedDict, total=False):
    told: list[str]
    watchers: dict[str, _Memory]


class _SinceLog(msgspec.Struct, forbid_unknown_fields=True):
    steps: Annotated[int, msgspec.Meta(ge=1)]
    spent: float
    waited: float
    sums: Annotated[list[list[float]], msgspec.Meta(min_length=3, max_length=3)]


class _RunMetadata(TypedDict):
    """As `run_metadata` of src/engine/resume.py gives it; NotRequired: older versions did not write it."""

    version: NotRequired[str]
    config: dict[str, Any]
    annotations: str
    classes: list[str]
    unlabelled: str
    evaluation: str | None
    devices: int
    image_files: NotRequired[str | None]
    evaluation_files: NotRequired[str | None]
    best: _Best | None
    best_of: NotRequired[dict[str, _BestOfKind] | None]
    evaluated: _Count
    ended: _Count | None
    since_log: dict[str, Any]
    rows: NotRequired[_Count | None]
    watch: _Watch


def checked_metadata(state: State) -> dict:
    """The metadata of a state, after a check of its form.

    Raises:
        UserError: a value is missing or has another type.
    """
    try:
        metadata = msgspec.convert(state.metadata, _RunMetadata)
        if metadata["since_log"]:
            msgspec.convert(metadata["since_log"], _SinceLog)
        if "version" not in metadata:  # this setting had another meaning then
            msgspec.convert(metadata["config"].get("sup_loss_weight", 1.0), float)
    except msgspec.ValidationError as error:
        raise UserError(
            f"{state.path} is not in the form of a run state ({error}): it was written by another version or by another "
            f"program; resume with the version that wrote it, or start a new run with --overwrite, from the latest weights with "
            f"--pre_trained {state.path.parent / 'model_0.ckpt'} (copy that file elsewhere first)"
        ) from None
    return state.metadata
