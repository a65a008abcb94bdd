"""One fault, one treatment: the same objects as every form of annotations, and what the doctor says of them."""

import json
import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from PIL import Image

import eval as evaluation_script
import first_pick
import random_select
from src import xml2coco
from src.config.load import load_config
from src.data.doctor import main
from src.data.formats.reading import read_data
from src.data.training_data import Sources, read_training_data
from src.errors import UserError
from src.labelling.returned import read_exports

SIZE = WIDTH, HEIGHT = (60, 40)
BOXES = [(2, 3, 11, 11), (12, 5, 23, 18), (30, 8, 44, 29)]


@dataclass
class Item:
    """An object: number of its image, corners of its box, fields that the form has beside them."""

    image: int
    box: tuple[float, ...]
    fields: dict = field(default_factory=dict)


def picture(number: int, size=SIZE) -> Image.Image:
    blocks = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)


def by_image(items: list[Item]) -> dict[int, list[Item]]:
    return {number: [item for item in items if item.image == number] for number in sorted({i.image for i in items})}


def as_coco(folder: Path, items: list[Item], size) -> Path:
    images = [{"id": n, "file_name": f"{n}.png", "width": size[0], "height": size[1]} for n in by_image(items)]
    rows = [
        {
            "id": k,
            "image_id": i.image,
            "category_id": 1,
            "bbox": [i.box[0], i.box[1], i.box[2] - i.box[0], i.box[3] - i.box[1]],
        }
        | i.fields
        for k, i in enumerate(items, start=1)
    ]
    path = folder / "train.json"
    path.write_text(json.dumps({"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}))
    return path


def as_voc(folder: Path, items: list[Item], size) -> Path:
    (folder / "xml").mkdir()
    for number, own in by_image(items).items():
        objects = "".join(
            "<object><name>cat</name>"
            + "".join(f"<{key}>{value}</{key}>" for key, value in item.fields.items())
            + "<bndbox>{}</bndbox></object>".format(
                "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), item.box, strict=True))
            )
            for item in own
        )
        stated = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
        (folder / f"xml/{number}.xml").write_text(f"<annotation>{stated}{objects}</annotation>")
    return folder / "xml"


def as_text(folder: Path, items: list[Item], size) -> Path:
    lines = (
        f"{number}.png " + " ".join(",".join(map(str, (*item.box, 0))) for item in own)
        for number, own in by_image(items).items()
    )
    (folder / "train.txt").write_text("\n".join(lines))
    return folder / "train.txt"


def as_cvat(folder: Path, items: list[Item], size) -> Path:
    images = "".join(
        f'<image id="{number}" name="{number}.png" width="{size[0]}" height="{size[1]}">'
        + "".join(
            '<box label="cat" xtl="{}" ytl="{}" xbr="{}" ybr="{}">'.format(*item.box)
            + "".join(f"<attribute name={quoteattr(k)}>{v}</attribute>" for k, v in item.fields.items())
            + "</box>"
            for item in own
        )
        + "</image>"
        for number, own in by_image(items).items()
    )
    (folder / "cvat").mkdir()
    (folder / "cvat/annotations.xml").write_text(f"<annotations>{images}</annotations>")
    return folder / "cvat"


def as_labelme(folder: Path, items: list[Item], size) -> Path:
    (folder / "labelme").mkdir()
    for number, own in by_image(items).items():
        shapes = [
            {"label": "cat", "shape_type": "rectangle", "points": [list(i.box[:2]), list(i.box[2:])]} | i.fields
            for i in own
        ]
        stated = {"imagePath": f"{number}.png", "imageWidth": size[0], "imageHeight": size[1]}
        (folder / f"labelme/{number}.json").write_text(json.dumps({"shapes": shapes} | stated))
    return folder / "labelme"


def as_yolo(folder: Path, items: list[Item], size) -> Path:
    (folder / "labels").mkdir()
    (folder / "labels/classes.txt").write_text("cat\n")
    for number, own in by_image(items).items():
        lines = []
        for item in own:
            x1, y1, x2, y2 = item.box
            numbers = ((x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT, (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT)
            lines.append(" ".join(map(str, (0, *numbers, *item.fields.values()))))
        (folder / f"labels/{number}.txt").write_text("\n".join(lines))
    return folder / "labels"


FORMS = {"COCO": as_coco, "VOC": as_voc, "text": as_text, "CVAT": as_cvat, "LabelMe": as_labelme, "YOLO": as_yolo}


@pytest.fixture
def images(tmp_path) -> Path:
    (tmp_path / "images").mkdir()
    for number in (1, 2, 3):
        picture(number).save(tmp_path / f"images/{number}.png")
    return tmp_path / "images"


def said_of(capsys, path: Path, images: Path, *words: str) -> list[str]:
    """Everything that the doctor says, line by line."""
    with pytest.raises(SystemExit) as end:
        main(["--ann_file", str(path), "--img_dir", str(images), "--class_names", "cat", *words])
        raise SystemExit(0)
    assert end.value.code in (0, 1)
    return capsys.readouterr().out.splitlines()


def errors(lines: list[str]) -> list[str]:
    return [line.strip() for line in lines if line.startswith("  error: ")]


def doubts(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("suspicious: ")]


@pytest.mark.parametrize("form", FORMS)
def test_good_objects_are_read_alike(form, images, capsys):
    items = [Item(n, box) for n, box in enumerate(BOXES, start=1)]
    lines = said_of(capsys, FORMS[form](images.parent, items, SIZE), images)
    assert lines[-2:] == [
        "3 labelled images with 3 boxes of 1 class (0 without a box), 0 unlabelled images",
        "0 errors, 0 suspicious findings",
    ]


CONTROLS = ("\t", "\n", "\x85", "\u2028", "\0", "\x7f")


def written_in(form: str, name: str) -> str:
    """A class name as a file of this form spells it."""
    if form in ("COCO", "LabelMe"):
        return json.dumps(name)[1:-1]
    return "".join(f"&#{ord(letter)};" for letter in name) if form in ("VOC", "CVAT") else name


def can_say(form: str, control: str) -> bool:
    """Whether a form can spell a control character in a name at all."""
    return not (form in ("VOC", "CVAT") and control == "\0") and not (form == "YOLO" and control == "\n")


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("form", "control"),
    [
        pytest.param(form, control, id=f"{form} {control!a}")
        for form in ("COCO", "VOC", "CVAT", "LabelMe", "YOLO", "YAML")
        for control in CONTROLS
        if can_say(form, control)
    ],
)
def test_control_characters_in_class_names_are_refused_alike(form, control, known, images):
    path = FORMS["YOLO" if form == "YAML" else form](images.parent, [Item(1, BOXES[0])], SIZE)
    name = f"c{control}t"
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        text = file.read_text(encoding="utf-8")
        for before, after in ((">cat<", ">{}<"), ('"cat"', '"{}"'), ("cat\n", "{}\n")):
            text = text.replace(before, after.format(written_in(form, name)))
        file.write_text(text, encoding="utf-8", newline="")
    if form == "YAML":
        (path / "classes.txt").unlink()
        (path / "data.yaml").write_text(f"names: [{json.dumps(name)}]")
    with pytest.raises(UserError) as caught:
        read_data(path, images, ("cat",) if known else ())
    assert f"class {name!r} has a control character, such as a tab or a line break; take it out" in str(caught.value)
    assert str(caught.value).count("control character") == 1


def break_two(images: Path) -> None:
    """Truncate 2.png, whose header stays, and spoil 3.png from its beginning."""
    (images / "2.png").write_bytes((images / "2.png").read_bytes()[:-40])
    (images / "3.png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("form", "fault"),
    [*((form, "box") for form in FORMS), *((form, "file") for form in ("VOC", "LabelMe", "YOLO"))],  # of several files
)
def test_faults_of_annotations_and_of_pictures_come_in_one_run(form, fault, images, capsys):
    break_two(images)
    far = (40, 5, WIDTH + 9, 18) if fault == "box" else BOXES[0]
    path = FORMS[form](images.parent, [Item(1, far), Item(2, BOXES[1]), Item(3, BOXES[2])], SIZE)
    if fault == "file":  # one that cannot be read at all
        file = next(file for file in (path / "1.xml", path / "1.json", path / "1.txt") if file.exists())
        file.write_text("{ none")
    said = "\n".join(said_of(capsys, path, images, "--images"))
    assert ("lies outside its image" if fault == "box" else file.name) in said
    assert said.count("2.png: the picture is truncated") == 1, said
    assert said.count("3.png: not a readable image") == 1, said


@pytest.mark.parametrize(
    "options", [(), ("--images",), ("--leave_out_faulty",), ("--leave_out_faulty", "--faulty_at_most", "90")]
)
@pytest.mark.parametrize("form", FORMS)
def test_a_message_names_a_picture_once(form, options, images, capsys):
    break_two(images)
    path = FORMS[form](images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    lines = [line for line in said_of(capsys, path, images, *options) if "3.png" in line]
    assert lines and all(line.count("3.png") == 1 and line.count("line 3") <= 1 for line in lines), lines
    assert all("; copy it again, or save it as PNG or JPEG" in line for line in lines)


@pytest.mark.parametrize("form", ["VOC", "LabelMe", "YOLO"])
def test_labels_in_linked_folders_are_found_as_images_there_are(form, images, capsys):
    path = FORMS[form](images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    labels = {"VOC": "{}.xml", "LabelMe": "{}.json", "YOLO": "{}.txt"}[form]
    for folder, name in ((images, "{}.png"), (path, labels)):
        store = images.parent / f"store of {folder.name}"
        store.mkdir()
        for number in (2, 3):
            (folder / name.format(number)).rename(store / name.format(number))
        (folder / "day").symlink_to(store)
        (store / "again").symlink_to(folder)  # a loop
    lines = said_of(capsys, path, images)
    assert lines[-2:] == [
        "3 labelled images with 3 boxes of 1 class (0 without a box), 0 unlabelled images",
        "0 errors, 0 suspicious findings",
    ]
    assert sum(len(export.images) for export in read_exports([path])) == 3


def test_eval_lists_faults_of_annotations_and_of_pictures(images):
    break_two(images)
    items = [Item(1, (40, 5, WIDTH + 9, 18)), Item(2, BOXES[1]), Item(3, BOXES[2])]
    for form, written in FORMS.items():
        folder = images.parent / form
        folder.mkdir()
        words = ["--eval_ann_file", str(written(folder, items, SIZE)), "--eval_img_dir", str(images)]
        config = load_config("", [*words, "--class_names", "cat"])
        with pytest.raises(UserError, match="lies outside its image") as caught:
            evaluation_script.read_ground_truth(config)
        assert str(caught.value).count("3.png: not a readable image") == 1, caught.value


def no_file(path: Path, kind: str) -> None:
    """Put something that cannot be read in place of a file."""
    path.unlink(missing_ok=True)
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "link to itself" else path.with_name("is not there"))


NO_FILES = ("FIFO", "folder", "link to itself", "dangling link")


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("form", ["VOC", "LabelMe", "YOLO"])
def test_what_stands_in_place_of_the_labels_of_an_image_is_named(form, kind, images, capsys):
    path = FORMS[form](images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    file = path / {"VOC": "2.xml", "LabelMe": "2.json", "YOLO": "2.txt"}[form]
    no_file(file, kind)
    lines = said_of(capsys, path, images)
    (found,) = errors(lines)
    assert file.name in found and ("cannot be read: " in found or "no such file" in found) and not doubts(lines)


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", ["annotations.xml", "classes.txt", "data.yaml"])
def test_what_stands_in_place_of_the_file_of_a_form_is_named(name, kind, images, capsys):
    form = "CVAT" if name == "annotations.xml" else "YOLO"
    path = FORMS[form](images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    (path / "classes.txt").unlink(missing_ok=True)
    no_file(path / name, kind)
    found = {line for line in errors(said_of(capsys, path, images)) if "cannot be read: " in line or "no such" in line}
    assert len(found) == 1
    if kind == "folder":  # is read as one
        return
    with pytest.raises(UserError, match=f"(?s){re.escape(name)}.*(cannot be read: |link that leads nowhere)") as caught:
        read_data(path / name, images, ("cat",))
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"<?xml version='1.0' encoding='klingon'?><annotations/>",
            "its encoding 'klingon' is not known; save it as UTF-8",
        ),
        (
            "<annotations><image name='é'/></annotations>".encode("latin-1"),
            "not UTF-8 text (byte 26); save it as UTF-8",
        ),
        (b"<annotations><image", "not valid XML: "),
    ],
)
def test_why_the_file_of_cvat_cannot_be_read_is_told_of_its_folder_too(content, words, images, capsys):
    path = as_cvat(images.parent, [Item(1, BOXES[0])], SIZE)
    (path / "annotations.xml").write_bytes(content)
    for given in (path, path / "annotations.xml"):
        (found,) = errors(said_of(capsys, given, images))
        assert words in found


BROKEN_XML = {  # content -> whether it says itself that it is of CVAT
    b"<annotations><version>1.1</version><image": True,
    "<annotations><image name='é'/></annotations>".encode("latin-1"): True,
    b"": False,
}


@pytest.mark.parametrize("others", ["VOC", "lists"])
@pytest.mark.parametrize("content", BROKEN_XML)
def test_a_broken_file_of_cvat_beside_other_xml_files_is_told_as_what_it_is(content, others, images, capsys):
    items = [Item(n, box) for n, box in enumerate(BOXES, start=1)]
    path = as_voc(images.parent, items, SIZE)
    if others == "lists":
        for file in path.iterdir():
            file.write_text("<list/>")
    (path / "annotations.xml").write_bytes(content)
    found = errors(said_of(capsys, path, images))
    if BROKEN_XML[content] or others == "lists":
        assert len(found) == 1 and ("not valid XML" in found[0] or "not UTF-8 text" in found[0]), found
        passed = "3 label files are passed over (3 of Pascal VOC, such as 1.xml), because the folder is read as CVAT for images"
        assert (passed in found[0]) == (others == "VOC")
    else:
        assert any("annotations.xml has no image" in line for line in found)


def test_a_file_of_cvat_by_another_name_is_told_as_what_it_is(images, capsys):
    path = as_cvat(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    (path / "annotations.xml").rename(path / "1.xml")
    assert any(
        "; it is of CVAT for images: give this file itself" in line for line in errors(said_of(capsys, path, images))
    )


OTHERS = {
    "COCO": "train.json",
    "LabelMe": "labelme/1.json",
    "YOLO": "labels/1.txt",
    "text": "train.txt",
    "CVAT": "cvat/annotations.xml",
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("form", ["VOC", "CVAT", "LabelMe", "YOLO"])
def test_label_files_of_another_form_in_a_folder_are_counted(form, other, images, capsys):
    items = [Item(n, box) for n, box in enumerate(BOXES, start=1)]
    path = FORMS[form](images.parent, items, SIZE)
    lines = said_of(capsys, path, images)
    assert lines[-1] == "0 errors, 0 suspicious findings"
    if form == other or (form, other) in (
        ("VOC", "CVAT"),
        ("YOLO", "CVAT"),
        ("LabelMe", "CVAT"),
        ("YOLO", "text"),
        ("LabelMe", "YOLO"),
    ):
        return  # a fault, another form that is found first, or label files of images that are not there
    FORMS[other](path, items, SIZE)
    lines = said_of(capsys, path, images)
    (found,) = doubts(lines)
    count = {"COCO": 1, "text": 1}.get(other, 3)
    assert f"({count} of {other}, such as {OTHERS[other]}), because the folder is read as " in found
    assert not errors(lines) and "3 labelled images with 3 boxes" in lines[-2]


@pytest.mark.parametrize("form", FORMS)
def test_annotations_in_another_encoding_have_one_remedy(form, images, capsys):
    path = FORMS[form](images.parent, [Item(1, BOXES[0])], SIZE)
    files = [path] if path.is_file() else sorted(path.iterdir())
    for number in (2, 3):
        (images / f"{number}.png").unlink()
    for file in files:
        before = file.read_bytes()
        file.write_bytes(before.replace(b"cat", b"\xe9") if b"cat" in before else before + b"\xe9")
        found = errors(said_of(capsys, path, images))
        assert len(found) == 1 and "not UTF-8 text (byte " in found[0] and "; save it as UTF-8" in found[0], found
        file.write_bytes(before)
    if form == "YOLO":
        (path / "classes.txt").unlink()
        (path / "data.yaml").write_bytes(b"names: [\xe9]")
        (found,) = errors(said_of(capsys, path, images))
        assert found.endswith("data.yaml: not UTF-8 text (byte 8); save it as UTF-8")


@pytest.mark.parametrize("form", FORMS)
def test_a_box_that_exceeds_its_image_is_refused(form, images, capsys):
    for name, x2, refused in (("near", WIDTH + 1, False), ("far", WIDTH + 2, True)):
        folder = images.parent / name
        folder.mkdir()
        items = [Item(1, BOXES[0]), Item(2, (40, 5, x2, 18)), Item(3, BOXES[2])]
        found = errors(said_of(capsys, FORMS[form](folder, items, SIZE), images))
        assert len(found) == refused
        assert all(
            "lies outside its image of 60 x 40 pixels; was it drawn on another image, or" in line for line in found
        )


@pytest.mark.parametrize("form", FORMS)
def test_boxes_of_pictures_of_twice_the_size_are_told_once(form, images, capsys):
    items = [Item(1 + n % 3, (46 + n / 3, 30, 90, 60)) for n in range(12)]
    (found,) = errors(said_of(capsys, FORMS[form](images.parent, items, SIZE), images))
    assert "12 of the 12 boxes lie outside their images, and reach up to 1.5 times" in found
    assert ("pixels were divided by the size of smaller pictures" in found) == (form == "YOLO")


def yolo_lines(images: Path, *lines: str) -> Path:
    """Label files with these lines, in turn."""
    root = as_yolo(images.parent, [Item(number, box) for number, box in enumerate(BOXES, start=1)], SIZE)
    for number in (1, 2, 3):
        (root / f"{number}.txt").write_text("\n".join(lines[number - 1 :: 3]))
    return root


@pytest.mark.parametrize("tool", [False, True])
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["0 30 20 18 12"] * 5 + ["0 1 1 2 2"], "5 of the 6 lines, such as "),
        (["0 0.5 0.5 0.2 0.2 7", "0 0.5 0.5 0.2 0.2 8", "0 0.5 0.5 0.2 0.2 1"], "2 of the 3 lines, such as "),
        (["0.0 0.5 0.5 0.2 0.2"] * 3, "3 of the 3 lines, such as "),
        (
            ["0 0.5 0.5 0.2 0.2 0.9 7", "0 0.5 0.5 0.2 0.2 0.8 8", "0 0.5 0.5 0.2 0.2 0.7 1"],
            "2 of the 3 lines, such as ",
        ),
        (["0 0.1 0.5 0.2 0.2 0.9 0.7 0.8 7"] * 3, "3 of the 3 lines, such as "),
        (["0 0.5 0.5 0.2 0.2 0.9 0.7 3"] * 3, "3 of the 3 lines, such as "),
    ],
)
def test_lines_of_yolo_that_are_all_wrong_in_one_way_are_told_once(lines, words, tool, images, capsys):
    path = yolo_lines(images, *lines)
    if tool:
        (export,) = read_exports([path])
        assert sum(words in doubt for doubt in export.doubts) == 1 and all(
            "line 1: " in row for row in export.unread[:1]
        )
        return
    found = errors(said_of(capsys, path, images))
    assert sum(words in line for line in found) == 1, found
    assert ("divide pixels" in found[0]) == lines[0].startswith("0 30")
    assert ("tracking id" in found[0]) == (lines[0][-1] in "378")


@pytest.mark.parametrize("tool", [False, True])
@pytest.mark.parametrize(
    ("lines", "certain"),
    [
        (["0 0.5 0.5 0.2 0.2 0.9 0", "0 0.5 0.4 0.2 0.2 0.8 1", "0 0.5 0.5 0.2 0.2 0.7 2"], True),
        (["0 0.5 0.5 0.2 0.2 0.9 1"] * 10, True),
        (["0 0.5 0.5 0.2 0.2 1 0.9"] * 10, True),
        (["0 0.5 0.5 0.2 0.2", "0 0.5 0.5 0.2 0.2 0.9 1"], False),
        (["0 0.5 0.5 0.2 0.2 0.9 0.3"] * 2, False),
        (["0 0.1 0.1 0.5 0.2 0.5 0.7 0.9 1"] * 2, False),
        (["0 0.1 0.1 0.9 0.1 0.5 0.9"] * 4, None),  # triangles
        (["0 0.5 0.5 0.9 0.9 0.2 1"] * 9, False),
        (["0 0 0 1 0 1 1 0 1"] * 4, None),
    ],
)
def test_confidences_and_tracking_ids_behind_boxes_are_no_corners(lines, certain, tool, images, capsys):
    path = yolo_lines(images, *lines)
    if tool:
        (export,) = read_exports([path])
        found, doubted = export.unread, export.doubts
    else:
        said = said_of(capsys, path, images)
        found, doubted = errors(said), [line for line in doubts(said) if "tracking id" in line]
    assert len(found) == (certain is True) and len(doubted) == (certain is False), (found, doubted)
    assert all(
        "tracking id" in line and "take what follows the box or the outline out" in line for line in (*found, *doubted)
    )


def test_labels_of_yolo_in_pixels_are_told_once(images, capsys):
    root = as_yolo(images.parent, [Item(number, box) for number, box in enumerate(BOXES, start=1)], SIZE)
    for label_file in root.glob("[0-9].txt"):
        label_file.write_text("0 30 20 18 12")
    found = errors(said_of(capsys, root, images))
    assert len(found) == 1 and "3 of the 3 lines, such as " in found[0] and "divide pixels" in found[0]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "YOLO"])
def test_fractions_in_place_of_pixels_are_told_once(form, images, capsys):
    items = [Item(1, (0.1, 0.2, 0.4, 0.5)), Item(2, (0.5, 0.5, 0.9, 0.75)), Item(3, (0, 0, 0.5, 1))]
    found = errors(said_of(capsys, FORMS[form](images.parent, items, SIZE), images))
    assert len(found) == 1 and "all 3 boxes lie within one pixel, like fractions of an image" in found[0]


SWAPPED = "width and height are swapped"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (SIZE[::-1], SWAPPED),
        ((61, 41), "the size is wrong by a pixel or two, and all boxes fit into the image"),
        ((30, 20), "the image was probably resized since it was labelled"),
    ],
)
@pytest.mark.parametrize("form", ["COCO", "VOC", "CVAT", "LabelMe"])
def test_a_wrong_size_in_all_files_is_told_once_and_no_box_is_blamed(form, size, words, images, capsys):
    items = [Item(1, (45, 5, 58, 30)), Item(2, (41, 2, 59, 38)), Item(3, (1, 1, 30, 20))]
    found = errors(said_of(capsys, FORMS[form](images.parent, items, size), images))
    assert len(found) == 1 and f"3 of the 3 images: {words}" in found[0], found
    assert "the image is 60x40 (as shown) but" in found[0] and "EXIF" not in found[0]
    if words == SWAPPED:
        assert found[0].endswith("; correct width and height in the annotation file")


