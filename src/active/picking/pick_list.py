"""The list of picked images (``*_picked.txt``): pick by the ranking and write it, or read the one of an earlier pick."""

import math
from pathlib import Path
from typing import Any

from src.active.picking.pick_options import PickOptions
from src.active.picking.resume_pick import list_changes, refuse
from src.active.ranking import read_ranking
from src.active.selection import choose_best, label_count
from src.data.checks.label_sources import KnownSoFar
from src.data.provenance import MadeFrom, is_still, made_from, read_side_file, side_file, write_side_file
from src.errors import UserError
from src.files import check_free, write_text


def pick_by_ranking(coco: dict[str, Any], known: KnownSoFar, options: PickOptions) -> list[str]:
    """Pick the unlabelled images of highest acquisition score, and write the list."""
    list_file = options.list_file
    scores = read_scores(options.top_value_file, known.unlabelled)
    names = {image["file_name"] for image in coco["images"]}
    picked = pick(scores, known.labelled, options.pick_ratio, len(names | scores.keys()))
    overwrite = options.overwrite or options.resume
    for path in (options.output_ann_file, list_file, side_file(list_file)):
        check_free(path, overwrite)
    write_text(list_file, "".join(f"{name}\n" for name in picked), overwrite)
    write_side_file(list_file, origin_of(options, known, {"top_value_file": options.top_value_file}), overwrite)
    return picked


def read_earlier(options: PickOptions) -> list[str]:
    """The names of the list of an earlier pick.

    Raises:
        UserError: with --resume, if it was picked otherwise.
    """
    list_file = options.list_file
    if options.resume:
        inputs = {"top_value_file": options.top_value_file, "combine_ann_file": options.combine_ann_file}
        remedy = f"move {list_file} away to pick again"
        refuse(list_changes(list_file, inputs, options.pick_ratio), list_file, remedy, options.resume_anyway)
        print(f"kept from before: {list_file}")
    return read_list(list_file)


def pick(scores: dict[str, float], labelled: set[str], pick_ratio: float, image_count: int) -> list[str]:
    """The file names to label next, so that ``pick_ratio`` percent of all images are labelled."""
    target = label_count(pick_ratio, image_count)
    if len(labelled) == image_count:
        raise UserError(
            f"all {image_count} images are labelled already, so there is nothing to pick from; add unlabelled images to "
            "the annotation file, or pass a folder of them as --unlabelled_img_dir"
        )
    if target <= len(labelled):
        least = math.ceil(100 * 100 * (len(labelled) + 1) / image_count) / 100
        raise UserError(
            f"--pick_ratio {pick_ratio:g} means {target} labelled images in all, but {len(labelled)} of {image_count} are "
            f"labelled already; pass at least {least:g}"
        )
    return choose_best(scores, labelled, target - len(labelled))


def read_scores(path: Path, unlabelled: set[str]) -> dict[str, float]:
    """The ranking {file_name: acquisition score}.

    Raises:
        DataError: it is no ranking.
        UserError: it is the ranking of another data set, for it holds none of the ``unlabelled`` images.
    """
    scores = read_ranking(path)
    if unlabelled and not unlabelled & scores.keys():
        raise UserError(
            f"{path}: a ranking of other images. It holds none of the {len(unlabelled)} unlabelled images, such as "
            f"{min(unlabelled)}, but {len(scores)} others, such as {min(scores)}; rank the unlabelled images of this data set"
        )
    return scores


def read_list(path: Path) -> list[str]:
    """The names of a ``_picked.txt``, which somebody may have edited."""
    try:
        names = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    if not names:
        raise UserError(f"{path}: no file names in it")
    return list(dict.fromkeys(names))


def origin_of(options: PickOptions, known: KnownSoFar, source: dict[str, Path]) -> MadeFrom:
    """What the list or the output is made from; ``source`` is the ranking or the list, by the name of its option."""
    inputs = {"ann_file": options.ann_file, "combine_ann_file": options.combine_ann_file} | source
    settings = {"pick_ratio": options.pick_ratio, "policy": options.policy or known.policy}
    return made_from(
        "pick_select.py", inputs, settings, {option: read_side_file(path) for option, path in source.items()}
    )


def note_other_labels(source: Path, combine_ann_file: Path | None) -> None:
    """Say so when the ranking or the list was made from another --combine_ann_file."""
    origin = read_side_file(source)
    for name in ("combine_ann_file", "train_ann_file"):  # the list names the first, detections the second
        if origin and combine_ann_file and not is_still(origin, name, combine_ann_file):
            print(
                f"note: {source} was made when {combine_ann_file} had another content; to choose by what is labelled now, "
                "infer and rank again"
            )
            return
