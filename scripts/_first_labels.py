"""Refuse TRAIN_ANN if its labels are others than those that the rounds began with; called by _rounds.sh.

    _first_labels.py TRAIN_ANN FIRST DATA_ROOT [--unlabelled_img_dir FOLDER] [--resume_anyway]

FIRST is the copy of TRAIN_ANN that the rounds began with. Images in FOLDER that have no labels are unlabelled in both.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.active.picking.resume_pick import refuse
from src.data.checks.label_changes import label_changes
from src.data.formats.reading import read_as_coco
from src.errors import entry_point


def with_names_as_ids(coco: dict[str, Any]) -> dict[str, Any]:
    """A copy in which the id of an image is its name, so that another numbering is no difference."""
    name_of = {image["id"]: image["file_name"] for image in coco["images"]}
    images = [image | {"id": image["file_name"]} for image in coco["images"]]
    rows = [row | {"image_id": name_of[row["image_id"]]} for row in coco["annotations"]]
    return coco | {"images": images, "annotations": rows}


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Compare; exit with an error if training would see others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train_ann", "first", "img_dir"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--unlabelled_img_dir", type=Path)
    parser.add_argument("--resume_anyway", action="store_true")
    args = parser.parse_args(argv)
    first, now = (
        with_names_as_ids(read_as_coco(path, args.img_dir, unlabelled_img_dir=args.unlabelled_img_dir))
        for path in (args.first, args.train_ann)
    )
    changes = [f"{args.train_ann}: {change}" for change in label_changes(first, now)]
    remedy = f"choose another OUTPUT_DIR to begin anew. The earlier TRAIN_ANN is kept as {args.first}"
    refuse(changes, args.first.parent, remedy, args.resume_anyway)


if __name__ == "__main__":
    main()