MARKS = {
    "COCO": [
        {"ignore": 1},
        {"attributes": {"ignore": True}},
        {"difficult": 1},
        {"deleted": True},
        {"Ignore": 1},
        {"IGNORE": "true"},
        {"Difficult": 1},
        {"is_crowd": 1},
        {"isCrowd": 1},
        {"crowd": True},
        {"IsGroupOf": 1},
        {"attributes": [{"name": "ignore", "value": "true"}]},
        {"flags": {"difficult": True}},
    ],
    "VOC": [
        {"ignore": "1"},
        {"deleted": 1},
        {"Difficult": 1},
        {"isCrowd": 1},
        {"is_crowd": "true"},
        {"attributes": "<attribute><name>ignore</name><value>true</value></attribute>"},
    ],
    "CVAT": [{"ignore": "true"}, {"difficult": "1"}, {"IGNORE": "1"}, {"is_crowd": "true"}],
    "LabelMe": [
        {"flags": {"ignore": True}},
        {"difficult": True},
        {"Difficult": True},
        {"isCrowd": 1},
        {"attributes": [{"name": "ignore", "value": "true"}]},
    ],
}
SCORES = {
    "COCO": [{"score": 0.87}, {"attributes": {"score": 0.5}}],
    "VOC": [{"score": 0.87}],
    "CVAT": [{"confidence": "0.5"}],
    "LabelMe": [{"score": 0.9}],
    "YOLO": [{"sixth number": 0.8}],
}
ROTATIONS = {
    "COCO": [
        {"attributes": {"rotation": 37.5}},
        {"rotation": 12},
        {"Rotation": 12},
        {"attributes": [{"name": "rotation", "value": 12}]},
    ],
    "VOC": [{"attributes": "<attribute><name>rotation</name><value>37.5</value></attribute>"}],
    "CVAT": [{"rotation": "37.5"}],
    "LabelMe": [{"attributes": {"rotation": 37.5}}, {"rotation": 12}],
}
NO_MARKS = {
    "COCO": [{"ignore": 0, "score": None, "attributes": {"rotation": 0.0, "occluded": True}}],
    "VOC": [
        {"ignore": "0", "occluded": 1, "attributes": "<attribute><name>rotation</name><value>0.0</value></attribute>"}
    ],
    "CVAT": [{"ignore": "false", "score": ""}],
    "LabelMe": [{"flags": {"ignore": False}, "score": None, "difficult": False}],
}


