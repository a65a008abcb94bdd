"""Write the annotation file in which the picked images are labelled as well as the earlier ones."""

from pathlib import Path
from typing import Any

from src.active.picking.pick_list import origin_of
from src.active.picking.pick_options import PickOptions
from src.active.picking.resume_pick import is_current, renew_labels
from src.active.picking.reviewed import check_not_lost, check_reviewed
from src.data.annotations import boxes_and_crowds
from src.data.checks.label_sources import LabelState, labelled_names, mark_reviewed, unconfirmed_empty
from src.data.formats.coco_rows import write_coco
from src.data.formats.label_states import count_rows, hide_labels
from src.data.provenance import with_origin
from src.errors import Faults, UserError


def write_labelled(coco: dict[str, Any], known: LabelState, picked: list[str], options: PickOptions) -> None:
    """Write the annotation file in which the picked images are labelled beside the ``known`` ones.

    Raises:
        UserError: picked images have no labels in ``coco``, or no boxes and nothing says that they were reviewed.
    """
    list_file, output = options.list_file, options.output_ann_file
    origin = origin_of(coco, options, known, {"picked_file": list_file})
    if options.resume and output.is_file() and is_current(output, origin):
        print(f"kept from before: {output}")
        return
    faults = Faults()
    faults.attempt(check_labels, picked, labelled_names(coco), list_file, options.ann_file)
    if not options.empty_is_reviewed:
        faults.attempt(check_reviewed, coco, picked, "picked images", options.ann_file, list_file)
        faults.attempt(check_not_lost, coco, known, options.combine_ann_file, options.ann_file)
    faults.report()
    empty = unconfirmed_empty(coco) & (known.with_boxes | set(picked))
    wanted = known.labelled.union(picked)
    chosen = {image["id"] for image in coco["images"] if image["file_name"] in wanted}
    joined = origin["settings"]["policy"] == 2
    hidden = hide_labels(mark_reviewed(coco, empty), chosen, also_unlabelled=joined)
    content = with_origin(hidden, origin)
    if options.resume and output.is_file():
        renew_labels(output, content, options.used_by, options.resume_anyway)
    else:
        write_coco(output, content, options.overwrite)
    count = len(coco["images"])
    print(
        f"{output}: {count} images, {len(chosen)} labelled ({len(chosen) - len(known.labelled)} newly picked, see {list_file}"
        + (f"; {len(empty)} without boxes count as reviewed" if empty else "")
        + f"), {count if joined else count - len(chosen)} in the unlabelled stream; the labels are "
        + boxes_and_crowds(*count_rows(hidden))
    )


def check_labels(picked: list[str], with_labels: set[str], list_file: Path, ann_file: Path) -> None:
    """Raise a UserError that says what to do if images were picked that have no labels."""
    lacking = [name for name in picked if name not in with_labels]
    if not lacking:
        return
    raise UserError(
        f"{len(lacking)} of the {len(picked)} picked images have no labels in {ann_file} yet, such as {lacking[0]}. To go on:\n"
        f"  1. Label the images listed in {list_file} (highest acquisition score first; a line you delete is left out).\n"
        f"  2. Write a new annotation file: all that is in {ann_file}, and these images with their labels, named as in "
        "the list.\n"
        "  3. Move those that are not in the image folder (DATA_ROOT) into it, so that they have these names there.\n"
        "  4. Give the same command with the new file as ORI_ANN and with --resume\n"
        f"     (pick_select.py alone: the new file as --ann_file, and --picked_file {list_file})."
    )
