"""Copies of a model whose metadata differ."""

import json
import shutil
from pathlib import Path
from typing import Any


def copied(model: Path, folder: Path, changes: dict[str, Any] | None = None) -> Path:
    """A copy of a model and its metadata in another folder.

    Args:
        changes: new values by their place in the metadata, such as "input.shape" or "outputs.0.dtype"; None takes the key away.
    """
    copy = folder / "changed.onnx"
    shutil.copy(model, copy)
    metadata = json.loads(model.with_suffix(".json").read_text())
    for place, value in (changes or {}).items():
        *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        at = metadata
        for key in way:
            at = at[key]
        if value is None:
            del at[last]
        elif isinstance(at, list) and last == len(at):
            at.append(value)
        else:
            at[last] = value
    copy.with_suffix(".json").write_text(json.dumps(metadata))
    return copy