@pytest.mark.parametrize(
    ("form", "fields", "words"),
    [
        (form, fields, words)
        for table, words in (
            (MARKS, "2 objects are marked as others than usual"),
            (SCORES, "2 objects have a score"),
            (ROTATIONS, "2 boxes are rotated"),
            (NO_MARKS, ""),
        )
        for form, several in table.items()
        for fields in several
    ],
)
def test_fields_that_change_what_an_object_means_are_doubted(form, fields, words, images, capsys):
    items = [Item(1, BOXES[0], fields), Item(2, BOXES[1], fields), Item(3, BOXES[2], {})]
    path = FORMS[form](images.parent, items, SIZE)
    words_of_evaluation = ("--eval_ann_file", str(path), "--eval_img_dir", str(images))
    found = doubts(said_of(capsys, path, images, *words_of_evaluation))
    of_training = [line for line in found if line.startswith(f"suspicious: {words}") and ", in 1.png, 2.png" in line]
    of_evaluation = [
        line for line in found if line.startswith(f"suspicious: evaluation set: {words}") and ", in 1.png" in line
    ]
    assert (len(of_training), len(of_evaluation)) == (bool(words), bool(words)), found


def test_a_crowd_is_not_doubted_for_its_other_marks(images, capsys):
    items = [Item(n, box, {"iscrowd": int(n == 1), "ignore": int(n == 1)}) for n, box in enumerate(BOXES, start=1)]
    assert not doubts(said_of(capsys, as_coco(images.parent, items, SIZE), images))


