"""Metrics against a plain NumPy oracle and against pycocotools."""

import contextlib
import copy
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from src.data.annotations import Annotations
from src.data.formats.coco_annotations import read_annotations
from src.data.formats.outlines import as_outline, whole_mask
from src.errors import DataError, UserError
from src.evaluation.metrics import evaluate, format_table
from tests.evaluation.scenes import CLASS_NAMES, entry, record, scene

KEYS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
KEYS += ("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large")


def _random_boxes(rng, count, largest) -> np.ndarray:
    corner = rng.uniform(0, 300 - largest, (count, 2)).astype(np.float32)
    return np.concatenate([corner, corner + rng.uniform(2, largest, (count, 2)).astype(np.float32)], axis=1)


def _random_case(seed, classes=3, largest=150, objects=8, crowds=0.15) -> tuple[Annotations, list[dict]]:
    """Objects anywhere; detections near them, of a wrong class now and then, and some out of the blue."""
    rng = np.random.default_rng(seed)
    entries, records = [], []
    for image_id in range(10, 10 + rng.integers(1, 8)):
        count = rng.integers(0, objects + 1)
        boxes, labels = _random_boxes(rng, count, largest), rng.integers(1, classes + 1, count)
        entries.append(entry(image_id, boxes, labels, rng.random(count) < crowds))
        near = boxes + rng.normal(0, 0.08, boxes.shape) * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        guesses = np.concatenate([near, near + 1, _random_boxes(rng, 3, largest)])
        for box in guesses:
            records.append(record(image_id, rng.integers(classes) + 1, box, rng.random()))
        for box, label in zip(near, labels, strict=True):
            records.append(record(image_id, label, box, rng.random()))
    return scene(*entries, classes=classes), records


CASES = [_random_case(seed) for seed in range(12)]
CASES += [_random_case(seed, classes=1) for seed in range(3)]
CASES += [_random_case(seed, largest=25) for seed in range(3)]  # all small
CASES += [_random_case(seed, objects=60, crowds=0.5) for seed in range(3)]  # more than 100 detections, many crowds
CASES += [(_random_case(1)[0], []), (scene(entry(1), entry(2)), [])]


def _file_of(annotations) -> dict:
    """The COCO file that says what the annotations say; rows have an "area" where it is known."""
    images, rows = [], []
    for image in annotations.images:
        images.append(
            {"id": image.image_id, "file_name": image.file_name, "width": image.width, "height": image.height}
        )
        for index, (x1, y1, x2, y2) in enumerate(image.boxes.tolist()):
            category = annotations.category_ids[image.labels[index] - 1]
            row = {"id": len(rows) + 1, "image_id": image.image_id, "category_id": category}
            row |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": int(image.crowd[index])}
            if image.areas is not None and not np.isnan(image.areas[index]):
                row["area"] = float(image.areas[index])
            if image.outlines is not None:
                outline = image.outlines[index]
                box = [[x1, y1, x2, y1, x2, y2, x1, y2]]
                row["segmentation"] = box if outline is None else json.loads(bytes(outline))
            rows.append(row)
    names = zip(annotations.category_ids, annotations.class_names, strict=True)
    return {"images": images, "annotations": rows, "categories": [{"id": i, "name": name} for i, name in names]}


def _pycocotools(file, records, kind="bbox") -> tuple[list, dict]:
    """The twelve numbers of a COCO file, and those of each class; an area that is missing is that of the box or mask."""
    shape = "segmentation" if kind == "segm" else "bbox"
    records = [{key: row[key] for key in ("image_id", "category_id", "score", shape)} for row in records]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(file)
        truth.createIndex()
        for row in truth.dataset["annotations"]:
            mine = coco_masks.area(truth.annToRLE(row)) if kind == "segm" else row["bbox"][2] * row["bbox"][3]
            row.setdefault("area", float(mine))
        found = truth.loadRes(records) if records else COCO()
        evaluation = COCOeval(truth, found, kind)
        evaluation.params.catIds = sorted(truth.cats)
        evaluation.params.imgIds = sorted(truth.imgs)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    per_class = {}
    for index, category in enumerate(evaluation.params.catIds):
        name = truth.cats[category]["name"]
        values = evaluation.eval["precision"][:, :, index, 0, 2]
        sizes = evaluation.eval["precision"][:, :, index, 1:, 2].mean((0, 1))
        per_class[name] = [values.mean(), values[0].mean(), *sizes]
    return list(evaluation.stats), per_class


