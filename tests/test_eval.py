"""eval.py from files to files, on a tiny network with random weights: a checkpoint, exported models, foreign results."""

import json
import sys

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import eval as evaluation_script
from src.data.formats.coco_annotations import read_annotations
from src.evaluation.metrics import evaluate
from src.report.csv_tables import TABLES


def _arguments(detector, data, output, **changes) -> list[str]:
    values = {
        "checkpoint_path": detector,
        "eval_img_dir": data.img_dir,
        "eval_ann_file": data.val_file,
        "eval_output_dir": output,
        "device_target": "CPU",
    } | changes
    return [word for key, value in values.items() if value is not None for word in (f"--{key}", str(value))]


def _refusal(arguments, capsys) -> str:
    with pytest.raises(SystemExit) as stopped:
        evaluation_script.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_it_writes_records_and_the_metrics_of_these_records(scored, tiny_data):
    output = scored.folder
    records = json.loads((output / "eval_results.json").read_text())
    metrics = json.loads((output / "metrics.json").read_text())
    annotations = read_annotations(tiny_data.val_file)
    again = evaluate(annotations, records)
    assert metrics["detections"] == len(records) > 0 and metrics["images"] == 5
    assert {key: metrics[key] for key in again} == again
    sizes = {entry.image_id: (entry.width, entry.height) for entry in annotations.images}
    assert {record["category_id"] for record in records} <= {4, 5}
    for record in records:
        x, y, width, height = record["bbox"]
        assert x >= 0 and y >= 0 and width > 0 and height > 0
        assert x + width <= sizes[record["image_id"]][0] + 0.002 and y + height <= sizes[record["image_id"]][1] + 0.002


def test_it_prints_the_table_with_each_class(scored):
    output, printed = scored.folder, scored.printed
    assert (output / "metrics.txt").read_text() in printed
    assert "square" in printed and "circle" in printed and "Average Precision" in printed


def test_it_keeps_older_scores(scored, tiny_detector, tiny_data, capsys):
    output = scored.folder
    before = (output / "metrics.json").read_bytes()
    assert "--overwrite" in _refusal(_arguments(tiny_detector, tiny_data, output), capsys)
    assert (output / "metrics.json").read_bytes() == before


def test_nothing_detected_scores_zero(tiny_detector, tiny_data, tmp_path, capsys):
    evaluation_script.main(_arguments(tiny_detector, tiny_data, tmp_path, test_score_thr=1.0))
    assert json.loads((tmp_path / "eval_results.json").read_text()) == []
    assert json.loads((tmp_path / "metrics.json").read_text())["AP"] == 0.0
    assert "Nothing was detected" in capsys.readouterr().out


def test_a_text_file_with_classes_in_another_order_scores_as_the_coco_file(
    scored, tiny_detector, tiny_data, tmp_path, capsys
):
    names = ("background", "circle", "square")
    known, lines = read_annotations(tiny_data.val_file), []
    for entry in known.images:
        words = [entry.file_name]
        for box, label in zip(entry.boxes.tolist(), entry.labels, strict=True):
            words.append(",".join(map(str, [*box, names.index(known.class_names[label - 1])])))
        lines.append(" ".join(words))
    (tmp_path / "val.txt").write_text("\n".join(lines), encoding="utf-8")
    changes = {"eval_ann_file": tmp_path / "val.txt", "class_names": ",".join(names), "test_batch_size": 2}
    changes["mindrecord_dir"] = tmp_path / "caches"
    evaluation_script.main(_arguments(tiny_detector, tiny_data, tmp_path / "scores", **changes))
    metrics, expected = (
        json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path / "scores", scored.folder)
    )
    assert metrics["per_class"] == expected["per_class"] and metrics["AP"] == expected["AP"]
    said = capsys.readouterr().out
    assert "of its class numbers 0 is background, 1 is circle, 2 is square" in said
    assert "5 images of" in said and "are read from the MindRecord cache" in said


def test_other_classes_are_refused(tiny_detector, tiny_data, tmp_path, capsys):
    coco = json.loads(tiny_data.val_file.read_text())
    coco["categories"][0]["name"] = "triangle"
    (tmp_path / "other.json").write_text(json.dumps(coco))
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, eval_ann_file=tmp_path / "other.json"), capsys)
    assert "triangle" in said and "is not one of the classes square, circle" in said


