"""Write the annotation file in which the picked images are labelled as well as the earlier ones."""

from typing import Any

from src.active.picking.pick_list import origin_of
from src.active.picking.pick_options import PickOptions
from src.active.picking.resume_pick import is_current, renew_labels
from src.active.picking.reviewed import check_not_lost, check_reviewed, listed
from src.data.annotations import boxes_and_crowds
from src.data.checks.label_sources import LabelState, labelled_names, mark_reviewed, unconfirmed_empty
from src.data.formats.coco_rows import write_coco
from src.data.formats.label_states import count_rows, hide_labels
from src.data.provenance import with_origin
from src.errors import Faults, UserError
from src.wording import counted


def write_labelled(
    coco: dict[str, Any], known: LabelState, picked: list[str], options: PickOptions, list_is_new: bool
) -> None:
    """Write the annotation file in which the picked images are labelled beside the ``known`` ones.

    Images without labels in ``coco`` stop the pick if the list is new or none of its images has labels: the list is what
    annotators need, and nothing else is written. Of an earlier list, they stay unlabelled: they were skipped or are not done.

    Raises:
        UserError: nothing is known to be reviewed about picked images without boxes; or the pick stops, but the output of
            an earlier one is there.
    """
    list_file, output = options.list_file, options.output_ann_file
    origin = origin_of(coco, options, known, {"picked_file": list_file})
    if options.resume and output.is_file() and is_current(output, origin):
        print(f"kept from before: {output}")
        return
    lacking = [name for name in picked if name not in labelled_names(coco)]
    if lacking and (list_is_new or len(lacking) == len(picked)):
        stop_for_labels(lacking, len(picked), options)
        return
    if lacking:
        print(
            f"{len(lacking)} of the {len(picked)} images of {list_file} have no labels in {options.ann_file} and stay unlabelled:\n"
            + listed(lacking)
        )
        picked = [name for name in picked if name not in set(lacking)]
    faults = Faults()
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
        f"{output}: {counted(count, 'image')}, {len(chosen)} labelled ({len(chosen) - len(known.labelled)} newly picked, see {list_file}"
        + (f"; {len(empty)} without boxes count as reviewed" if empty else "")
        + f"), {count if joined else count - len(chosen)} in the unlabelled stream; the labels are "
        + boxes_and_crowds(*count_rows(hidden))
    )


def stop_for_labels(lacking: list[str], count: int, options: PickOptions) -> None:
    """Say what to do about picked images without labels.

    Raises:
        UserError: there is an output, which is of an earlier pick and must not be taken for that of this one.
    """
    list_file, ann_file = options.list_file, options.ann_file
    if options.output_ann_file.exists():
        raise UserError(
            f"{len(lacking)} of the {count} picked images have no labels in {ann_file}, such as {lacking[0]}, but "
            f"{options.output_ann_file} is there, of an earlier pick; give the file with their labels as --ann_file (ORI_ANN), or "
            "move that one away"
        )
    print(
        f"{len(lacking)} of the {count} picked images have no labels in {ann_file} yet, such as {lacking[0]}. To continue:\n"
        f"  1. Label the images listed in {list_file} from its top; those that you skip stay unlabelled.\n"
        f"  2. Write a new annotation file: all that is in {ann_file}, and these images with their labels, named as in "
        "the list.\n"
        "  3. Give the same command with the new file as ORI_ANN and with --resume\n"
        f"     (pick_select.py alone: the new file as --ann_file, and --picked_file {list_file})."
    )
