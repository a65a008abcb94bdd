"""Refuse images without boxes unless they are known to be reviewed: they may not be labelled yet."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from src.data.checks.label_sources import LabelState, names_with_boxes, unconfirmed_empty
from src.errors import SHOWN_FAULTS, UserError
from src.wording import counted

_IF_REVIEWED = 'add --empty_is_reviewed (or write "labelled": true into their entries)'


def check_reviewed(
    coco: dict[str, Any], names: Iterable[str], what: str, ann_file: Path, list_file: Path | None
) -> None:
    """Refuse images without boxes that are not marked as reviewed, see ``unconfirmed_empty``.

    Args:
        coco: the checked file ``ann_file`` that labels are taken from.
        names: images to check, in the order in which they are listed; what: how the message calls them.
        list_file: the list that names them, if there is one.

    Raises:
        UserError: with the number of images, the first of them and the remedy.
    """
    names = list(names)
    unconfirmed = unconfirmed_empty(coco)
    empty = [name for name in names if name in unconfirmed]
    if not empty:
        return
    count = len(names_with_boxes(coco).intersection(names))
    or_else = f", or take them out of {list_file}, and give the same command with --resume" if list_file else ""
    raise UserError(
        f"{count} of the {len(names)} {what} have boxes in {ann_file}, {len(empty)} have none, and nothing says whether a "
        f"human has reviewed these:\n{listed(empty)}\n"
        f"If all of them were reviewed and there is nothing in them, {_IF_REVIEWED}. Those that are not labelled yet: write "
        f'"labelled": false into their entries{or_else}.',
        empty,
    )


def check_not_lost(coco: dict[str, Any], known: LabelState, combine_ann_file: Path | None, ann_file: Path) -> None:
    """Refuse images that lost the boxes they have in a run's annotation file, unless they are marked as reviewed.

    Raises:
        UserError: with the first of them and the remedy.
    """
    lost = sorted(known.with_boxes & unconfirmed_empty(coco))
    if lost:
        raise UserError(
            f"{counted(len(lost), 'image')} with boxes in {combine_ann_file} and none in {ann_file}:\n{listed(lost)}\n"
            f"If their boxes were taken out on purpose, {_IF_REVIEWED}; otherwise give the file with the labels of all images.",
            lost,
        )


def listed(names: Sequence[str]) -> str:
    """The first names, one per line, and how many more there are."""
    more = [f"... and {len(names) - SHOWN_FAULTS} more"] if len(names) > SHOWN_FAULTS else []
    return "\n".join(f"  {name}" for name in [*names[:SHOWN_FAULTS], *more])