@pytest.mark.parametrize("twice", ["name", "bndbox", "size", "width", "xmin", "difficult"])
def test_elements_that_must_be_there_once_are_refused_by_both_readers(twice, images, capsys):
    xmls = as_voc(images.parent, [Item(1, BOXES[0])], SIZE)
    text = (xmls / "1.xml").read_text().replace("<bndbox>", "<difficult>1</difficult><bndbox>")
    start, end = text.index(f"<{twice}>"), text.index(f"</{twice}>") + len(twice) + 3
    (xmls / "1.xml").write_text(text[:end] + text[start:end] + text[end:])
    for number in (2, 3):
        (images / f"{number}.png").unlink()
    (found,) = errors(said_of(capsys, xmls, images))
    remedy = "write an <object> for each" if twice in ("name", "bndbox") else "leave the right one"
    assert f"holds 2 <{twice}>; {remedy}" in found and "1.xml" in found
    xmls.rename(images.parent / "annotations")
    with pytest.raises(SystemExit) as end:
        xml2coco.main(["--data_path", str(images.parent), "--save_path", str(images.parent / "out.json")])
    assert end.value.code == 2 and f"holds 2 <{twice}>; " in capsys.readouterr().err


NAMES = {
    "folder of Windows": (lambda name: "JPEGImages\\" + name, "have JPEGImages\\ in front of the name of a file"),
    "drive": (lambda name: "D:\\data\\" + name, "have D:\\data\\ in front of the name of a file"),
    "address": (lambda name: "https://store.example/" + name, "have https:/"),
    "no suffix": (lambda name: name.removesuffix(".png"), "lack the suffix .png"),
    "other suffix": (lambda name: name.replace(".png", ".jpg"), "end in .jpg, the files in .png"),
    "capital letters": (str.upper, "differ from files in capital letters"),
    "as in addresses": (quote, "are encoded as in web addresses"),
    "composed": (
        lambda name: normalize("NFD", name),
        "look like those of files but are composed of other characters (Unicode NFD)",
    ),
}


