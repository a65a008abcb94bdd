"""COCO's metrics of boxes and of masks, over all classes and per class."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from src.data.annotations import Annotations, count_boxes, has_outlines
from src.data.checks.consistency import check_labelled
from src.data.formats.coco_annotations import to_coco
from src.wording import counted

SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}  # pixels of ``object_areas``
_AREAS = ("all", *SIZES)
_AREA_TITLES = ("all", "small: area < 32^2 px", "medium: 32^2 to 96^2 px", "large: area > 96^2 px")
_LIMITS = (1, 10, 100)  # detections per image
AreaSource = Literal["annotation", "box", "mask"]
_AREA_SOURCE_NAMES = {
    "annotation": 'the "area" of the annotation',
    "box": "the area of the box",
    "mask": "the area of the mask",
}


def evaluate(annotations: Annotations, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Average precision and recall of detections.

    Args:
        annotations: ground truth; crowds are ignore regions. Objects are small or large by the area that their
            annotations give, as in COCO's tools; where one gives none, by that of the box (of the mask, for masks).
        records: COCO result records (``src.evaluation.records.coco_records``).

    Returns:
        "AP" (mean over IoU .50:.95), "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_1", "AR_10", "AR_100",
        "AR_small", "AR_medium", "AR_large", all 0 to 1; None without objects. "per_class" holds "AP",
        "AP50", "AP_small", "AP_medium", "AP_large" and the number of "objects" by class name; "images", "objects", "crowds"
        and "detections" are counts, and "area_from" says how many objects have their area from the "annotation", how many
        from the "box" or "mask". With outlines in the ground truth and a mask in each record, "segm" holds the same for masks.

    Raises:
        UserError: there are no images.
        DataError: unlabelled images.
    """
    check_labelled(annotations)
    metrics = _measure(annotations, records, "bbox")
    if has_outlines(annotations) and all("segmentation" in record for record in records):
        metrics["segm"] = _measure(annotations, records, "segm")
    return metrics


def _measure(
    annotations: Annotations, records: Sequence[dict[str, Any]], kind: Literal["bbox", "segm"]
) -> dict[str, Any]:
    truth = COCO(to_coco(annotations, masks=kind == "segm"))
    shape = "bbox" if kind == "bbox" else "segmentation"
    # COCO's tools write into the records that they get, and if a record has a box too, they take a mask's size from it.
    found = [{key: record[key] for key in ("image_id", "category_id", shape, "score")} for record in records]
    evaluation = COCOeval_faster(truth, truth.loadRes(found), kind)
    evaluation.params.catIds = list(annotations.category_ids)
    evaluation.params.maxDets = list(_LIMITS)
    evaluation.evaluate()
    evaluation.accumulate()
    shape = (len(evaluation.params.iouThrs), -1, len(annotations.category_ids), len(_AREAS), len(_LIMITS))
    precision = np.asarray(evaluation.eval["precision"]).reshape(shape)  # IoU, recall, class, area, limit
    recall = np.asarray(evaluation.eval["recall"]).reshape(shape[:1] + shape[2:])  # IoU, class, area, limit
    # COCO's tools sort classes by category id, which is not the order of the labels in every data set.
    places = np.argsort(np.argsort(annotations.category_ids))
    precision, recall = precision[:, :, places], recall[:, places]
    objects, crowds = _count_objects(annotations), count_boxes(annotations.images)[1]
    per_class = {
        name: {
            "AP": _mean(precision[:, :, index, 0, -1]),
            "AP50": _mean(precision[0, :, index, 0, -1]),
            **{f"AP_{area}": _mean(precision[:, :, index, size, -1]) for size, area in enumerate(_AREAS) if size},
            "objects": objects[index],
        }
        for index, name in enumerate(annotations.class_names)
    }
    return {
        "AP": _mean(precision[..., 0, -1]),
        "AP50": _mean(precision[0, ..., 0, -1]),
        "AP75": _mean(precision[5, ..., 0, -1]),
        **{f"AP_{area}": _mean(precision[..., index, -1]) for index, area in enumerate(_AREAS) if index},
        **{f"AR_{limit}": _mean(recall[..., 0, index]) for index, limit in enumerate(_LIMITS)},
        **{f"AR_{area}": _mean(recall[..., index, -1]) for index, area in enumerate(_AREAS) if index},
        "per_class": per_class,
        "images": len(annotations.images),
        "objects": sum(objects),
        "crowds": crowds,
        "detections": len(records),
        "area_from": _area_sources(annotations, "box" if kind == "bbox" else "mask"),
    }


