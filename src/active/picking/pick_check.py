"""Check a pick before hours of training: how many images it would select, and which errors it would raise."""

from pathlib import Path
from typing import Any

from src.active.cost.past_rounds import read_past_rounds
from src.active.picking.pick_options import PickOptions
from src.active.picking.reviewed import check_not_lost, check_reviewed
from src.active.selection import check_unlabelled, pick_count
from src.data.annotations import unlabelled_entry
from src.data.checks.files.copies import find_in_both, without_copies
from src.data.checks.image_files import check_images
from src.data.checks.label_sources import LabelState, labelled_names
from src.data.formats.coco_annotations import from_coco
from src.data.image_listing import check_is_folder, list_images
from src.errors import DataError, Faults


def check_pick(coco: dict[str, Any], known: LabelState, options: PickOptions) -> None:
    """Print how many images would be picked; raise the errors that the pick would raise."""
    labelled, unlabelled = known.labelled, known.unlabelled
    more = read_folder(coco, known, options) if options.unlabelled_img_dir else set()
    pool = (unlabelled | more) - labelled
    names = {image["file_name"] for image in coco["images"]}
    faults = Faults()
    faults.attempt(check_unlabelled, len(labelled), len(labelled | pool))
    faults.attempt(options.floors, known.classes)
    faults.attempt(read_past_rounds, options.labelling_reports)
    count = options.budget_images
    if options.pick_ratio is not None and pool:
        count = faults.attempt(pick_count, options.pick_ratio, len(labelled), len(names | more))
    if not options.empty_is_reviewed:
        faults.attempt(check_reviewed, coco, sorted(pool), "images to pick from", options.ann_file, None)
        faults.attempt(check_not_lost, coco, known, options.combine_ann_file, options.ann_file)
    faults.report()
    report_check(count, pool, labelled, labelled_names(coco), options)


def read_folder(coco: dict[str, Any], known: LabelState, options: PickOptions) -> set[str]:
    """Names of the images under the folder of unlabelled ones; prints which are there twice, and how many are labelled.

    Raises:
        UserError: there is no such folder.
        DataError: images that have the name of another, unlabelled image of the annotation file.
    """
    folder, img_dir = options.unlabelled_img_dir, options.img_dir
    check_is_folder(folder, "unlabelled images")
    entries = tuple(unlabelled_entry(0, name, (0, 0), folder) for name in list_images(folder))
    if img_dir:
        entries, twice = without_copies(entries, find_in_both(from_coco(coco), img_dir, folder), img_dir)
        print("\n".join(twice), end="\n" if twice else "")
    names = {entry.file_name for entry in entries}
    if twice := sorted(names & known.unlabelled):
        raise DataError(f"different images of one name in {folder} and in the annotation file; rename these", twice)
    if same := names & known.labelled:
        print(
            f"images of {folder} that have the name of a labelled image are not picked: {len(same)}, such as {min(same)}"
        )
    return names


def report_check(
    count: int | None, pool: set[str], labelled: set[str], with_labels: set[str], options: PickOptions
) -> None:
    """Print how many images would be picked, and how many have no labels yet; count is None if it depends on the ranking."""
    if count is None:
        print(f"the ranking decides how many of the {len(pool)} unlabelled images are picked ({options.budget})")
    else:
        count = min(count, len(pool))
        print(
            f"{count} of the {len(pool)} unlabelled images are to be picked; with the {len(labelled)} labelled ones that "
            f"makes {len(labelled) + count} ({options.budget})"
        )
    if (without_labels := pool - with_labels) and not options.list_only:
        certain = (count or 0) > len(pool) - len(without_labels)
        print(
            f"The labels of {len(without_labels)} of these unlabelled images are not in {options.ann_file} yet: the job "
            f"{'will' if certain else 'may'} stop after the pick and list the images to label"
        )


def check_image_files(coco: dict[str, Any], ann_file: Path, img_dir: Path, unlabelled_img_dir: Path | None) -> None:
    """Raise a DataError that lists the images that are missing from the folders or have another size than in the file."""
    try:
        check_images(find_in_both(from_coco(coco), img_dir, unlabelled_img_dir), img_dir)
    except DataError as error:
        title = (
            f"{ann_file}: training reads all its images from {img_dir}; move them there, or leave them in "
            "--unlabelled_img_dir, or remove them from the file"
        )
        raise DataError(title, error.faults) from None
