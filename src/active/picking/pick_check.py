"""Check a pick before hours of training: how many images it would take, and what would be refused then."""

from pathlib import Path
from typing import Any

from src.active.cost.past_rounds import read_past_rounds
from src.active.picking.pick_options import PickOptions
from src.active.picking.reviewed import check_not_lost, check_reviewed
from src.active.selection import pick_count
from src.data.checks.image_files import check_images
from src.data.checks.label_sources import KnownSoFar, labelled_names
from src.data.formats.coco_annotations import from_coco
from src.data.images import list_images
from src.errors import DataError, Faults, UserError


def check_pick(coco: dict[str, Any], known: KnownSoFar, options: PickOptions) -> None:
    """Say what would be picked; refuse what would be refused then."""
    labelled, unlabelled = known.labelled, known.unlabelled
    more = read_folder(options.unlabelled_img_dir, labelled, unlabelled) if options.unlabelled_img_dir else set()
    pool = (unlabelled | more) - labelled
    names = {image["file_name"] for image in coco["images"]}
    faults = Faults()
    faults.attempt(options.floors, known.classes)
    faults.attempt(read_past_rounds, options.labelling_reports)
    count = options.budget_images
    if options.pick_ratio is not None:
        count = faults.attempt(pick_count, options.pick_ratio, len(labelled), len(names | more))
    if not options.empty_is_reviewed:
        faults.attempt(check_reviewed, coco, sorted(pool), "images to pick from", options.ann_file, None)
        faults.attempt(check_not_lost, coco, known, options.combine_ann_file, options.ann_file)
    faults.report()
    report_check(count, pool, labelled, labelled_names(coco), options)


def read_folder(folder: Path, labelled: set[str], unlabelled: set[str]) -> set[str]:
    """Names of the images under a folder; says which are taken for a labelled image.

    Raises:
        UserError: there is no such folder.
        DataError: images that have the name of an unlabelled image of the annotation file.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of unlabelled images")
    names = set(list_images(folder))
    if twice := sorted(names & unlabelled):
        raise DataError(f"images that are both in {folder} and unlabelled in the annotation file; rename these", twice)
    if same := names & labelled:
        print(
            f"{len(same)} images of {folder} have the name of a labelled image and are not picked, such as {min(same)}"
        )
    return names


def report_check(
    count: int | None, pool: set[str], labelled: set[str], with_labels: set[str], options: PickOptions
) -> None:
    """Say what would be picked, and of how many images the labels are not there yet; count is None if only the ranking tells."""
    if count is None:
        print(f"the ranking will tell how many of the {len(pool)} unlabelled images are picked ({options.budget})")
    else:
        print(
            f"{count} of the {len(pool)} unlabelled images are to be picked; with the {len(labelled)} labelled ones that "
            f"makes {len(labelled) + count} ({options.budget})"
        )
    if lacking := pool - with_labels:
        surely = (count or 0) > len(pool) - len(lacking)
        print(
            f"The labels of {len(lacking)} of these unlabelled images are not in {options.ann_file} yet: the job "
            f"{'will' if surely else 'may'} stop before the second stage and list the images to label"
        )


def check_image_files(coco: dict[str, Any], ann_file: Path, img_dir: Path) -> None:
    """Raise a DataError that lists the images that training would not find in the folder, or not of their size."""
    try:
        check_images(from_coco(coco), img_dir)
    except DataError as error:
        title = (
            f"{ann_file}: training reads every image of it in {img_dir}; put them there (out of --unlabelled_img_dir, if "
            "they are there), or leave them out of the file"
        )
        raise DataError(title, error.faults) from None