def test_unlabelled_images_and_missing_files_are_refused(tiny_detector, tiny_data, tmp_path, capsys):
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, eval_ann_file=tiny_data.train_file), capsys)
    assert "unlabelled" in said
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, eval_img_dir=tmp_path), capsys)
    assert "it holds no images" in said
    said = _refusal(_arguments(tmp_path / "none.ckpt", tiny_data, tmp_path), capsys)
    assert "none.ckpt" in said


# ---- exported models and results of other programs ----


@pytest.mark.parametrize("file_format", ["MINDIR", "ONNX"])
def test_an_exported_model_scores_as_its_checkpoint(exported, scored, tiny_data, tmp_path, file_format, capsys):
    model = exported[file_format]
    evaluation_script.main(_arguments(None, tiny_data, tmp_path, model=model))
    metrics, wanted = (json.loads((path / "metrics.json").read_text()) for path in (tmp_path, scored.folder))
    for key in ("AP", "AP50", "AP75", "AR_100"):
        assert metrics[key] == pytest.approx(wanted[key], abs=1e-3)
    assert metrics["detections"] == wanted["detections"]
    assert (metrics["model"], metrics["checkpoint"], metrics["step"]) == (str(model), "best_model.ckpt", 4)
    records, others = (json.loads((path / "eval_results.json").read_text()) for path in (tmp_path, scored.folder))
    order = [
        sorted(rows, key=lambda row: (row["image_id"], row["category_id"], row["bbox"])) for rows in (records, others)
    ]
    for one, other in zip(*order, strict=True):
        assert (one["image_id"], one["category_id"]) == (other["image_id"], other["category_id"])
        assert one["bbox"] == pytest.approx(other["bbox"], abs=0.02) and one["score"] == pytest.approx(
            other["score"], abs=1e-4
        )
    assert str(model) in capsys.readouterr().out


def test_the_results_that_are_scored_are_never_replaced(tiny_data, tmp_path, capsys):
    results = tmp_path / "eval_results.json"
    results.write_text("[]")
    with pytest.raises(SystemExit):
        evaluation_script.main(
            [*_arguments(None, tiny_data, tmp_path, results=results, eval_img_dir=None), "--overwrite"]
        )
    assert "is the file of --results, which would be replaced" in capsys.readouterr().err
    assert results.read_text() == "[]"


def test_results_of_another_program_are_scored_as_ours(scored, tiny_data, tmp_path):
    results = scored.folder / "eval_results.json"
    words = _arguments(None, tiny_data, tmp_path, results=results, eval_img_dir=None)
    evaluation_script.main(words)
    wanted = json.loads((scored.folder / "metrics.json").read_text())
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics.pop("results") == str(results)
    assert metrics == {key: value for key, value in wanted.items() if key not in ("checkpoint", "step")}
    assert json.loads((tmp_path / "eval_results.json").read_text()) == json.loads(results.read_text())
    assert (tmp_path / "metrics.txt").read_text() == (scored.folder / "metrics.txt").read_text()


def test_sizes_are_those_of_pycocotools_on_the_same_file(tiny_data, tmp_path, capsys):
    coco = json.loads(tiny_data.val_file.read_text())
    for image in coco["images"]:
        image |= {"width": 300, "height": 250}
    for row in coco["annotations"]:
        row["bbox"] = [5 * value for value in row["bbox"]]  # 50 x 50 pixels, most of them background
        row["area"] = [700.0, 1024, 2400][row["id"] % 3]
    (tmp_path / "val.json").write_text(json.dumps(coco))
    found = [
        {key: row[key] for key in ("image_id", "category_id")}
        | {"bbox": [x + 4, y, w, h], "score": 1 / (1 + row["id"])}
        for row in coco["annotations"]
        for x, y, w, h in [row["bbox"]]
    ]
    (tmp_path / "found.json").write_text(json.dumps(found))
    words = {"results": tmp_path / "found.json", "eval_img_dir": None, "eval_ann_file": tmp_path / "val.json"}
    evaluation_script.main(_arguments(None, tiny_data, tmp_path / "scores", **words))
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    oracle = COCOeval(truth := COCO(str(tmp_path / "val.json")), truth.loadRes(str(tmp_path / "found.json")), "bbox")
    oracle.evaluate()
    oracle.accumulate()
    oracle.summarize()
    wanted = dict(zip(("AP_small", "AP_medium", "AP_large"), oracle.stats[3:6].tolist(), strict=True))
    assert {key: -1 if metrics[key] is None else pytest.approx(metrics[key]) for key in wanted} == wanted
    assert 0 < metrics["AP_small"] < 1 and metrics["area_from"] == {"annotation": 10, "box": 0}
    assert 'small, medium and large by the "area" of the annotation (10 objects)' in capsys.readouterr().out