@pytest.mark.parametrize("case", range(len(CASES)))
def test_agrees_with_pycocotools(case):
    annotations, records = CASES[case]
    metrics = evaluate(annotations, records)
    stats, per_class = _pycocotools(_file_of(annotations), records)
    assert [-1 if metrics[key] is None else metrics[key] for key in KEYS] == pytest.approx(stats, abs=1e-9)
    for name, wanted in per_class.items():
        row = metrics["per_class"][name]
        found = [row[key] for key in ("AP", "AP50", "AP_small", "AP_medium", "AP_large")]
        assert [-1 if value is None else value for value in found] == pytest.approx(wanted, abs=1e-9)


def _sized_file(seed, boxes_alone=False) -> tuple[dict, list[dict]]:
    """Objects of a third to all of their box, on the borders of the sizes too, some crowds, and detections near them."""
    rng = np.random.default_rng(seed)
    images = [{"id": i, "file_name": f"{i}.png", "width": 400, "height": 300} for i in range(1, 6)]
    rows, records = [], []
    for number in range(1, 41):
        image, category = int(rng.integers(1, 6)), int(rng.choice([4, 9]))
        w, h = rng.integers(20, 200, 2).tolist()
        w, h = (32, 32) if number % 8 == 0 else (w, h)
        x, y = int(rng.integers(0, 399 - w)) + number / 100, int(rng.integers(0, 299 - h)) + 0.7
        area = rng.choice([w * h / 3, float(w * h), 32**2, 96**2, 32**2 + 0.5])
        row = {"id": number, "image_id": image, "category_id": category, "bbox": [x, y, w, h]}
        row |= {"iscrowd": int(rng.random() < 0.1)} | ({} if boxes_alone else {"area": float(area)})
        rows.append(row)
        near = [x + rng.normal(0, 4), y + rng.normal(0, 4), w * rng.uniform(0.9, 1.1), h * rng.uniform(0.9, 1.1)]
        for box in (near, [x + rng.normal(0, 2), y, *rng.uniform(20, 120, 2)]):
            found = {"image_id": image, "category_id": category, "bbox": list(map(float, box))}
            records.append(found | {"score": float(rng.random())})
    categories = [{"id": 9, "name": "dog"}, {"id": 4, "name": "cat"}]
    return {"images": images, "annotations": rows, "categories": categories}, records


@pytest.mark.parametrize("boxes_alone", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_scores_of_a_file_agree_with_pycocotools_on_the_same_file(tmp_path, seed, boxes_alone):
    file, records = _sized_file(seed, boxes_alone)
    (tmp_path / "val.json").write_text(json.dumps(file))
    metrics = evaluate(read_annotations(tmp_path / "val.json"), records)
    stats, per_class = _pycocotools(file, records)
    assert [-1 if metrics[key] is None else metrics[key] for key in KEYS] == pytest.approx(stats, abs=1e-9)
    for name, wanted in per_class.items():
        found = [metrics["per_class"][name][key] for key in ("AP", "AP50", "AP_small", "AP_medium", "AP_large")]
        assert [-1 if value is None else value for value in found] == pytest.approx(wanted, abs=1e-9)
    crowds = sum(row["iscrowd"] for row in file["annotations"])
    source, other = ("box", "annotation") if boxes_alone else ("annotation", "box")
    assert metrics["area_from"] == {source: 40 - crowds, other: 0} and metrics["crowds"] == crowds


def test_the_table_says_by_which_area_how_many_objects_are_small_or_large():
    image = entry(1, [(0, 0, 50, 50), (50, 0, 99, 50), (0, 50, 50, 99)], [1, 1, 1], [False, False, True])
    for areas, rule in (
        (None, "by the area of the box (2 objects)"),
        ([300, np.nan, 9], 'by the "area" of the annotation (1 object), by the area of the box (1 object)'),
        ([300, 300, np.nan], 'by the "area" of the annotation (2 objects)'),
    ):
        sized = replace(image, areas=None if areas is None else np.array(areas, float))
        assert f"small, medium and large {rule}\n" in format_table(evaluate(scene(sized), []))


def _masked_case(seed, **more) -> tuple[Annotations, list[dict]]:
    """A random case whose objects and detections are ovals and other polygons in their boxes, crowds run-length encoded."""
    annotations, records = _random_case(seed, **more)
    rng = np.random.default_rng(seed)
    entries = []
    for image in annotations.images:
        outlines = [as_outline(_polygon(rng, box, crowd)) for box, crowd in zip(image.boxes, image.crowd, strict=True)]
        outlines = [None if crowd and rng.random() < 0.2 else o for o, crowd in zip(outlines, image.crowd, strict=True)]
        areas = rng.choice([np.nan, 500.0, 2000.0, 20000.0], len(outlines))
        entries.append(replace(image, outlines=tuple(outlines), areas=areas))
    records = [
        row | {"segmentation": whole_mask(as_outline(_polygon(rng, _corners(row["bbox"]), False)), (300, 300))}
        for row in records
    ]
    return replace(annotations, images=tuple(entries)), records


def _polygon(rng, box, crowd):
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    reach = rng.choice([1.0, 0.8, 0.6], 14) if rng.random() < 0.5 else np.ones(14)
    points = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], 1) / 2 + 0.5
    polygon = [(points * (box[2:] - box[:2]) + box[:2]).ravel().astype(float).tolist()]
    if not crowd:
        return polygon
    mask = coco_masks.decode(whole_mask(as_outline(polygon), (300, 300)))
    changes = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0, append=2))
    return {"size": [300, 300], "counts": np.diff(changes, prepend=0).tolist()}