@pytest.mark.parametrize("form", ["COCO", "text"])
@pytest.mark.parametrize("way", NAMES)
def test_names_that_are_all_wrong_in_one_way_are_told_once(way, form, images, capsys):
    change, words = NAMES[way]
    for number in (1, 2, 3):
        (images / f"{number}.png").rename(images / f"é {number}.png")
    path = FORMS[form](images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    for number in (1, 2, 3):
        wrong = change(f"é {number}.png")
        wrong = json.dumps(wrong)[1:-1] if form == "COCO" else wrong
        path.write_text(path.read_text().replace(f"{number}.png", wrong))
    if form == "text" and way == "no suffix":  # where the name ends is told by its suffix
        assert len(errors(said_of(capsys, path, images))) == 3
        return
    (found,) = errors(said_of(capsys, path, images))
    assert f"3 of the 3 names of images {words}" in found and "; " in found


@pytest.mark.parametrize("form", ["CVAT", "LabelMe"])
@pytest.mark.parametrize("way", ["no suffix", "other suffix", "capital letters", "as in addresses"])
def test_tools_tell_names_that_are_all_wrong_in_one_way_once(way, form, images, capsys):
    change, words = NAMES[way]
    for number in (1, 2, 3):
        (images / f"{number}.png").rename(images / f"é {number}.png")
    path = FORMS[form](images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    for file in path.iterdir():
        file.write_text(re.sub(r'"(\d)\.png"', lambda found: f'"{change(f"é {found[1]}.png")}"', file.read_text()))
    (found,) = errors(said_of(capsys, path, images))
    assert f"3 of the 3 names of images {words}" in found and "; " in found


XML_NAMES = {
    "suffix of the image": (
        "{}.png.xml",
        "XML files whose names keep the suffix of the image, such as 1.png.xml for 1.png",
    ),
    "prefix": ("img_{}.xml", "the XML files have img_ in front of the name, such as img_1.xml for 1.png; take it out"),
    "ending": ("{}{{x}}.xml", "the XML files have {x} behind the name, such as 1{x}.xml for 1.png; take it out"),
    "folder": ("one/{}.xml", "XML files in other sub-folders, such as one/1.xml for 1.png; move"),
}


@pytest.mark.parametrize("way", XML_NAMES)
def test_xml_files_whose_names_are_all_wrong_in_one_way_are_told_once(way, images, capsys):
    pattern, words = XML_NAMES[way]
    path = as_voc(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    (path / "one").mkdir()
    for number in (1, 2, 3):
        (path / f"{number}.xml").rename(path / pattern.format(number))
    (found,) = errors(said_of(capsys, path, images))
    assert "3 images have XML files " in found and words in found
    if "take it out" in words:  # of images, where they have more
        for number in (1, 2, 3):
            (path / pattern.format(number)).rename(path / f"{number}.xml")
            (images / f"{number}.png").rename(images / pattern.format(number).replace("xml", "png"))
        (found,) = errors(said_of(capsys, path, images))
        assert "3 images have XML files " in found and "the images have" in found


@pytest.mark.parametrize("mark", [" (1)", "(2)", " - Copy", " - Copy (2)", " copy", " (copy 2)"])
@pytest.mark.parametrize("marked", ["image", "XML file"])
def test_an_image_and_an_xml_file_of_which_one_has_the_mark_of_a_copy_are_told_together(marked, mark, images, capsys):
    path = as_voc(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    file = images / "2.png" if marked == "image" else path / "2.xml"
    file.rename(file.with_stem(f"2{mark}"))
    (found,) = errors(said_of(capsys, path, images))
    example = f"2.xml for 2{mark}.png" if marked == "image" else f"2{mark}.xml for 2.png"
    assert f"behind the name of a copy, such as {example}; rename one of each pair like the other" in found


def test_numbers_in_brackets_alone_make_no_pair(images, capsys):
    """Windows numbers files in this way when several are renamed together."""
    path = as_voc(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    (path / "2.xml").rename(path / "cell (2).xml")
    for number in (2, 3):
        (images / f"{number}.png").rename(images / f"cell ({number + 5}).png")
    (path / "3.xml").rename(path / "cell.xml")  # of two images, none is meant
    assert "of a copy" not in "\n".join(said_of(capsys, path, images))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("D:\\data\\{}", "have D:/data/ in front"),
        ("JPEGImages/{}.png", "have JPEGImages/ in front"),
        ("sub/{}", "have sub/ in front"),
    ],
)
def test_a_list_whose_lines_are_all_wrong_in_one_way_is_told_once(line, words, images, capsys):
    root = images.parent / "voc"
    (root / "ImageSets/Main").mkdir(parents=True)
    as_voc(root, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE).rename(root / "Annotations")
    images.rename(root / "JPEGImages")
    names = root / "ImageSets/Main/train.txt"
    names.write_text("".join(f"{line.format(number)}\n" for number in (1, 2, 3)))
    for folder in (root, root / "JPEGImages"):
        (found,) = errors(said_of(capsys, names, folder))
        assert f"3 of the 3 lines {words} of the name of a file, such as {line.format(1)}, where" in found
        assert found.endswith("has 1; take it out of all names")


@pytest.mark.parametrize("listed", ["XML files", "images"])
@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("photo_{}", "have XML files of other names: the images have photo_ in front"),
        ("{}.png", "keep the suffix"),
        ("x{0}x{0}", ""),
    ],
)
def test_a_list_whose_images_and_xml_files_have_other_names_is_told_once(pattern, words, listed, images, capsys):
    root = images.parent / "voc"
    (root / "ImageSets/Main").mkdir(parents=True)
    as_voc(root, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE).rename(root / "Annotations")
    images.rename(root / "JPEGImages")
    stems = {"XML files": [], "images": []}
    for number in (1, 2, 3):
        xml, image = (str(number), pattern.format(number)) if pattern != "{}.png" else (f"{number}.png", str(number))
        (root / f"Annotations/{number}.xml").rename(root / f"Annotations/{xml}.xml")
        (root / f"JPEGImages/{number}.png").rename(root / f"JPEGImages/{image}.png")
        stems["XML files"].append(xml)
        stems["images"].append(image)
    names = root / "ImageSets/Main/train.txt"
    names.write_text("\n".join(stems[listed][:2]))
    other = "an image" if listed == "XML files" else "an XML file"
    (found,) = errors(said_of(capsys, names, root))
    assert (f"2 images {words}" if words.startswith("have") else words) in found
    if not words:
        assert (
            f"none of the 2 {listed} has {other} of its name: " in found and "; give the folder of the images" in found
        )


def test_a_folder_in_which_no_image_has_an_xml_file_is_told_once(images, capsys):
    path = as_voc(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    for number in (1, 2, 3):
        (path / f"{number}.xml").rename(path / f"{'abc'[number - 1]}.xml")
    (found,) = errors(said_of(capsys, path, images))
    assert "none of the 3 XML files has an image of its name: xml has a.xml, images has 1.png; give the folder" in found


def test_a_listed_name_that_is_nothing_is_told_once(images, capsys):
    root = images.parent / "voc"
    (root / "ImageSets/Main").mkdir(parents=True)
    as_voc(root, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE).rename(root / "Annotations")
    images.rename(root / "JPEGImages")
    (root / "ImageSets/Main/train.txt").write_text("1\n2\nnowhere\n")
    (found,) = errors(said_of(capsys, root / "ImageSets/Main/train.txt", root))
    assert (
        "nowhere is listed, and there is neither Annotations/nowhere.xml nor an image JPEGImages/nowhere.*; " in found
    )


def test_names_of_another_level_are_told_with_the_folder_to_give(images, capsys):
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    (found,) = errors(said_of(capsys, path, images.parent))
    assert found.endswith(f"; give the folder {images}") and "3 of the 3 names of images are those of files in" in found
    assert not errors(said_of(capsys, path, images))
    path.write_text(path.read_text().replace('"file_name": "', '"file_name": "images/'))
    (found,) = errors(said_of(capsys, path, images))
    assert f"give the folder {images.parent}, or take it out of all names" in found
    assert not errors(said_of(capsys, path, images.parent))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (float, "9 ids are written with a decimal point"),
        (str, "9 ids are in quotes"),
        (lambda number: number + 7_706_992_903_151_817_000, "9 ids are above 2^53"),
        (lambda number: f"img_{number}", "9 ids are texts"),
    ],
)
def test_ids_that_are_all_wrong_in_one_way_are_told_once(change, words, images, capsys):
    items = [Item(n, box) for n, box in enumerate(BOXES, start=1) for _ in range(2)]
    path = as_coco(images.parent, items, SIZE)
    coco = json.loads(path.read_text())
    for image in coco["images"]:
        image["id"] = change(image["id"])
    for row in coco["annotations"]:
        row["image_id"] = change(row["image_id"])
    path.write_text(json.dumps(coco))
    (found,) = errors(said_of(capsys, path, images))
    assert words in found and '"id" of images, such as ' in found and '"image_id" of annotations' in found
    coco["annotations"][0]["image_id"] = change(9)  # what is wrong besides is told besides
    path.write_text(json.dumps(coco))
    found = errors(said_of(capsys, path, images))
    assert len(found) == 2 and "is not among the images" in found[1]


