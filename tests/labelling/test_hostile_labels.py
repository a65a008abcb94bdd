"""What a labelling tool, a cable or an editor may have done to a file: it is read, listed as not usable, or refused by name."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image

from src.data.checks.coco.coco_faults import coco_faults
from src.data.formats.coco_annotations import to_coco
from src.data.formats.reading import read_data
from src.errors import UserError
from src.labelling.answers.answer import Asked
from src.labelling.answers.collect import collect
from src.labelling.difference_report import as_text, make_report
from src.labelling.merge import merge
from src.labelling.picked import prelabels, read_detections, read_reasons
from src.labelling.returned import read_exports
from src.labelling.task import Manifest, Prelabel, Task, read_manifest
from tests.hostile import damaged, documents, obey_permissions, survives

CHEAP = settings(
    max_examples=60,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SIDES = {"original_width": 40, "original_height": 30, "image_rotation": 0}
BOX = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 10}
RESULTS = [
    {"id": "a", "type": "rectanglelabels", "value": BOX | {"rectanglelabels": ["cat"]}} | SIDES,
    {"id": "b", "type": "polygonlabels", "value": {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["dog"]}}
    | SIDES,
    {
        "id": "c",
        "type": "ellipselabels",
        "value": {"x": 50, "y": 50, "radiusX": 5, "radiusY": 6, "ellipselabels": ["dog"]},
    }
    | SIDES,
    {"id": "d", "type": "brushlabels", "value": {"format": "rle", "rle": [0, 0, 18, 192], "brushlabels": ["dog"]}}
    | SIDES,
]
ANNOTATION = {
    "id": 3,
    "result": RESULTS,
    "was_cancelled": False,
    "lead_time": 3.5,
    "completed_by": {"id": 1, "email": "a@b.c"},
}
TASKS = [
    {
        "id": 1,
        "data": {"image": "/data/local-files/?d=images/a.png", "file_name": "a.png"},
        "annotations": [ANNOTATION],
    },
    {"id": 2, "data": {"image": "/data/upload/1/0a1b2c3d-b.png"}, "annotations": [], "drafts": [{}]},
]
FLAT = [
    {
        "id": 1,
        "image": "a.png",
        "label": [BOX | SIDES | {"rectanglelabels": ["cat"]}],
        "annotation_id": 2,
        "lead_time": 1,
    }
]
COCO = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 2, "file_name": "b.png", "width": None},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 0, "bbox": [1, 2, 10, 12], "attributes": {"rotation": 20.0}},
        {"id": 2, "image_id": 1, "category_id": 0, "bbox": [1, 2, 10, 12], "segmentation": [[1, 2, 11, 2, 11, 14]]},
        {
            "id": 3,
            "image_id": 1,
            "category_id": 0,
            "bbox": [0, 0, 1, 9],
            "segmentation": {"size": [30, 40], "counts": [0, 9, 1191]},
        },
    ],
    "categories": [{"id": 0, "name": "cat"}],
}
LABELME = {
    "version": "5.5.0",
    "flags": {"reviewed": True},
    "shapes": [
        {"label": "cat", "points": [[1, 2], [9, 12]], "shape_type": "rectangle", "group_id": None},
        {"label": "dog", "points": [[1, 2], [9, 12], [3, 20]], "shape_type": "polygon", "group_id": 1},
        {"label": "dog", "points": [[5, 5], [7, 5]], "shape_type": "circle"},
        {"label": "dog", "points": [[5, 5], [7, 7]], "shape_type": "mask", "mask": "iVBORw0KGgo="},
    ],
    "imagePath": "a.png",
    "imageHeight": 30,
    "imageWidth": 40,
}
CVAT = b"""<annotations><meta><task><labels><label><name>cat</name><type>any</type></label></labels></task></meta>
<image id="0" name="a.png" width="40" height="30"><box label="cat" xtl="1" ytl="2" xbr="9" ybr="8" rotation="12"/>
<polygon label="cat" points="1,2;9,2;9,9" group_id="1"/><mask label="cat" left="1" top="2" width="3" height="2" rle="1,2,3"/>
<ellipse label="cat" cx="9" cy="9" rx="3" ry="4"/><tag label="reviewed"/></image></annotations>"""
YOLO = b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.4 0.1 0.4 0.4\n0 0.5 0.5 0.2 0.2 0.9\n"
TASKS_SENT = [
    Task("a.png", "a.png", 40, 30, prelabels=[Prelabel("cat", (1.0, 2.0, 8.0, 6.0))]),
    Task("b.png", "b.png", 40, 30),
]
MANIFEST = Manifest("label_studio", ["cat", "dog"], {}, "", TASKS_SENT)
NOW = {
    "images": [
        {"id": n, "file_name": name, "width": 40, "height": 30, "labelled": False}
        for n, name in ((1, "a.png"), (2, "b.png"))
    ],
    "annotations": [],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
}


def imported(path: Path) -> None:
    """What import_labels.py does with a file, up to the file that it would write."""
    exports = read_exports([path])
    sizes = {"a.png": (40, 30), "b.png": (40, 30)}
    answers = collect(exports, Asked(MANIFEST.names, sizes, ("cat", "dog"), MANIFEST))
    coco, new, _ = merge(NOW, answers.by_image, sizes, replace=False)
    as_text(json.loads(json.dumps(make_report(exports, answers, MANIFEST, new), ensure_ascii=False)))
    assert not coco_faults(json.loads(json.dumps(coco)))


def _of(valid):
    @CHEAP
    @given(documents(valid))
    def test(tmp_path, data):
        survives(imported, tmp_path / "export.json", data)

    return test


test_exports_as_json = _of(TASKS)
test_exports_as_json_min = _of(FLAT)
test_exports_as_coco = _of(COCO)
test_exports_of_labelme = _of(LABELME)


@CHEAP
@given(damaged(CVAT))
def test_exports_of_cvat(tmp_path, data):
    survives(imported, tmp_path / "export.xml", data)


def trained(path: Path, images: Path) -> None:
    annotations = read_data(path, images, masks=False)
    assert not coco_faults(json.loads(json.dumps(to_coco(annotations))))


@pytest.fixture
def images(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / "images" / name)
    return tmp_path / "images"


@CHEAP
@given(damaged(CVAT))
def test_training_on_cvat(tmp_path, images, data):
    survives(lambda path: trained(path, images), tmp_path / "export.xml", data)


@CHEAP
@given(documents(LABELME))
def test_training_on_labelme(tmp_path, images, data):
    (images / "labels").mkdir(exist_ok=True)
    survives(lambda path: trained(path.parent, images), images / "labels" / "a.json", data)


@CHEAP
@given(damaged(YOLO))
def test_training_on_yolo(tmp_path, images, data):
    (tmp_path / "data.yaml").write_text("names: [cat, dog]\n")
    survives(lambda path: trained(tmp_path / "data.yaml", images), images / "a.txt", data)


@CHEAP
@given(damaged(b"path: .\nnames:\n  0: cat\n  1: dog\n"))
def test_names_of_yolo(tmp_path, images, data):
    (images / "a.txt").write_bytes(YOLO)
    survives(lambda path: trained(path, images), tmp_path / "data.yaml", data)


@CHEAP
@given(documents(json.loads(msgspec.json.encode(MANIFEST))))
def test_manifests(tmp_path, data):
    survives(read_manifest, tmp_path / "manifest.json", data)


@CHEAP
@given(damaged('file_name,score,reason\na.png,2.5,"many, ä"\n'.encode()))
def test_reasons(tmp_path, data):
    survives(read_reasons, tmp_path / "n_picked.csv", data)


@CHEAP
@given(documents({"a.png": [{"pred box": [1, 2, 3, 4], "confidence score": 0.9, "pred class": 0}]}))
def test_detections_to_send(tmp_path, data):
    def read(path: Path) -> None:
        classes = [f"class {number}" for number in range(301)]
        for rows in read_detections(path, ["a.png"], classes).values():
            prelabels(rows, classes, dict.fromkeys(classes, 0.5), True)

    survives(read, tmp_path / "infer_results.json", data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_file_that_was_damaged_on_its_way_is_told_as_what_it_is(tmp_path, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for number in range(9):
            archive.writestr(f"{number}/result.json", json.dumps(TASKS))
    intact, path = buffer.getvalue(), tmp_path / "labels.zip"
    path.write_bytes(intact)
    assert len(read_exports([path])) == 9
    damages = [intact[: len(intact) * tenths // 10] for tenths in range(1, 10)]
    for place in range(0, len(intact), 7):
        damages.append(intact[:place] + bytes([intact[place] ^ 0x55]) + intact[place + 1 :])
    told = 0
    for damage in damages:
        path.write_bytes(damage)
        try:
            read_exports([path])
        except UserError as error:
            told += "the zip file is damaged or cut off (" in str(error)
    assert told > len(damages) / 2


@pytest.mark.parametrize("name", ["labels.json", "labels.zip"])
def test_labels_that_may_not_be_read_are_told_in_one_line(tmp_path, name):
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
        "annotations": [],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "train.json").write_text(json.dumps(coco))
    labels = tmp_path / name
    labels.write_text("{}")
    labels.chmod(0)
    words = ["import_labels.py", "--labels", labels, "--ann_file", "train.json", "--output_ann_file", "new.json"]
    words[0] = Path(__file__).parents[2] / words[0]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=obey_permissions,
    )
    assert (done.returncode, done.stderr) == (2, f"error: {labels}: cannot be read: Permission denied\n")