def _corners(box):
    return np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])


MASKED = [_masked_case(seed) for seed in range(6)] + [_masked_case(7, objects=30, crowds=0.5), (_masked_case(1)[0], [])]


@pytest.mark.parametrize("case", range(len(MASKED)))
def test_masks_agree_with_pycocotools_and_boxes_stay_what_they_are(case):
    annotations, records = MASKED[case]
    metrics = evaluate(annotations, records)
    stats, per_class = _pycocotools(_file_of(annotations), records, "segm")
    found = metrics.pop("segm")
    assert [-1 if found[key] is None else found[key] for key in KEYS] == pytest.approx(stats, abs=1e-9)
    for name, wanted in per_class.items():
        row = [found["per_class"][name][key] for key in ("AP", "AP50", "AP_small", "AP_medium", "AP_large")]
        assert [-1 if value is None else value for value in row] == pytest.approx(wanted, abs=1e-9)
    bare = replace(annotations, images=tuple(replace(image, outlines=None) for image in annotations.images))
    assert metrics == evaluate(bare, records)
    assert [-1 if metrics[key] is None else metrics[key] for key in KEYS] == pytest.approx(
        _pycocotools(_file_of(annotations), records)[0], abs=1e-9
    )
    given = metrics["area_from"]["annotation"]
    assert found["area_from"] == {"annotation": given, "mask": metrics["objects"] - given}


def test_masks_are_scored_where_both_sides_have_them():
    annotations, records = MASKED[0]
    assert "segm" in evaluate(annotations, records)
    assert "segm" not in evaluate(
        annotations, [{k: v for k, v in row.items() if k != "segmentation"} for row in records]
    )
    table = format_table(evaluate(annotations, records))
    assert table.startswith("boxes:\n") and table.count("Average Precision (AP)  IoU 0.50:0.95  all") == 2
    assert f"{evaluate(annotations, records)['segm']['AP50']:.3f}" in table.split("masks:\n")[1]


def test_records_are_left_as_they_were():
    annotations, records = MASKED[2]
    before = copy.deepcopy(records)
    evaluate(annotations, records)
    assert records == before