def test_a_file_without_objects_is_said_to_have_nothing_to_score(tiny_data, tmp_path, capsys):
    coco = json.loads(tiny_data.val_file.read_text())
    for row in coco["annotations"]:
        row["iscrowd"] = 1
    (tmp_path / "val.json").write_text(json.dumps(coco))
    (tmp_path / "found.json").write_text("[]")
    words = {"results": tmp_path / "found.json", "eval_img_dir": None, "eval_ann_file": tmp_path / "val.json"}
    evaluation_script.main(_arguments(None, tiny_data, tmp_path / "scores", **words))
    said = capsys.readouterr().out
    assert "objects: 0, crowds: 10, detections: 0\nThere is no object to find in these images" in said


def _with_outlines(rows: list[dict]) -> list[dict]:
    """The rows, each with its box as its segmentation."""
    corners = [
        (row, row["bbox"][0], row["bbox"][1], *np.add(row["bbox"][:2], row["bbox"][2:]).tolist()) for row in rows
    ]
    return [row | {"segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]]} for row, x1, y1, x2, y2 in corners]


def test_masks_of_another_program_are_scored_beside_boxes(tiny_data, tmp_path, capsys):
    coco = json.loads(tiny_data.val_file.read_text())
    rows = _with_outlines(coco["annotations"])
    (tmp_path / "val.json").write_text(json.dumps(coco | {"annotations": rows}))
    keys = ("image_id", "category_id", "bbox", "segmentation")
    found = [{key: row[key] for key in keys} | {"score": 0.5} for row in rows]
    found[0] |= {"segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]}  # right box, wrong mask
    (tmp_path / "found.json").write_text(json.dumps(found))
    words = {"results": tmp_path / "found.json", "eval_img_dir": None, "eval_ann_file": tmp_path / "val.json"}
    evaluation_script.main(_arguments(None, tiny_data, tmp_path / "masks", **words, system="mask_rcnn"))
    metrics = json.loads((tmp_path / "masks" / "metrics.json").read_text())
    assert metrics["AP"] == 1.0 and 0.5 < metrics["segm"]["AP"] < 1.0
    assert (tmp_path / "masks" / "metrics.txt").read_text() in capsys.readouterr().out
    records = json.loads((tmp_path / "masks" / "eval_results.json").read_text())
    assert all(set(record["segmentation"]) == {"size", "counts"} for record in records)
    said = _refusal(
        _arguments(
            None, tiny_data, tmp_path / "none", **words | {"eval_ann_file": tiny_data.val_file}, system="mask_rcnn"
        ),
        capsys,
    )
    assert "val.json: 1 fault" in said and "objects has a mask" in said


@pytest.fixture(scope="module")
def reported(scored, tiny_data, tmp_path_factory):
    """A report on results alone, with pictures."""
    folder = tmp_path_factory.mktemp("reported")
    words = {"results": scored.folder / "eval_results.json", "report": folder / "report"}
    evaluation_script.main(_arguments(None, tiny_data, folder, **words))
    return folder / "report"


def test_results_alone_get_a_report_with_and_without_images(reported, scored, tiny_data, tmp_path, capsys):
    page = (reported / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" in page and "AP50" in page and str(scored.folder) in page
    assert {path.name for path in reported.iterdir()} == {"report.html", *TABLES}
    words = {"results": scored.folder / "eval_results.json", "report": tmp_path / "plain", "eval_img_dir": None}
    evaluation_script.main(_arguments(None, tiny_data, tmp_path, **words))
    page = (tmp_path / "plain" / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" not in page and "--eval_img_dir" in page
    assert f"report: {tmp_path / 'plain' / 'report.html'}" in capsys.readouterr().out


def test_checkpoints_and_exported_models_get_a_report(tiny_detector, exported, tiny_data, tmp_path):
    for name, source in (("checkpoint", {}), ("model", {"checkpoint_path": None, "model": exported["ONNX"]})):
        folder = tmp_path / name
        evaluation_script.main(_arguments(tiny_detector, tiny_data, folder, report=folder / "report", **source))
        page = (folder / "report" / "report.html").read_text(encoding="utf-8")
        assert f"{name} {source.get('model', tiny_detector)}" in page and "5 images" in page
        assert {path.name for path in (folder / "report").iterdir()} == {"report.html", *TABLES}


def test_an_older_report_stops_it_before_any_work(reported, scored, tiny_detector, tiny_data, tmp_path, capsys):
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, report=reported), capsys)
    assert "report.html" in said and "--overwrite" in said and not list(tmp_path.iterdir())
    results = scored.folder / "eval_results.json"
    words = {"results": results, "report": tmp_path / "new", "eval_img_dir": tmp_path}
    assert "it holds no images" in _refusal(_arguments(None, tiny_data, tmp_path, **words), capsys)


def test_there_is_one_source_of_detections(tiny_detector, tiny_data, tmp_path, capsys):
    said = _refusal(_arguments(None, tiny_data, tmp_path), capsys)
    assert "--checkpoint_path, --model, --results" in said
    said = _refusal(_arguments(tiny_detector, tiny_data, tmp_path, results="a.json"), capsys)
    assert "are given: --checkpoint_path, --results" in said
    said = _refusal(
        _arguments(None, tiny_data, tmp_path, model="a.onnx", eval_img_dir=None, eval_ann_file=None), capsys
    )
    assert "--eval_ann_file" in said and "--eval_img_dir" in said


def test_models_that_cannot_be_run_are_refused_in_one_line(tiny_data, tmp_path, capsys, monkeypatch):
    def refusal(model, **changes):
        said = _refusal(_arguments(None, tiny_data, tmp_path / "scores", model=model, **changes), capsys)
        assert said.count("\n") == 1, said
        return said

    assert "no such model" in refusal(tmp_path / "none.mindir")
    assert "not .air" in refusal(tmp_path / "faces.air") and "without a suffix" in refusal(tmp_path / "faces")
    assert "on the CPU, not on GPU" in refusal(tmp_path / "faces.onnx", device_target="GPU")
    (tmp_path / "bare.onnx").write_bytes(b"weights")
    assert "bare.json: missing" in refusal(tmp_path / "bare.onnx")
    for package in ("onnxruntime", "openvino"):
        monkeypatch.setitem(sys.modules, package, None)
    assert "need openvino or onnxruntime, and none of them is installed" in refusal(tmp_path / "bare.onnx")


def test_an_unusual_share_of_images_without_boxes_is_doubted(tmp_path, capsys):
    images = [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 50} for i in range(1, 9)]
    rows = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 9, 9]} for i in range(1, 5)]
    truth = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    record = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.5}
    (tmp_path / "found.json").write_text(json.dumps([record]))
    words = ["--results", str(tmp_path / "found.json"), "--eval_ann_file", str(tmp_path / "truth.json")]
    evaluation_script.main([*words, "--eval_output_dir", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert "suspicious: 4 of the 8 labelled images have no box, such as 5.png, 6.png, 7.png and 1 more" in said


def test_images_that_cannot_be_decoded_are_left_out_and_listed(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "good.png"), np.full((50, 50, 3), 90, np.uint8))
    (tmp_path / "broken.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    images = [
        {"id": i, "file_name": name, "width": 50, "height": 50} for i, name in ((1, "good.png"), (2, "broken.png"))
    ]
    rows = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 9, 9]} for i in (1, 2)]
    truth = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps([rows[0] | {"score": 0.5}]))
    words = [
        "--results",
        tmp_path / "found.json",
        "--eval_ann_file",
        tmp_path / "truth.json",
        "--eval_img_dir",
        tmp_path,
    ]
    words += ["--leave_out_faulty", "true", "--faulty_at_most", "60", "--eval_output_dir", tmp_path / "out"]
    evaluation_script.main(list(map(str, words)))
    assert "left out 1 of 2 images" in capsys.readouterr().out
    assert "broken.png" in (tmp_path / "out" / "left_out.json").read_text()
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["images"] == 1


def test_the_path_of_labels_is_printed_once(tmp_path, capsys):
    images, labels = tmp_path / "images", tmp_path / "annotations"
    images.mkdir()
    labels.mkdir()
    cv2.imwrite(str(images / "a.png"), np.full((20, 30, 3), 1, np.uint8))
    box = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    size = "<size><width>30</width><height>20</height><depth>3</depth></size>"
    (labels / "a.xml").write_text(
        f"<annotation><filename>a.png</filename>{size}<object><name>cat</name>{box}</object></annotation>"
    )
    (tmp_path / "found.json").write_text('[{"image_id": 1, "category_id": 1, "bbox": [1, 1, 8, 8], "score": 0.5}]')
    words = ["--results", tmp_path / "found.json", "--eval_ann_file", labels, "--eval_img_dir", images]
    evaluation_script.main([*map(str, words), "--eval_output_dir", str(tmp_path / "out")])
    assert f" on Pascal VOC, the folder {labels}:" in capsys.readouterr().out
