"""Which images of a COCO file are labelled, and how labels are hidden.

Unlabelled is ``"labelled": false`` on an entry in "images". ``"labelled": true`` says that somebody has reviewed the image,
which an entry without boxes does not say by itself: exporters write the same for an image that nobody has opened yet. The
reference's form (annotation rows with category_id -1 and a zero box) is read too. ``"also_unlabelled": true`` on a labelled
image puts it into the unlabelled stream as well (policy 2 of random_select.py and pick_select.py).
"""

from typing import Any

# What may stay of an image whose label is hidden; fields of other tools could say what is in the image.
_HIDDEN_IMAGE_KEYS = ("id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured")
# Some data sets (LVIS) count images and instances in their categories.
_CATEGORY_KEYS = ("id", "name", "supercategory", "keypoints", "skeleton")


def is_blank(row: dict[str, Any]) -> bool:
    """Whether an annotation row only says "this image is unlabelled" (the reference's form: category -1, zero box)."""
    return row.get("category_id") == -1 and row.get("bbox") == [0, 0, 0, 0]


def hide_labels(coco: dict[str, Any], labelled_ids: set[int], also_unlabelled: bool = False) -> dict[str, Any]:
    """A copy of a COCO file in which only the images of ``labelled_ids`` keep their labels.

    These keep ``"labelled": true`` where their entries say it. The others get ``"labelled": false`` and lose every
    annotation row and every field that is not about the file itself. Annotation ids are numbered again, because gaps would
    show how many objects hidden images have.

    Args:
        coco: a checked file (``read_coco``); it is not changed.
        labelled_ids: ids of the images that stay labelled.
        also_unlabelled: whether these join the unlabelled stream as well (policy 2).
    """
    images = []
    for image in coco["images"]:
        if image["id"] in labelled_ids:
            kept = {key: value for key, value in image.items() if key not in ("labelled", "also_unlabelled")}
            reviewed = {"labelled": True} if image.get("labelled") is True else {}
            images.append(kept | reviewed | ({"also_unlabelled": True} if also_unlabelled else {}))
        else:
            images.append({key: image[key] for key in _HIDDEN_IMAGE_KEYS if key in image} | {"labelled": False})
    rows = [row for row in coco["annotations"] if row["image_id"] in labelled_ids and not is_blank(row)]
    described = {key: coco[key] for key in ("info", "licenses") if key in coco}
    return described | {
        "images": images,
        "annotations": [row | {"id": number} for number, row in enumerate(rows, start=1)],
        "categories": [{key: row[key] for key in _CATEGORY_KEYS if key in row} for row in coco["categories"]],
    }


def is_labelled(image: dict[str, Any], has_objects: bool, has_blank_rows: bool) -> bool:
    """Whether an entry of "images" counts as labelled, by its mark or, without one, by its annotation rows."""
    return image.get("labelled", has_objects or not has_blank_rows)


def joins_unlabelled(image: dict[str, Any], has_objects: bool, has_blank_rows: bool) -> bool:
    """Whether a labelled entry of "images" joins the unlabelled stream as well (policy 2)."""
    return image.get("also_unlabelled", has_objects and has_blank_rows)


def unlabelled_ids(coco: dict[str, Any]) -> set[int]:
    """Ids of the images of a checked COCO file whose objects are not known."""
    real, blank = _with_objects(coco), _with_blank_rows(coco)
    return {
        image["id"] for image in coco["images"] if not is_labelled(image, image["id"] in real, image["id"] in blank)
    }


def also_unlabelled_ids(coco: dict[str, Any]) -> set[int]:
    """Ids of the labelled images of a checked COCO file that join the unlabelled stream as well (policy 2)."""
    real, blank = _with_objects(coco), _with_blank_rows(coco)
    joined = {
        image["id"] for image in coco["images"] if joins_unlabelled(image, image["id"] in real, image["id"] in blank)
    }
    return joined - unlabelled_ids(coco)


def _with_objects(coco: dict[str, Any]) -> set[int]:
    return {row["image_id"] for row in coco["annotations"] if not is_blank(row)}


def _with_blank_rows(coco: dict[str, Any]) -> set[int]:
    return {row["image_id"] for row in coco["annotations"] if is_blank(row)}


def count_rows(coco: dict[str, Any]) -> tuple[int, int]:
    """``count_boxes`` of the annotation rows of a checked COCO file without blank ones, such as ``hide_labels`` gives."""
    crowds = sum(bool(row.get("iscrowd", 0)) for row in coco["annotations"])
    return len(coco["annotations"]) - crowds, crowds