@pytest.mark.parametrize("change", [lambda number: number + 2**60, lambda number: f"ann_{number}"])
@pytest.mark.parametrize(
    ("part", "key", "named"),
    [
        ("annotations", "id", ""),
        ("images", "id", ", and the image_id that refer to them"),
        ("categories", "id", ", and the category_id that refer to them"),
    ],
)
def test_the_remedy_for_ids_names_the_fields_that_refer_to_them(part, key, named, change, images, capsys):
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    coco = json.loads(path.read_text())
    coco["categories"].append({"id": 2, "name": "dog"})
    for row in coco[part]:
        row[key] = change(row[key])
    path.write_text(json.dumps(coco))
    found = next(line for line in errors(said_of(capsys, path, images)) if " ids are " in line)
    assert found.endswith(f"from 1{named}")


@pytest.mark.parametrize("wrong", [-1, 1.5])
def test_an_image_whose_id_is_none_is_told_without_its_rows(wrong, images, capsys):
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    coco = json.loads(path.read_text())
    coco["images"][0]["id"] = coco["annotations"][0]["image_id"] = wrong
    path.write_text(json.dumps(coco))
    (found,) = errors(said_of(capsys, path, images))
    assert f'"id" must be an integer from 0 up, found {wrong}' in found


def test_images_and_xml_files_whose_names_only_look_alike_are_told_once(images, capsys):
    xmls = as_voc(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    for number in (1, 2, 3):
        (images / f"{number}.png").rename(images / normalize("NFD", f"é{number}.png"))
        (xmls / f"{number}.xml").rename(xmls / normalize("NFC", f"é{number}.xml"))
    (found,) = errors(said_of(capsys, xmls, images))
    assert "3 images have XML files whose names look the same" in found


@pytest.mark.parametrize(("of_image", "of_labels"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_labels_of_yolo_are_found_whose_names_are_composed_otherwise(of_image, of_labels, images, capsys):
    path = as_yolo(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    for number in (1, 2, 3):
        (images / f"{number}.png").rename(images / normalize(of_image, f"é{number}.png"))
        (path / f"{number}.txt").rename(path / normalize(of_labels, f"é{number}.txt"))
    assert said_of(capsys, path, images)[-2:] == [
        "3 labelled images with 3 boxes of 1 class (0 without a box), 0 unlabelled images",
        "0 errors, 0 suspicious findings",
    ]


@pytest.mark.parametrize("form", ["CVAT", "LabelMe"])
def test_tools_find_images_whose_names_are_composed_otherwise(form, images, capsys):
    path = FORMS[form](images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    for number in (1, 2, 3):
        (images / f"{number}.png").rename(images / normalize("NFD", f"é{number}.png"))
    for file in path.iterdir():
        name = normalize("NFC", "é")
        file.write_text(re.sub(r'"(\d)\.png"', rf'"{name}\1.png"', file.read_text()))
    assert said_of(capsys, path, images)[-2].startswith("3 labelled images with 3 boxes")


def test_classes_that_only_look_alike_are_told(images, capsys):
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    path.write_text(path.read_text().replace('"cat"', json.dumps(normalize("NFD", "chaté"))))
    (found,) = errors(said_of(capsys, path, images, "--class_names", normalize("NFC", "chaté")))
    assert "their letters are composed otherwise (Unicode NFC and NFD); write both alike" in found


def test_lists_of_images_may_have_names_with_spaces(images, capsys):
    root = images.parent / "voc"
    (root / "ImageSets/Main").mkdir(parents=True)
    as_voc(root, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE).rename(root / "Annotations")
    images.rename(root / "JPEGImages")
    for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "png")):
        (root / f"{folder}/1.{suffix}").rename(root / f"{folder}/my photo 1.{suffix}")
    names = root / "ImageSets/Main/train.txt"
    names.write_text("my photo 1\r\n2.png\n\n")
    assert said_of(capsys, names, root)[-2].startswith("2 labelled images with 2 boxes")
    names.write_text("my photo 1 -1\n2  1\n")
    assert "so it tells in which images one class is" in errors(said_of(capsys, names, root))[0]


@pytest.mark.parametrize(
    "names", [["stop sign", "traffic light"], ["bus, truck", "car"], ["it's", '"a"'], ["[x]", "y"]]
)
def test_the_classes_that_are_printed_can_be_pasted(names, images, capsys):
    for folder in ("one", "two"):
        (images.parent / folder).mkdir()
        xmls = as_voc(images.parent / folder, [Item(1, BOXES[0]), Item(2, BOXES[1])], SIZE)
        for number, name in enumerate(names, start=1):
            file = xmls / f"{number}.xml"
            file.write_text(file.read_text().replace("cat", name))
        xmls.rename(images.parent / folder / "annotations")
        (images.parent / folder / "images").symlink_to(images)
    (images / "3.png").unlink()
    words = ["--data_path", str(images.parent / "one"), "--save_path", str(images.parent / "one.json")]
    xml2coco.main(words)
    printed = capsys.readouterr().out.splitlines()[-1].partition("data set: ")[2]
    xml2coco.main(
        [
            "--data_path",
            str(images.parent / "two"),
            "--save_path",
            str(images.parent / "two.json"),
            *shlex.split(printed),
        ]
    )
    found = [json.loads((images.parent / f"{which}.json").read_text()) for which in ("one", "two")]
    assert found[0]["categories"] == found[1]["categories"]
    assert sorted(row["name"] for row in found[0]["categories"]) == sorted(names)


@pytest.mark.parametrize("words", [["cat,dog"], ["cat", "dog"], ['["cat", dog]'], ["cat, dog"]])
def test_classes_in_one_word_or_several_are_the_same_in_all_programs(words, images, capsys):
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    coco = json.loads(path.read_text())
    path.write_text(json.dumps(coco | {"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}))
    assert not errors(said_of(capsys, path, images, "--class_names", *words))
    assert load_config("", ["--class_names", *words]).class_names == ("cat", "dog")
    assert first_pick.read_classes(words) == tuple(xml2coco.given_names(words)) == ("cat", "dog")
    output = images.parent / "labelled.json"
    options = ["--ann_file", str(path), "--label_ratio", "100", "--output_ann_file", str(output)]
    random_select.main([*options, "--class_names", *words])
    assert [row["name"] for row in json.loads(output.read_text())["categories"]] == ["cat", "dog"]


def test_a_kind_that_opens_and_does_not_decode_is_told_at_the_start(images, capsys):
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    more = images.parent / "more"
    more.mkdir()
    picture(4).save(more / "good.png")
    picture(5).save(more / "photo.jpg", format="AVIF")
    picture(6).save(more / "scan.png", format="TGA")
    Image.fromarray(np.zeros((40, 60), np.float32)).save(more / "heights.tif")
    picture(2).save(images / "2.png", format="GIF")
    found = errors(said_of(capsys, path, images, "--unlabelled_img_dir", str(more)))
    for name, kind in (("photo.jpg", "AVIF"), ("scan.png", "TGA"), ("heights.tif", "TIFF of mode F"), ("2.png", "GIF")):
        (line,) = (line for line in found if f"/{name}: " in line)
        assert kind in line and "whatever its name says" in line and line.endswith("save it as PNG or JPEG")
    assert len(found) == 4
    with pytest.raises(UserError, match=r"photo\.jpg: not a readable image: it is AVIF"):
        read_training_data(Sources(path, images, unlabelled_img_dir=more))


def test_what_the_decoder_takes_is_taken_and_the_rest_is_counted(images, capsys):
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    more = images.parent / "more"
    more.mkdir()
    for number, (suffix, kind) in enumerate(
        [
            ("jfif", "JPEG"),
            ("JPE", "JPEG"),
            ("ppm", "PPM"),
            ("jp2", "JPEG2000"),
            ("dib", "BMP"),
            ("gif", "GIF"),
            ("", "PNG"),
        ]
    ):
        picture(10 + number).save(more / f"{number}.{suffix}".rstrip("."), format=kind)
    (more / "notes.txt").touch()
    lines = said_of(capsys, path, images, "--unlabelled_img_dir", str(more))
    assert not errors(lines) and "5 unlabelled images" in lines[-2]
    (doubt,) = doubts(lines)
    assert "2 files are passed over (1 without suffix, 1 .gif)" in doubt and "save pictures among them as PNG" in doubt


def test_an_image_beside_an_xml_file_that_is_of_another_kind_is_named(images, capsys):
    xmls = as_voc(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    (images / "2.png").rename(images / "2.gif")
    (found,) = errors(said_of(capsys, xmls, images))
    assert "images/2.gif is of no kind that can be read as the image of its XML file or line: save it as PNG" in found


@pytest.mark.parametrize(("largest", "doubted"), [(4095, True), (16383, True), (60000, False)])
def test_16_bits_of_which_few_are_used_are_doubted(largest, doubted, images, capsys):
    for number in (1, 2, 3):
        values = np.random.default_rng(number).integers(0, largest + 1, (HEIGHT, WIDTH)).astype(np.uint16)
        values[0, 0] = largest
        Image.fromarray(values).save(images / f"{number}.png")
    path = as_coco(images.parent, [Item(n, box) for n, box in enumerate(BOXES, start=1)], SIZE)
    found = doubts(said_of(capsys, path, images, "--eval_ann_file", str(path), "--eval_img_dir", str(images)))
    words = f"3 of the 3 pictures examined have 16 bits per sample, of which they use {largest.bit_length()} "
    assert (
        sum(line.startswith((f"suspicious: {words}", f"suspicious: evaluation set: {words}")) for line in found)
        == 2 * doubted
    )


@pytest.mark.parametrize("options", [(), ("--masks",)], ids=["a detector of boxes", "of masks"])
@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (15, 1), (0, 0.5)])
def test_outlines_that_lie_elsewhere_than_their_boxes_are_doubted(shift, scale, options, images, capsys):
    boxes = [(2, 3, 22, 18), (12, 5, 32, 18), (5, 8, 30, 29)]
    items = []
    for number, box in enumerate(boxes, start=1):
        x1, y1, x2, y2 = (int(scale * value) for value in box)
        outline = [x1 + shift, y1, x2 + shift, y1, x2 + shift, y2, x1 + shift, y2]
        whole = np.zeros((HEIGHT, WIDTH), np.uint8)
        whole[y1:y2, x1 + shift : x2 + shift] = 1
        runs = np.flatnonzero(np.diff(np.concatenate([[0], whole.T.reshape(-1), [1 - whole[-1, -1]]]))).tolist()
        counts = np.diff([0, *runs]).tolist()
        mask = {"size": [HEIGHT, WIDTH], "counts": counts} if number == 3 else [outline]
        items.append(Item(number, boxes[number - 1], {"segmentation": mask}))
    lines = said_of(capsys, as_coco(images.parent, items, SIZE), images, *options)
    assert not errors(lines)
    assert [("3 of the 3 outlines do not agree with their boxes" in line) for line in doubts(lines)] == [True] * (
        (shift, scale) != (0, 1)
    )
