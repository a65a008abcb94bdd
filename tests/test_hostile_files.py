"""Readers of everything but checkpoints survive what people feed them: they read it, or refuse it by name."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from src.active.acquisition import acquire
from src.active.detections_file import read_detections
from src.active.picking import pick_list
from src.active.strategies.pool import Options, Pool
from src.config.load import load_config
from src.data.checks.coco.coco_faults import coco_faults
from src.data.checks.suspicious_labels import suspicions
from src.data.formats.coco import read_coco
from src.data.formats.coco_annotations import read_annotations, to_coco
from src.data.formats.label_states import hide_labels
from src.data.formats.outlines import rasterise
from src.data.formats.reading import read_data
from src.data.formats.voc import read_voc
from src.data.images import image_size, read_image
from src.errors import UserError
from src.evaluation.results_file import read_results
from src.exporting.metadata_file import read_model_metadata
from src.report.stages import read_stages
from src.yaml_file import read_yaml
from tests.hostile import damaged, documents, survives

ROOT = Path(__file__).resolve().parents[1]
CHEAP = settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
COCO = {
    "info": {"year": 2026},
    "images": [
        {"id": 1, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 2, "file_name": "b/c.png", "width": 40, "height": 30, "labelled": False},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 12], "iscrowd": 0, "area": 120},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [3, 2, 10.5, 9], "iscrowd": 1},
        {"id": 3, "image_id": 2, "category_id": -1, "bbox": [0, 0, 0, 0]},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
}
MASKED = COCO | {
    "annotations": [
        COCO["annotations"][0] | {"segmentation": [[1, 2, 11, 2, 11, 14], [1, 3, 5, 14, 1.5, 14]]},
        COCO["annotations"][1] | {"segmentation": {"size": [30, 40], "counts": [93, 400, 707]}},
        COCO["annotations"][1] | {"id": 4, "segmentation": {"size": [30, 40], "counts": "m2`<Sf0"}},
    ]
}
RECORDS = [
    {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
    {"image_id": 1, "file_name": "a.png", "category_id": 2, "bbox": [1, 2, 3, 4.5], "score": 1},
]
FOUND = {"pred box": [1, 1, 4, 4], "confidence score": 0.5, "pred score": [0.25, 0.5, 0.25], "pred class": 0}
INFERRED = {"a.png": [FOUND, FOUND | {"pred class": 1}], "b/c.png": []}
VOC = b"""<annotation><filename>a.png</filename><size><width>40</width><height>30</height></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object></annotation>"""
MODEL_METADATA = {
    "format": "ONNX",
    "file": "m.onnx",
    "sha256": "0",
    "system": "faster_rcnn",
    "input": {
        "name": "images",
        "shape": [1, 3, 8, 8],
        "dtype": "float32",
        "layout": "NCHW",
        "colour": "RGB",
        "range": [0, 255],
    },
    "resize": {
        "keep_ratio": True,
        "sides": None,
        "interpolation": "linear",
        "pad_value": 0,
        "pad": "right and bottom",
        "rule": "",
    },
    "outputs": [
        {"name": "boxes", "shape": [1, 2, 4], "dtype": "float32"},
        {"name": "scores", "shape": [1, 2], "dtype": "float32"},
        {"name": "labels", "shape": [1, 2], "dtype": "int32"},
        {"name": "valid", "shape": [1, 2], "dtype": "bool"},
    ],
    "classes": [{"id": 1, "name": "cat"}],
    "checkpoint": {"file": "m.ckpt", "sha256": "0", "step": 1},
}


@CHEAP
@given(documents(COCO))
def test_annotation_files(tmp_path, data):
    coco = survives(read_coco, tmp_path / "train.json", data)
    annotations = survives(read_annotations, tmp_path / "train.json", data)
    assert (coco is None) == (annotations is None)
    if coco is not None:  # whatever was taken can be used
        suspicions(annotations)
        assert not coco_faults(json.loads(json.dumps(to_coco(annotations))))
        assert not coco_faults(hide_labels(coco, {entry.image_id for entry in annotations.labelled[:1]}))


@CHEAP
@given(documents(MASKED))
def test_annotation_files_with_masks(tmp_path, data):
    annotations = survives(lambda path: read_annotations(path, masks=True), tmp_path / "train.json", data)
    if annotations is not None:
        assert not coco_faults(json.loads(json.dumps(to_coco(annotations, masks=True))), masks=True)
        for entry in annotations.labelled:
            size = entry.width, entry.height
            for outline, box in zip(entry.outlines, entry.boxes, strict=True):
                assert outline is None or rasterise(outline, box, size, 8).shape == (8, 8)


@CHEAP
@given(documents(RECORDS))
def test_results_of_another_program(tmp_path, data):
    (tmp_path / "a.json").write_text(json.dumps(COCO))
    annotations = read_annotations(tmp_path / "a.json")
    survives(lambda path: read_results(path, annotations), tmp_path / "results.json", data)


@CHEAP
@given(documents(INFERRED))
def test_detections_to_rank_by(tmp_path, data):
    table = survives(read_detections, tmp_path / "infer_results.json", data)
    if table is not None and table.counts.any():
        assert all(np.isfinite(value) for value in acquire(Pool(table), "entropy", Options()).scores)


@CHEAP
@given(documents({"a.png": 0.5, "b/c.png": 2}))
def test_rankings(tmp_path, data):
    survives(lambda path: pick_list.read_scores(path, {"a.png"}), tmp_path / "top_value_data.json", data)


@CHEAP
@given(damaged("a.png\nb/ä.png\n".encode()))
def test_lists_of_picked_images(tmp_path, data):
    survives(pick_list.read_list, tmp_path / "n_picked.txt", data)


@CHEAP
@given(damaged(b'{"step": 1, "loss": 2.5}\n{"step": 2, "teacher/AP": null}\n'))
def test_curves(tmp_path, data):
    def read(path: Path) -> list:
        return read_stages(path.parent)[0].curves

    (tmp_path / "eval").mkdir(exist_ok=True)
    (tmp_path / "eval/metrics.json").write_text('{"AP": 0.5}')
    survives(read, tmp_path / "metrics.jsonl", data)


@CHEAP
@given(documents({"AP": 0.5, "AP50": None, "per_class": {"cat": {"AP": 0.5, "AP50": 1, "objects": 3}}}))
def test_scores(tmp_path, data):
    (tmp_path / "eval").mkdir(exist_ok=True)
    survives(lambda path: read_stages(path.parents[1]), tmp_path / "eval/metrics.json", data)


@settings(CHEAP, max_examples=25)  # the whole configuration is read each time
@given(damaged(b"train_ann_file: a.json\nbatch_size: 2\nmilestones: [1, 2]\nbase_lr: 0.1\nfile_name: null\n"))
def test_configurations(tmp_path, data):
    survives(read_yaml, tmp_path / "leaf.yaml", data)
    try:
        load_config("", ["--config_path", str(tmp_path / "leaf.yaml")])
    except UserError as error:
        assert len(str(error)) < 20_000


@CHEAP
@given(documents(MODEL_METADATA))
def test_metadata_of_exported_models(tmp_path, data):
    (tmp_path / "m.onnx").write_bytes(b"model")

    def read(path: Path) -> None:
        assert read_model_metadata(path.with_suffix(".onnx")) is None, "its hash cannot be right"

    survives(read, tmp_path / "m.json", data)


@CHEAP
@given(
    damaged(VOC) | st.sampled_from([VOC.replace(b"40", word) for word in (b"", b"1e300", b"-1", b"\xff", b"4" * 5000)])
)
def test_voc_files(tmp_path, data):
    survives(read_voc, tmp_path / "a.xml", data)


@CHEAP
@given(damaged(b"a.png 1,2,9,8,0 3,4,12,9,1,1\nsub/b c.png\n"))
def test_text_files(tmp_path, data):
    (tmp_path / "sub").mkdir(exist_ok=True)
    for name in ("a.png", "sub/b c.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    read = survives(lambda path: read_data(path, tmp_path, ["cat", "dog"]), tmp_path / "train.txt", data)
    if read is not None:
        suspicions(read)


@pytest.mark.parametrize("deep", [1000, 200_000])
def test_xml_of_many_levels(tmp_path, deep):
    within = b"<part>" * deep + b"</part>" * deep
    survives(read_voc, tmp_path / "a.xml", VOC.replace(b"<object>", within + b"<object>"))


BOMB = b'<!DOCTYPE a [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
)
REFUSED_XML = {
    "entities in entities": BOMB + b"]><annotation><object><name>&j;</name></object></annotation>",
    "one long entity": b'<!DOCTYPE a [<!ENTITY a "'
    + b"x" * 10_000
    + b'">]><annotation>'
    + b"&a;" * 1000
    + b"</annotation>",
    "a file of the system": b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>',
    "a file of the net": b'<!DOCTYPE a [<!ENTITY % a SYSTEM "http://127.0.0.1:9/a.dtd">%a;]><annotation/>',
}


@pytest.mark.parametrize("name", REFUSED_XML)
def test_xml_that_expands_or_loads_files_is_refused(tmp_path, name):
    (tmp_path / "a.xml").write_bytes(REFUSED_XML[name])
    with pytest.raises(UserError, match="refused, it declares entities"):
        read_voc(tmp_path / "a.xml")


def test_yaml_that_expands_is_refused(tmp_path):
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, 30)]
    (tmp_path / "leaf.yaml").write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"leaf\.yaml is not YAML: aliases"):
        load_config("", ["--config_path", str(tmp_path / "leaf.yaml")])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@CHEAP
@given(st.data())
def test_pictures(tmp_path, kind, data):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8))
    picture.save(file, kind, **({} if kind == "BMP" else {"exif": exif}))
    path = tmp_path / f"a.{kind.lower()}"
    content = data.draw(damaged(file.getvalue()))
    size, image = survives(image_size, path, content), survives(read_image, path, content)
    if size is not None and image is not None and kind != "TIFF":
        assert image.shape == (size[1], size[0], 3)


def test_lines_of_files_end_at_line_feeds_alone():
    # Of what other programs print; names in files may hold U+0085 or U+2028, at which str.splitlines ends a line, too.
    messages = {"cached_cells.py", "device.py", "runner.py", "offline_model.py", "native.py"}
    files = [*ROOT.glob("*.py"), *(ROOT / "src").rglob("*.py")]
    assert {file.name for file in files if ".splitlines(" in file.read_text(encoding="utf-8")} <= messages
