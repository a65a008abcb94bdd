"""Differences between two versions of a COCO file that training would see."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from src.data.checks.label_sources import class_names, labelled_names
from src.data.formats.label_states import also_unlabelled_ids, is_blank
from src.wording import counted

_SHOWN = 3  # examples in a sentence


def label_changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """A sentence for each kind of difference between two checked COCO files; empty: training sees the same in both.

    Images are matched by file name, classes by name and order. Fields that training does not read do not count.
    """
    changes = []
    classes, classes_now = class_names(before), class_names(now)
    if classes != classes_now:
        changes.append(f"classes: were {', '.join(classes)}, are {', '.join(classes_now)}")
    images, images_now = _by_name(before), _by_name(now)
    both = [name for name in images if name in images_now]
    labelled, labelled_now = labelled_names(before), labelled_names(now)
    objects, objects_now = _objects(before), _objects(now)
    kept = [name for name in both if name in labelled and name in labelled_now]
    other = [name for name in kept if objects[name] != objects_now[name]]
    gone = sum((Counter(objects[name]) - Counter(objects_now[name])).total() for name in other)
    new = sum((Counter(objects_now[name]) - Counter(objects[name])).total() for name in other)
    how = f"{gone} gone, {new} new" if gone or new else "in another order"
    joined, joined_now = also_unlabelled_ids(before), also_unlabelled_ids(now)
    for names, what in (
        ([name for name in images if name not in images_now], "are not in it any more"),
        ([name for name in images_now if name not in images], "are new in it"),
        ([name for name in both if _shape(images[name]) != _shape(images_now[name])], "have another id or size"),
        ([name for name in both if name in labelled and name not in labelled_now], "are not labelled any more"),
        ([name for name in both if name in labelled_now and name not in labelled], "are labelled now"),
        (other, f"have other boxes ({how})"),
        (
            [name for name in kept if (images[name]["id"] in joined) != (images_now[name]["id"] in joined_now)],
            "join or leave the unlabelled stream",
        ),
    ):
        if names:
            changes.append(f"{_counted(names)} {what}")
    return changes


def _counted(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{counted(len(names), 'image')} ({', '.join(names[:_SHOWN])}{more})"


def _by_name(coco: dict[str, Any]) -> dict[str, dict]:
    return {image["file_name"]: image for image in coco["images"]}


def _shape(image: dict[str, Any]) -> tuple:
    return image["id"], image["width"], image["height"]


def _objects(coco: dict[str, Any]) -> dict[str, list[tuple]]:
    """File name -> what training reads of each object, in the order of the file."""
    class_of = {category["id"]: category["name"] for category in coco["categories"]}
    name_of = {image["id"]: image["file_name"] for image in coco["images"]}
    found: dict[str, list[tuple]] = defaultdict(list)
    for row in coco["annotations"]:
        if not is_blank(row):
            box = tuple(float(number) for number in row["bbox"])
            label, outline = class_of[row["category_id"]], _plain(row.get("segmentation"))
            found[name_of[row["image_id"]]].append((label, box, row.get("iscrowd", 0), outline))
    return found


def _plain(value: Any) -> str:
    """Canonical text of a JSON value; ``src.data.formats.coco_rows`` keeps long ones undecoded."""
    return json.dumps(msgspec.json.decode(value) if type(value) is msgspec.Raw else value)
