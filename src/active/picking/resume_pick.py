"""Resume a pick: keep its list and renew its annotation file, or refuse inputs that have changed.

The ranking and the list of picked images stay, because annotators may already work on them: changed inputs are refused.
The annotation file is written again from the list when labels changed, and the old one is kept beside it.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.data.checks.label_changes import label_changes
from src.data.formats.coco import read_coco
from src.data.formats.coco_rows import write_coco
from src.data.provenance import MadeFrom, origin_before_edits, origin_of_coco
from src.errors import UserError
from src.files import file_hash, keep_before


def refuse(changes: Sequence[str], kept: Path, remedy: str, anyway: bool) -> None:
    """Raise an error for changes since ``kept`` was made, or only print them.

    Args:
        changes: sentences; none: nothing happens. remedy: how to make it again; anyway: keep it nevertheless.

    Raises:
        UserError: naming all changes, unless ``anyway``.
    """
    if not changes:
        return
    listed = "\n".join(f"  {change}" for change in changes)
    if anyway:
        print(f"resume_anyway: {kept} is kept, which was made with other inputs or settings:\n{listed}")
        return
    raise UserError(
        f"resume: {kept} was made with other inputs or settings:\n{listed}\nUse the earlier ones, or keep it nevertheless "
        f"with --resume_anyway, or {remedy}."
    )


def list_changes(list_file: Path, inputs: dict[str, Path | None], settings: dict[str, Any]) -> list[str]:
    """Changed inputs and settings of an earlier pick, according to the provenance beside its list.

    Args:
        inputs: option of the pick -> current file; settings: option -> current value, None where it is not given.
    """
    origin = origin_before_edits(list_file)
    if origin is None:
        return []
    changes = [
        f"{option}: the content of {path} has changed"
        for option, path in inputs.items()
        if path and option in origin["inputs"] and origin["inputs"][option]["sha256"] != file_hash(path)
    ]
    for key, value in settings.items():
        before = origin["settings"].get(key)
        if None not in (before, value) and before != value:
            changes.append(f"{key}: was {before}, is {value}")
    return changes


def is_current(output: Path, origin: MadeFrom) -> bool:
    """Whether an annotation file was made from the same inputs as ``origin``, according to its provenance."""
    known = origin_of_coco(output)
    policy = origin["settings"]["policy"]
    return known is not None and known["inputs"] == origin["inputs"] and known["settings"].get("policy") == policy


def renew_labels(output: Path, content: dict[str, Any], used_by: Path | None, anyway: bool) -> None:
    """Replace the annotation file of an earlier pick; the old one is kept beside it if its labels differ.

    Args:
        content: the file as it is now.
        used_by: output folder of the training on it; if a run has begun there, its labels must not change.
        anyway: the run may continue with other labels.

    Raises:
        UserError: a run has begun with other labels; ``output`` stays.
    """
    changes = label_changes(read_coco(output), content)
    if not changes:
        write_coco(output, content, overwrite=True)
        print(f"{output} is written again, because its inputs changed; its labels are the same")
        return
    listed = "\n".join(f"  {change}" for change in changes)
    if used_by and (used_by / "config.yaml").exists() and not anyway:
        folder = shlex.quote(str(used_by))
        raise UserError(
            f"the labels changed since {output} was made:\n{listed}\nThe training run in {used_by} has begun with the old "
            "labels. Give the same command again after one of these:\n"
            f"  to train again with the new labels, move the folder of that run away: mv {folder} {folder}_before\n"
            "  to continue that run, from now on with the new labels, add --resume_anyway\n"
            f"  to continue with the old labels, give {output} as ORI_ANN"
        )
    before = keep_before(output)
    write_coco(output, content, overwrite=True)
    print(f"{output} is written again, because the labels changed; the old file is kept as {before}:\n{listed}")
