"""Random data sets survive ours -> form -> ours -> form without change, in every form; and an independent program agrees."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_masks

from src.data.formats.tools.annotated import in_pixels
from src.data.formats.tools.image_names import ImageNames
from src.data.formats.tools.tool_data import read_tool
from src.data.formats.tools.tool_place import tool_place
from src.labelling.answers.answer import Asked
from src.labelling.answers.collect import collect
from src.labelling.outgoing import TOOLS
from src.labelling.picked import make_tasks
from src.labelling.returned import read_exports
from src.labelling.task import Manifest, Prelabel, Task

NAMES = ("cat", "traffic light", "größe & <co>")
# Equal base names in two folders, what addresses and uploads mangle, two dots, the name of a list, other alphabets.
KEYS = (
    "a.jpg",
    "b/a.jpg",
    "day 1/a+b.png",
    "day+2/ä b.jpg",
    "c/a.webp.jpg",
    "50%25.jpg",
    "train.jpg",
    "d/图 像.png",
    "#1?.jpg",
)
# Shrinking writes and reads files for minutes, and the data sets are small as they are.
WITHOUT_SHRINKING = {
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}
MASK_TOOLS = ("cvat", "coco")
POLYGON_TOOLS = ("label_studio", "cvat", "labelme", "yolo", "coco")


@st.composite
def boxes(draw, width, height):
    """(x, y, width, height) inside the image."""
    x1, y1 = draw(st.integers(0, 100 * width - 50)) / 100, draw(st.integers(0, 100 * height - 50)) / 100
    x2, y2 = draw(st.integers(round(100 * x1) + 50, 100 * width)), draw(st.integers(round(100 * y1) + 50, 100 * height))
    return (x1, y1, x2 / 100 - x1, y2 / 100 - y1)


@st.composite
def objects(draw, width, height, kinds):
    x, y, w, h = draw(boxes(width, height))
    label, kind = draw(st.sampled_from(NAMES)), draw(st.sampled_from(kinds))
    if kind == "mask":
        left, top = min(int(x), width - 2), min(int(y), height - 2)
        right, bottom = min(left + 1 + int(w), width), min(top + 1 + int(h), height)
        bits = [
            [int(left <= column < right and top <= row < bottom) for column in range(width)] for row in range(height)
        ]
        bits[top][left] = draw(st.integers(0, 1)) if right - left > 1 and bottom - top > 1 else 1
        rle = coco_masks.encode(np.asfortranarray(bits, np.uint8))
        box = (float(left), float(top), float(right - left), float(bottom - top))
        return Prelabel(label, box, segmentation={"size": rle["size"], "counts": rle["counts"].decode()})
    if kind == "polygon":
        points = [x, y, x + w, y, x + w, y + h, x, y + h]
        return Prelabel(label, (x, y, w, h), segmentation=[points])
    return Prelabel(label, (x, y, w, h))


@st.composite
def data_sets(draw, kinds, small=False):
    """Tasks whose pre-labels are labels; the first image has none."""
    keys = draw(st.permutations(KEYS))[: 3 if small else draw(st.integers(1, len(KEYS)))]
    tasks = []
    for number, key in enumerate(keys, 1):
        width, height = draw(st.integers(8, 40)), draw(st.integers(8, 40))
        rows = draw(st.lists(objects(width, height, kinds), max_size=0 if number == 1 else 4))
        tasks.append(Task(key, f"{number:04d}_{Path(key).name}", width, height, prelabels=rows))
    return tasks


def write(tool, tasks, folder):
    manifest = Manifest(
        tool, list(NAMES), {}, "", tasks, any(row.segmentation for task in tasks for row in task.prelabels)
    )
    files = TOOLS[tool].files(manifest, "images")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if tool == "label_studio":  # what it makes of a submitted prediction
        content = json.loads((folder / "tasks.json").read_text())
        for task in content:
            result = task.pop("predictions", [{"result": []}])[0]["result"]
            task["annotations"] = [{"id": 1, "result": result, "was_cancelled": False}]
        (folder / "tasks.json").write_text(json.dumps(content))
    return manifest, files


def as_prelabel(shape):
    x1, y1, x2, y2 = shape.box
    return Prelabel(shape.label, (x1, y1, x2 - x1, y2 - y1), segmentation=shape.segmentation)


def assert_same(before, after, size, exact=1e-3):
    assert [row.label for row in after] == [row.label for row in before]
    for old, new in zip(before, after, strict=True):
        assert new.bbox == pytest.approx(old.bbox, abs=exact)
        if isinstance(old.segmentation, list):
            (old_points,), (new_points,) = old.segmentation, new.segmentation
            assert new_points == pytest.approx(old_points, abs=exact)
        elif old.segmentation:
            assert (coco_masks.decode(new.segmentation) == coco_masks.decode(old.segmentation)).all()
        else:
            assert not new.segmentation


def kinds_of(tool):
    return ["box", *(["polygon"] if tool in POLYGON_TOOLS else []), *(["mask"] if tool in MASK_TOOLS else [])]


@pytest.mark.parametrize("tool", TOOLS)
@settings(max_examples=20, **WITHOUT_SHRINKING)
@given(data=st.data())
def test_ours_to_a_form_and_back_and_out_again(tool, data):
    tasks = data.draw(data_sets(kinds_of(tool)))
    with tempfile.TemporaryDirectory() as name:
        manifest, files = write(tool, tasks, Path(name))
        sizes = {task.file_name: (task.width, task.height) for task in tasks}
        asked = Asked(manifest.names, sizes, NAMES, all_reviewed=True)
        answers = collect(read_exports([Path(name)]), asked)
        assert not answers.not_used
        assert answers.by_image.keys() == sizes.keys()
        again = []
        for task in tasks:
            rows = [as_prelabel(shape) for shape in answers.by_image[task.file_name].shapes]
            assert_same(task.prelabels, rows, sizes[task.file_name])
            again.append(Task(task.file_name, task.name, task.width, task.height, prelabels=rows))
        _, once_more = write(tool, again, Path(name) / "again")
        assert once_more.keys() == files.keys()
        for file, text in once_more.items():
            assert rounded(text) == rounded(files[file]), file


def rounded(text):
    """A text whose numbers may differ in the last of many digits."""
    words = re.split(r"(-?\d+\.\d+(?:e-?\d+)?)", text)
    return [pytest.approx(float(word), abs=2e-3) if index % 2 else word for index, word in enumerate(words)]


@pytest.mark.parametrize("tool", ["cvat", "labelme", "yolo"])
@settings(max_examples=8, **WITHOUT_SHRINKING)
@given(data=st.data())
def test_training_reads_what_was_written_also_of_turned_pictures(tool, data):
    tasks = data.draw(data_sets(["box"], small=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for task in tasks:
            path = folder / "images" / task.name
            path.parent.mkdir(exist_ok=True)
            turn, exif = data.draw(st.sampled_from([1, 3, 6, 8])), Image.Exif()
            exif[0x0112] = turn
            stored = (task.height, task.width) if turn in (6, 8) else (task.width, task.height)
            Image.new("RGB", stored).save(path, exif=exif)
        measured, _ = make_tasks([task.name for task in tasks], folder / "images", None, renamed=False)
        assert [(row.width, row.height) for row in measured] == [(task.width, task.height) for task in tasks]
        write(tool, tasks, folder)
        if tool == "labelme":
            for file in (folder / "images").glob("*.json"):
                file.write_text(file.read_text().replace('"reviewed": false', '"reviewed": true'))
        if tool == "cvat":
            text = (folder / "annotations.xml").read_text()
            (folder / "annotations.xml").write_text(text.replace("<type>tag</type>", "<type>any</type>"))
        place = tool_place(folder / {"cvat": "annotations.xml", "labelme": "images", "yolo": "data.yaml"}[tool])
        found = read_tool(place, folder / "images", NAMES, masks=False)
        assert {entry.file_name for entry in found.images} == {task.name for task in tasks}
        for entry in found.images:
            (task,) = [task for task in tasks if task.name == entry.file_name]
            wanted = [(x, y, x + w, y + h) for x, y, w, h in (row.bbox for row in task.prelabels)]
            assert entry.labelled and (entry.width, entry.height) == (task.width, task.height)
            assert entry.boxes.tolist() == [pytest.approx(box, abs=1e-3) for box in wanted]


OF_PANLABEL = {  # our name -> its name, and what to give it of a tasks folder
    "label_studio": ("label-studio", "tasks.json"),
    "cvat": ("cvat", "annotations.xml"),
    "labelme": ("labelme", "images"),
    "yolo": ("yolo", "."),
    "voc": ("voc", "."),
    "coco": ("coco", "instances.json"),
}


def some_tasks():
    return [
        Task("a.jpg", "0001_a.jpg", 40, 30, prelabels=[Prelabel("cat", (1.5, 2.25, 10.0, 20.5))]),
        Task("b/ä b.jpg", "0002_ä b.jpg", 33, 57),
        Task(
            "b/a.jpg",
            "0003_a.jpg",
            64,
            48,
            prelabels=[Prelabel("traffic light", (0.0, 0.0, 64.0, 48.0)), Prelabel("cat", (7.0, 9.0, 11.0, 13.0))],
        ),
    ]


def panlabel(*words):
    done = subprocess.run(["panlabel", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def make_images(folder, tasks):
    for task in tasks:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (task.width, task.height)).save(folder / "images" / task.name)


def boxes_by_stem(coco):
    """Stem of the image -> class and corners."""
    names = {row["id"]: row["name"] for row in coco["categories"]}
    stems = {row["id"]: Path(row["file_name"]).stem for row in coco["images"]}
    found = {stem: [] for stem in stems.values()}
    for row in coco["annotations"]:
        found[stems[row["image_id"]]].append((names[row["category_id"]], row["bbox"]))
    return found


@pytest.mark.parametrize("tool", TOOLS)
def test_panlabel_reads_what_we_write(tool, tmp_path):
    tasks, (form, part) = some_tasks(), OF_PANLABEL[tool]
    make_images(tmp_path, tasks)
    write(tool, tasks, tmp_path)
    if tool == "voc":
        for wanted, ours in (("JPEGImages", "images"), ("Annotations", "annotations")):
            shutil.move(tmp_path / ours, tmp_path / wanted)
    if tool == "label_studio":  # it knows no local files
        content = json.loads((tmp_path / part).read_text())
        for row, task in zip(content, tasks, strict=True):
            row["data"]["image"] = task.name
        (tmp_path / part).write_text(json.dumps(content))
    if tool == "yolo":  # it reads an image that is in two splits twice
        text = (tmp_path / "data.yaml").read_text()
        (tmp_path / "data.yaml").write_text(text.replace("val: images\n", ""))
    out = tmp_path / "out.json"
    panlabel("convert", "--from", form, "--to", "coco", "--input", tmp_path / part, "--output", out, "--allow-lossy")
    found = boxes_by_stem(json.loads(out.read_text()))
    for task in tasks:
        rows = sorted(found.get(Path(task.name).stem, []))
        wanted = sorted((row.label, list(row.bbox)) for row in task.prelabels)
        assert [name for name, _ in rows] == [name for name, _ in wanted]
        assert [box for _, box in rows] == [pytest.approx(box, abs=2e-3) for _, box in wanted]


@pytest.mark.parametrize("tool", TOOLS)
def test_we_read_what_panlabel_writes(tool, tmp_path):
    tasks, (form, _) = some_tasks(), OF_PANLABEL[tool]
    make_images(tmp_path, tasks)
    write("coco", tasks, tmp_path)
    out = tmp_path / "out" / {"label_studio": "a.json", "cvat": "annotations.xml", "coco": "a.json"}.get(tool, "")
    (tmp_path / "out").mkdir()
    panlabel(
        "convert",
        "--from",
        "coco",
        "--to",
        form,
        "--input",
        tmp_path / "instances.json",
        "--output",
        out,
        "--allow-lossy",
    )
    names = ImageNames([task.name for task in tasks])
    found = {}
    for export in read_exports([tmp_path / "out"]):
        for image in export.images:
            key = names.find(image.name, image.has_suffix).key
            (size,) = [(task.width, task.height) for task in tasks if task.name == key]
            found.setdefault(key, []).extend(as_prelabel(shape) for shape in in_pixels(image, size))
    for task in tasks:
        rows = sorted(found.get(task.name, []), key=lambda row: row.label)
        assert_same(sorted(task.prelabels, key=lambda row: row.label), rows, None, exact=2e-3)


def corners_around(x, y, width, height, degrees, about):
    """The upright box around a box that is turned clockwise on the screen: corner by corner, with complex numbers."""
    turn = np.exp(1j * np.deg2rad(degrees))
    points = [
        complex(*about) + turn * (complex(a, b) - complex(*about)) for a in (x, x + width) for b in (y, y + height)
    ]
    return (
        min(p.real for p in points),
        min(p.imag for p in points),
        max(p.real for p in points),
        max(p.imag for p in points),
    )


@settings(max_examples=20, **WITHOUT_SHRINKING)
@given(
    box=st.tuples(*[st.integers(3000, 5000).map(lambda value: value / 100)] * 4),
    degrees=st.integers(1, 3599).map(lambda value: value / 10),
)
def test_rotated_boxes_of_every_tool_become_the_upright_box_around_them(box, degrees):
    x, y, width, height = box
    size, middle = (200, 160), (x + width / 2, y + height / 2)
    sides = {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    percent = {"x": x / 2, "y": y / 1.6, "width": width / 2, "height": height / 1.6, "rotation": degrees}
    region = {"type": "rectanglelabels", "value": percent | {"rectanglelabels": ["cat"]}} | sides
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x, y, width, height], "attributes": {"rotation": degrees}}
    entry = {"id": 1, "file_name": "a.jpg", "width": size[0], "height": size[1]}
    element = f'<box label="cat" xtl="{x}" ytl="{y}" xbr="{x + width}" ybr="{y + height}" rotation="{degrees}"/>'
    exports = {  # each with the point about which its tool turns
        "label_studio.json": ([{"data": {"image": "a.jpg"}, "annotations": [{"result": [region]}]}], (x, y)),
        "cvat_coco.json": ({"images": [entry], "annotations": [row], "categories": [{"id": 1, "name": "cat"}]}, middle),
        "cvat.xml": (
            f'<annotations><image id="0" name="a.jpg" width="200" height="160">{element}</image></annotations>',
            middle,
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, (content, about) in exports.items():
            path = Path(folder) / name
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            answers = collect(read_exports([path]), Asked(ImageNames(["a.jpg"]), {"a.jpg": size}, ("cat",)))
            (shape,) = answers.by_image["a.jpg"].shapes
            x1, y1, x2, y2 = corners_around(x, y, width, height, degrees, about)
            clipped = max(x1, 0), max(y1, 0), min(x2, size[0]), min(y2, size[1])
            assert shape.box == pytest.approx(clipped, abs=1e-6), name
            assert any("rotated" in note for note in answers.notes)


@pytest.mark.parametrize("tool", ["cvat", "labelme", "coco"])
def test_an_object_of_two_parts_stays_one_object(tool, tmp_path):
    parts = [[1.0, 1.0, 9.0, 1.0, 9.0, 9.0], [20.0, 20.0, 30.0, 20.0, 30.0, 28.0]]
    alone = [5.0, 5.0, 15.0, 5.0, 15.0, 15.0]
    rows = [
        Prelabel("cat", (1.0, 1.0, 29.0, 27.0), segmentation=parts),
        Prelabel("cat", (5.0, 5.0, 10.0, 10.0), segmentation=[alone]),
    ]
    tasks = [Task("a.jpg", "0001_a.jpg", 40, 30, prelabels=rows)]
    manifest, _ = write(tool, tasks, tmp_path)
    asked = Asked(manifest.names, {"a.jpg": (40, 30)}, NAMES, all_reviewed=True)
    found = collect(read_exports([tmp_path]), asked).by_image["a.jpg"].shapes
    assert [shape.segmentation for shape in found] == [parts, [alone]]
    assert [shape.box for shape in found] == [(1, 1, 30, 28), (5, 5, 15, 15)]