def _iou(found, box, crowd) -> float:
    width = min(found[2], box[2]) - max(found[0], box[0])
    height = min(found[3], box[3]) - max(found[1], box[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (found[2] - found[0]) * (found[3] - found[1])
    union = area if crowd else area + (box[2] - box[0]) * (box[3] - box[1]) - width * height
    return width * height / union


def _oracle_ap(annotations, records, label, threshold) -> float | None:
    """Average precision of one class at one IoU: greedy matching, 101 recall points; crowds swallow detections."""
    hits, total = [], 0
    for image in annotations.images:
        rows = [index for index in range(len(image.labels)) if image.labels[index] == label]
        objects = [index for index in rows if not image.crowd[index]]
        crowds = [index for index in rows if image.crowd[index]]
        total += len(objects)
        category = annotations.category_ids[label - 1]
        mine = [row for row in records if row["image_id"] == image.image_id and row["category_id"] == category]
        for row in sorted(mine, key=lambda row: -row["score"])[:100]:
            x, y, width, height = row["bbox"]
            found = (x, y, x + width, y + height)
            ious = [(_iou(found, image.boxes[index].astype(float), False), index) for index in objects]
            best, chosen = max(ious, default=(0, None))
            if best >= threshold:
                objects.remove(chosen)
                hits.append((row["score"], True))
            elif not any(_iou(found, image.boxes[index].astype(float), True) >= threshold for index in crowds):
                hits.append((row["score"], False))
    if total == 0:
        return None
    hits.sort(key=lambda hit: -hit[0])
    right = np.cumsum([hit for _, hit in hits]) if hits else np.zeros(0)
    precision = right / np.arange(1, len(hits) + 1)
    points = [max(precision[right / total >= point], default=0.0) for point in np.linspace(0, 1, 101)]
    return float(np.mean(points))


@pytest.mark.parametrize("case", range(12))
def test_agrees_with_the_oracle(case):
    annotations, records = CASES[case]
    metrics = evaluate(annotations, records)
    for label, name in enumerate(annotations.class_names, start=1):
        thresholds = np.linspace(0.5, 0.95, 10)
        values = [_oracle_ap(annotations, records, label, threshold) for threshold in thresholds]
        row = metrics["per_class"][name]
        if values[0] is None:
            assert row["AP"] is None and row["AP50"] is None
        else:
            assert row["AP50"] == pytest.approx(values[0], abs=1e-9)
            assert row["AP"] == pytest.approx(np.mean(values), abs=1e-9)


def test_perfect_detections_score_one_and_classes_without_objects_are_left_out():
    annotations = scene(entry(1, [(0, 0, 50, 50)], [1]), entry(2))
    metrics = evaluate(annotations, [record(1, 1, (0, 0, 50, 50), 0.9)])
    assert metrics["AP"] == metrics["AP50"] == metrics["AR_1"] == metrics["AP_medium"] == 1.0
    assert metrics["AP_small"] is None
    nothing = dict.fromkeys(("AP", "AP50", "AP_small", "AP_medium", "AP_large"))
    assert metrics["per_class"]["cat"] == nothing | {"AP": 1.0, "AP50": 1.0, "AP_medium": 1.0, "objects": 1}
    assert metrics["per_class"]["hund"] == nothing | {"objects": 0}
    assert (metrics["images"], metrics["objects"], metrics["detections"]) == (2, 1, 1)


def test_scores_belong_to_their_class_when_category_ids_do_not_rise_with_labels():
    """As it is when a class that the file lacks comes first and gets the id after the last one."""
    annotations, records = _random_case(3)
    expected = evaluate(annotations, records)["per_class"]
    order = (2, 0, 1)  # the class of the new label 1, 2, 3
    entries = [replace(entry, labels=np.array([2, 3, 1], np.int32)[entry.labels - 1]) for entry in annotations.images]
    names, ids = (tuple(old[place] for place in order) for old in (annotations.class_names, annotations.category_ids))
    assert evaluate(Annotations(names, ids, tuple(entries)), records)["per_class"] == expected
    assert len({row["AP"] for row in expected.values()}) == 3


def test_nothing_detected_scores_zero_and_the_table_says_so():
    metrics = evaluate(scene(entry(1, [(0, 0, 50, 50)], [2])), [])
    assert metrics["AP"] == metrics["AR_100"] == 0.0
    assert "Nothing was detected" in format_table(metrics)


def test_eighty_classes():
    names = tuple(f"class {index}" for index in range(80))
    annotations = Annotations(names, tuple(range(1, 91))[-80:], (entry(1, [(0, 0, 50, 50)], [80]),))
    metrics = evaluate(annotations, [record(1, 1, (0, 0, 50, 50), 0.9) | {"category_id": 90}])
    assert metrics["AP"] == 1.0 and len(metrics["per_class"]) == 80


def test_the_table_shows_every_number():
    metrics = evaluate(*CASES[0])
    table = format_table(metrics)
    assert all(name in table for name in CLASS_NAMES)
    assert all(f"{metrics[key]:.3f}" in table for key in KEYS if metrics[key] is not None)
    assert len(table.splitlines()) == 12 + 1 + 1 + 4 + 2


def test_where_there_is_no_object_to_find_the_table_says_so():
    crowd = entry(1, [(0, 0, 50, 50)], [1], [True])
    for records in ([], [record(1, 1, (0, 0, 50, 50), 0.9)]):
        metrics = evaluate(scene(crowd, entry(2)), records)
        assert metrics["AP"] is None and (metrics["objects"], metrics["crowds"]) == (0, 1)
        table = format_table(metrics)
        assert f"images: 2, objects: 0, crowds: 1, detections: {len(records)}\nThere is no object to find" in table
        assert "small, medium and large by" not in table and "Nothing was detected" not in table


def test_unlabelled_images_are_refused_by_name():
    with pytest.raises(DataError, match=r"(?s)unlabelled images.*2 ü\.png"):
        evaluate(scene(entry(1), replace(entry(2), labelled=False)), [])


def test_a_file_without_images_is_refused():
    with pytest.raises(UserError, match="no images"):
        evaluate(scene(), [])