def format_table(metrics: dict[str, Any]) -> str:
    """The metrics of ``evaluate`` as text: COCO's twelve lines and a line per class; of boxes, then of masks if any."""
    blocks = {"boxes:\n": metrics, "masks:\n": metrics["segm"]} if "segm" in metrics else {"": metrics}
    lines = [title + _format_block(block) for title, block in blocks.items()]
    counts = [key for key in ("images", "objects", "crowds", "detections") if key != "crowds" or metrics[key]]
    lines.append(", ".join(f"{key}: {metrics[key]}" for key in counts))
    if metrics["objects"] == 0:
        lines[-1] += "\nThere is no object to find in these images, so nothing can be scored."
    elif metrics["detections"] == 0:
        lines[-1] += "\nNothing was detected in any image; has this network been trained, and for these classes?"
    return "\n\n".join(lines)


def size_rule(area_from: Mapping[AreaSource, int]) -> str:
    """How many objects are small, medium or large by which area, in words; empty without objects. `area_from`: of ``evaluate``."""
    rules = [
        f"{_AREA_SOURCE_NAMES[source]} ({counted(count, 'object')})" for source, count in area_from.items() if count
    ]
    return f"small, medium and large by {', by '.join(rules)}" if rules else ""


def _format_block(metrics: dict[str, Any]) -> str:
    lines = []
    for key, iou, area, limit in _summary_lines():
        kind = "Average Precision (AP)" if key.startswith("AP") else "Average Recall    (AR)"
        lines.append(f"{kind}  IoU {iou:<9}  {area:<24} at most {limit:>3} per image  {_number(metrics[key])}")
    if rule := size_rule(metrics["area_from"]):
        lines.append(rule)
    width = max([len("class"), *map(len, metrics["per_class"])])
    lines += ["", f"{'class':<{width}}  objects      AP    AP50"]
    for name, row in metrics["per_class"].items():
        lines.append(f"{name:<{width}}  {row['objects']:>7}  {_number(row['AP'])}  {_number(row['AP50'])}")
    return "\n".join(lines)


def _summary_lines() -> list[tuple[str, str, str, int]]:
    """Key, IoU, area and limit of each line, in COCO's order."""
    iou_range = "0.50:0.95"
    lines = [("AP", iou_range, 0, 100), ("AP50", "0.50", 0, 100), ("AP75", "0.75", 0, 100)]
    lines += [(f"AP_{_AREAS[index]}", iou_range, index, 100) for index in (1, 2, 3)]
    lines += [(f"AR_{limit}", iou_range, 0, limit) for limit in _LIMITS]
    lines += [(f"AR_{_AREAS[index]}", iou_range, index, 100) for index in (1, 2, 3)]
    return [(key, iou, _AREA_TITLES[area], limit) for key, iou, area, limit in lines]


def _count_objects(annotations: Annotations) -> list[int]:
    """Objects of each class, crowds left out."""
    labels = [entry.labels[~entry.crowd] for entry in annotations.images]
    return np.bincount(np.concatenate(labels), minlength=len(annotations.class_names) + 1)[1:].tolist()


def _area_sources(annotations: Annotations, instead: AreaSource) -> dict[AreaSource, int]:
    """How many objects have an area in their annotation, and how many take it from `instead`."""
    known = [~np.isnan(entry.areas[~entry.crowd]) for entry in annotations.images if entry.areas is not None]
    given = int(sum(column.sum() for column in known))
    return {"annotation": given, instead: count_boxes(annotations.images)[0] - given}


def _mean(values: np.ndarray) -> float | None:
    """Mean of the defined values (-1 marks undefined ones), None if there are none."""
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else None


def _number(value: float | None) -> str:
    return "   n/a" if value is None else f"{value:6.3f}"
