"""A corpus of small broken data sets, and the sentence that the doctor must say about each; training must refuse the same."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.annotations import count_empty
from src.data.doctor import main
from src.data.training_data import Sources, read_training_data
from src.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
BOXES = [(2, 3, 9, 8), (12, 5, 11, 13), (20, 20, 15, 12), (30, 8, 14, 21), (5, 25, 18, 10), (22, 2, 6, 7)]


def good() -> dict:
    """Four images of 60 x 40, three boxes in each of the first two, of the classes cat and dog."""
    images = [{"id": i, "file_name": f"{i}.png", "width": 60, "height": 40} for i in (1, 2, 3, 4)]
    rows = [
        {"id": n, "image_id": 1 + (n - 1) // 3, "category_id": 1 + n % 2, "bbox": list(box), "iscrowd": 0}
        for n, box in enumerate(BOXES, start=1)
    ]
    return {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}


def picture(number: int, size=(60, 40)) -> Image.Image:
    """A picture unlike those of all other numbers."""
    blocks = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)


def put(*place):
    """A change of the annotation file: the last of `place` is the new value at the path before it."""

    def change(coco: dict, _: Path) -> None:
        target = coco
        for key in place[:-2]:
            target = target[key]
        target[place[-2]] = place[-1]

    return change


def drop(*place):
    """A change of the annotation file: the value at the path is taken out."""

    def change(coco: dict, _: Path) -> None:
        target = coco
        for key in place[:-1]:
            target = target[key]
        del target[place[-1]]

    return change


def text(content: bytes | str):
    """The annotation file holds this."""

    def change(coco: dict, folder: Path) -> None:
        coco.clear()
        (folder / "train.json").write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def file(name: str, content: bytes | Image.Image | None):
    """An image file is replaced, or taken away."""

    def change(_: dict, folder: Path) -> None:
        path = folder / "images" / name
        path.unlink(missing_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            content.save(path)

    return change


def turned(coco: dict, folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(1).save(folder / "images/1.png", exif=exif)


def boxes(*new):
    """As many rows as boxes, in turn for images 1 and 2 and both classes."""

    def change(coco: dict, _: Path) -> None:
        coco["annotations"] = [
            {"id": n, "image_id": 1 + n % 2, "category_id": 1 + n // 2 % 2, "bbox": list(box)}
            for n, box in enumerate(new, start=1)
        ]

    return change


def crowds(category: int = 0, first: int = 0):
    """The boxes of a category become crowds, or the first few, of both categories."""

    def change(coco: dict, _: Path) -> None:
        for number, row in enumerate(coco["annotations"]):
            row["iscrowd"] = int(row["category_id"] == category or number < first)

    return change


def areas(area: float):
    """Every annotation gives this area."""

    def change(coco: dict, _: Path) -> None:
        for row in coco["annotations"]:
            row["area"] = area

    return change


def many_empty(coco: dict, folder: Path) -> None:
    for i in range(5, 20):
        coco["images"].append({"id": i, "file_name": f"{i}.png", "width": 60, "height": 40})
        picture(i).save(folder / f"images/{i}.png")


def both(first, second):
    def change(coco: dict, folder: Path) -> None:
        first(coco, folder)
        second(coco, folder)

    return change


def cut_off(kind: str):
    def change(_: dict, folder: Path) -> None:
        path = folder / f"images/1.{kind}"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        path.rename(folder / "images/1.png")

    return change


ROW, IMAGE = ("annotations", 0), ("images", 0)
CORNERS = [(x, y, x + w, y + h) for x, y, w, h in BOXES[:3]] + [(40, 30, 59, 39)]

# name of the data set -> (what is wrong with it, what the doctor must say)
ERRORS = {
    "an empty file": (text(b""), "the file is empty"),
    "cut off JSON": (text('{"images": [{"id": 1, '), "not valid JSON at line 1"),
    "a comma too many": (text('{"images": [1,]}'), "not valid JSON at line 1, column 15"),
    "UTF-16": (text('{"images": []}'.encode("utf-16")), "not UTF-8 text (byte 0); save it as UTF-8"),
    "a picture instead of JSON": (text(b"\x89PNG\r\n\x1a\n\x00\x00"), "not UTF-8 text (byte 0)"),
    "a list of images only": (text("[]"), "expected an object with images, annotations and categories, found a list"),
    "a deep nesting": (text("[" * 100_000), "too deeply"),
    "half a character": (text('{"images": "\\ud800"}'), "half a character"),
    "no images list": (drop("images"), 'no "images" list; a COCO file has one'),
    "no annotations list": (drop("annotations"), 'no "annotations" list'),
    "annotations are an object": (put("annotations", {}), '"annotations" must be a list, found an object'),
    "an image is a text": (put("images", 3, "4.png"), "images[3]: expected an object, found a text"),
    "no images": (both(put("images", []), put("annotations", [])), "has no labelled image"),
    "no categories": (put("categories", []), "no categories: the classes to detect must be listed"),
    "a category id of text": (put("categories", 0, "id", "1"), 'categories[0]: "id" must be an integer from 0 up'),
    "a category without a name": (drop("categories", 1, "name"), 'categories[1]: "name" must be a text, found nothing'),
    "two categories of one id": (put("categories", 1, "id", 1), "category id 1 is used 2 times; give each"),
    "two categories of one name": (
        put("categories", 1, "name", "cat"),
        'category name "cat" is used 2 times; make one',
    ),
    "an image without id": (drop(*IMAGE, "id"), 'images[0] (1.png): "id" must be an integer'),
    "two images of one id": (put("images", 1, "id", 1), "image id 1 is used 2 times; give each image its own"),
    "two entries for one file": (
        put("images", 1, "file_name", "./1.png"),
        'file_name "1.png" is used 2 times; make one',
    ),
    "a file name of a list": (put(*IMAGE, "file_name", ["1.png"]), '"file_name" must be a text, found ["1.png"]'),
    "a file name with a new line": (put(*IMAGE, "file_name", "1\n.png"), '"file_name" must be a text'),
    "an absolute file name": (put(*IMAGE, "file_name", "/data/1.png"), "must be a path inside the image folder"),
    "a file name that leaves the folder": (put(*IMAGE, "file_name", "../1.png"), "write it from that folder on"),
    "a width of 0": (
        put(*IMAGE, "width", 0),
        'images[0] (1.png): "width" and "height" must be whole numbers of pixels',
    ),
    "no height": (drop(*IMAGE, "height"), "found 60 x nothing"),
    "a size in fractions": (put(*IMAGE, "height", 39.5), "found 60 x 39.5"),
    "a flag of text": (put(*IMAGE, "labelled", "no"), '"labelled" must be true or false, found "no"'),
    "unlabelled with boxes": (put(*IMAGE, "labelled", False), '"labelled" is false but it has 3 annotations; remove'),
    "two annotations of one id": (put("annotations", 1, "id", 1), "annotation id 1 is used 2 times; number them anew"),
    "an annotation of no image": (put(*ROW, "image_id", 9), "image_id 9 is not among the images; correct it"),
    "an image id of text": (put(*ROW, "image_id", "1"), 'annotations[0] (id 1): image_id "1" is not among the images'),
    "a category nobody listed": (put(*ROW, "category_id", 3), "category_id 3 is not among the categories; correct it"),
    "no box": (drop(*ROW, "bbox"), "annotations[0] (id 1): bbox must be four finite numbers"),
    "a box of three numbers": (put(*ROW, "bbox", [1, 2, 3]), "bbox must be four finite numbers [x, y, width, height]"),
    "a box with NaN": (put(*ROW, "bbox", [1, 2, float("nan"), 3]), "found [1, 2, NaN, 3]"),
    "a box of huge numbers": (put(*ROW, "bbox", [1, 2, 10**400, 3]), "bbox must be four finite numbers"),
    "a box of texts": (put(*ROW, "bbox", ["1", "2", "3", "4"]), 'found ["1", "2", "3", "4"]'),
    "a box of no width": (
        put(*ROW, "bbox", [5, 5, 0, 3]),
        "has no size; width and height must be above 0: take the row",
    ),
    "a box of negative height": (put(*ROW, "bbox", [5, 5, 3, -3]), "has no size"),
    "a box outside its image": (
        put(*ROW, "bbox", [55, 5, 30, 3]),
        "lies outside its image of 60 x 40 pixels; was it drawn",
    ),
    "boxes as corners": (boxes(*CORNERS), "all 4 boxes fit into their images as corners (x1, y1, x2, y2)"),
    "boxes as fractions": (boxes((0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 0.2, 0.1)), "like fractions of an image"),
    "a crowd of 2": (put(*ROW, "iscrowd", 2), '"iscrowd" must be 0 or 1, found 2'),
    "no box at all": (put("annotations", []), "nothing to train on: none of the 4 labelled images has an object"),
    "crowds only": (
        lambda coco, _: [row.update(iscrowd=1) for row in coco["annotations"]],
        'nothing to train on: all 6 boxes are crowds ("iscrowd": 1, as some labelling tools export brush masks)',
    ),
    "a negative area": (
        put(*ROW, "area", -5),
        'annotations[0] (id 1): "area" must be a number of pixels above 0, found -5',
    ),
    "an area of 0": (put(*ROW, "area", 0), '"area" must be a number of pixels above 0, found 0; correct it, or take'),
    "an area of NaN": (put(*ROW, "area", float("nan")), '"area" must be a number of pixels above 0, found NaN'),
    "an endless area": (put(*ROW, "area", float("inf")), '"area" must be a number of pixels above 0, found Infinity'),
    "an area of text": (put(*ROW, "area", "72"), '"area" must be a number of pixels above 0, found "72"'),
    "an area of true": (put(*ROW, "area", True), '"area" must be a number of pixels above 0, found true'),
    "an area of null": (put(*ROW, "area", None), '"area" must be a number of pixels above 0, found null'),
    "an area of a list": (put(*ROW, "area", [72]), '"area" must be a number of pixels above 0, found [72]'),
    "an area beyond the image": (put(*ROW, "area", 2710), '"area" 2710 is more than all 60 x 40 pixels of its image'),
    "a missing image": (file("3.png", None), "3.png: no such image file; put it there, or remove its entry"),
    "another case": (put("images", 2, "file_name", "3.PNG"), "is 3.png meant? Correct its file_name"),
    "another suffix": (put("images", 2, "file_name", "3.jpg"), "is 3.png meant? Correct its file_name"),
    "a folder that is not there": (put("images", 2, "file_name", "day/3.png"), "is 3.png meant?"),
    "another size": (
        file("2.png", picture(2, (30, 20))),
        "2.png: the image is 30x20 (as shown) but its entry says 60x40",
    ),
    "a rotation by EXIF": (turned, "the image is 40x60 (as shown) but its entry says 60x40"),
    "no picture": (file("1.png", b"hello"), "1.png: not a readable image"),
    "an empty picture": (file("1.png", b""), "1.png: not a readable image"),
    "a cut off PNG": (cut_off("png"), "1.png: the picture is truncated or broken"),
    "a cut off JPEG": (cut_off("jpg"), "1.png: the picture is truncated or broken"),
    "more objects than rows": (boxes(*[(i, 2, 9, 8) for i in range(20)]), "--num_gts 8; pass --num_gts 10"),
}
FOUND_BY_DECODING = {"a cut off PNG", "a cut off JPEG"}  # training meets these only when it reads the picture

# name of the data set -> (what is doubtful about it, what the doctor must say)
SUSPICIOUS = {
    "boxes of one size": (boxes(*[(i, i, 9, 8) for i in range(12)]), "all 12 boxes are 9 x 8 pixels"),
    "tiny boxes": (put(*ROW, "bbox", [5, 5, 1, 3]), "1 box is less than 2 pixels wide or high, in 1.png"),
    "a box twice": (put("annotations", 2, "bbox", list(BOXES[0])), "1 box is there twice, in 1.png"),
    "a box of two classes": (
        put("annotations", 1, "bbox", list(BOXES[0])),
        "1 box has two classes, in 1.png",
    ),
    "boxes of whole images": (
        boxes(*[(0, 0, 60, 40 - i / 40) for i in range(12)]),
        "12 of the 12 boxes cover their whole",
    ),
    "a class without boxes": (
        lambda coco, _: coco["categories"].append({"id": 3, "name": "bird"}),
        "no labelled image has a box of class bird",
    ),
    "classes that differ by case": (put("categories", 1, "name", "Cat "), 'classes "cat", "Cat " differ only by case'),
    "spaces around a class": (put("categories", 1, "name", " dog"), 'class " dog" has spaces around its name'),
    "a class of background": (put("categories", 1, "name", "Background"), "background needs no category of its own"),
    "most images empty": (
        many_empty,
        "17 of the 19 labelled images have no box, such as 3.png, 4.png, 5.png and 14 more",
    ),
    "a crowded image": (
        lambda coco, _: coco["annotations"].extend(
            {"id": 10 + n, "image_id": 3, "category_id": 1, "bbox": [n % 40, n // 40, 5 + n % 3, 6]} for n in range(150)
        ),
        "3.png has 150 objects, the median is 3",
    ),
    "the same picture twice": (file("2.png", picture(1)), "the same picture occurs 2 times"),
    "a class of crowds": (crowds(category=2), 'all 3 boxes of class dog are crowds ("iscrowd": 1'),
    "mostly crowds": (crowds(first=4), '4 of the 6 boxes are crowds ("iscrowd": 1'),
    "areas of another picture": (
        both(boxes(*[(i, i, 9, 8 + i) for i in range(12)]), areas(400)),
        '12 of the 12 objects have an "area" that is larger than their box or below one pixel, such as in 1.png, 2.png',
    ),
    "areas as fractions": (both(boxes(*[(i, i, 9, 8 + i) for i in range(12)]), areas(0.03)), "or below one pixel"),
}


def make(folder: Path, change=None) -> None:
    (folder / "images").mkdir()
    for number in (1, 2, 3, 4):
        picture(number).save(folder / f"images/{number}.png")
    coco = good()
    if change:
        change(coco, folder)
    if coco:
        (folder / "train.json").write_text(json.dumps(coco))


def doctor(folder: Path, capsys, *words: str) -> tuple[int, str]:
    try:
        main(["--ann_file", str(folder / "train.json"), "--img_dir", str(folder / "images"), *words])
        status = 0
    except SystemExit as end:
        status = end.code
    return status, capsys.readouterr().out


def test_a_good_data_set_has_nothing(tmp_path, capsys):
    make(tmp_path)
    status, said = doctor(tmp_path, capsys, "--images", "--num_gts", "8")
    assert (status, said.splitlines()) == (
        0,
        [
            "4 labelled images with 6 boxes of 2 classes (2 without a box), 0 unlabelled images",
            "boxes by class: cat 3, dog 3",
            "0 errors, 0 suspicious findings",
        ],
    )


@pytest.mark.parametrize("name", ERRORS)
def test_each_broken_data_set_is_told_by_the_doctor_and_refused_by_training(name, tmp_path, capsys):
    change, sentence = ERRORS[name]
    make(tmp_path, change)
    status, said = doctor(tmp_path, capsys, "--images", "--num_gts", "8")
    assert status == 1 and sentence in said, said
    assert re.search(r"^[1-9]\d* errors?, ", said, re.MULTILINE)
    if name not in FOUND_BY_DECODING:
        with pytest.raises(UserError) as refused:
            read_training_data(Sources(tmp_path / "train.json", tmp_path / "images", max_gts=8))
        assert sentence in str(refused.value)


@pytest.mark.parametrize("name", SUSPICIOUS)
def test_each_doubtful_data_set_is_told_and_training_says_it_too(name, tmp_path, capsys):
    change, sentence = SUSPICIOUS[name]
    make(tmp_path, change)
    status, said = doctor(tmp_path, capsys, "--images")
    assert status == 0 and sentence in said, said
    if name != "the same picture twice":
        data = read_training_data(Sources(tmp_path / "train.json", tmp_path / "images", max_gts=200))
        assert any(sentence in doubt for doubt in data.suspicions)


def test_faults_of_the_annotation_file_do_not_hide_those_of_the_images(tmp_path, capsys):
    make(tmp_path, both(put(*ROW, "bbox", [5, 5, 0, 3]), file("3.png", None)))
    (tmp_path / "images/4.png").write_bytes(b"hello")
    coco = json.loads((tmp_path / "train.json").read_text())
    coco["images"] += ["x", {"id": 5, "file_name": ["5.png"]}, {"id": 6, "file_name": "6.png", "width": 9, "height": 9}]
    (tmp_path / "train.json").write_text(json.dumps(coco))
    status, said = doctor(tmp_path, capsys, "--images")
    assert status == 1
    for sentence in ("images[4]: expected an object", "3.png: no such", "4.png: not a readable", "6.png: no such"):
        assert sentence in said


def test_every_kind_of_fault_of_pascal_voc_comes_in_one_run(tmp_path, capsys):
    """An image without XML, a broken XML, an unknown class, a box outside, a file that is no image, one that is cut off."""
    make(tmp_path)
    (tmp_path / "xml").mkdir()
    for number in range(1, 8):
        if number > 4:
            shutil.copy(tmp_path / "images/1.png", tmp_path / f"images/{number}.png")
        name = "dgo" if number == 3 else "cat"
        box = f"<xmin>1</xmin><ymin>1</ymin><xmax>{900 if number == 4 else 9}</xmax><ymax>9</ymax>"
        text = f"<annotation><object><name>{name}</name><bndbox>{box}</bndbox></object></annotation>"
        (tmp_path / f"xml/{number}.xml").write_text(text[:40] if number == 2 else text)
    (tmp_path / "xml/1.xml").unlink()
    (tmp_path / "images/5.png").write_bytes(b"hello")
    whole = (tmp_path / "images/6.png").read_bytes()
    (tmp_path / "images/6.png").write_bytes(whole[: len(whole) // 2])
    words = ["--ann_file", tmp_path / "xml", "--img_dir", tmp_path / "images", "--class_names", "cat,dog", "--images"]
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    said = capsys.readouterr().out
    assert stopped.value.code == 1 and "6 errors" in said, said
    for sentence in (
        "1.png has no",
        "2.xml: ",
        "is it dog?",
        "4.png: object 1",
        "5.png: not a readable",
        "6.png: the picture is",
    ):
        assert sentence in said, said


def test_a_picture_that_is_cut_off_is_told_beside_a_fault_of_a_text_file(tmp_path, capsys):
    make(tmp_path)
    whole = (tmp_path / "images/2.png").read_bytes()
    (tmp_path / "images/2.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "a.txt").write_text("1.png 5,5,5,9,0\n2.png 5,5,9,9,0\n")
    words = ["--ann_file", tmp_path / "a.txt", "--img_dir", tmp_path / "images", "--class_names", "cat", "--images"]
    with pytest.raises(SystemExit):
        main([str(word) for word in words])
    said = capsys.readouterr().out
    assert "2 errors" in said and "line 1" in said and "2.png: the picture is truncated" in said, said


def test_of_many_faults_of_a_kind_the_first_are_shown_and_all_are_in_a_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make(tmp_path, boxes(*[(5, 5, 0, 1)] * 50, (900, 5, 9, 9)))
    for _ in range(2):
        _, said = doctor(tmp_path, capsys)
        assert said.count("has no size") == 5 and "51 errors" in said
        assert "  ... and 45 more of this kind\n" in said and "900" in said
    (file,) = tmp_path.glob("faults_*.txt")
    assert f"the whole list: {file}\n" in said
    assert file.read_text().count("has no size") == 50 and len(file.read_text().splitlines()) == 51


def test_faults_of_both_files_of_images_and_of_the_plain_folder_come_together(tmp_path, capsys):
    make(tmp_path, file("1.png", None))
    coco = good()
    coco["categories"][0]["name"] = "Cat"
    (tmp_path / "eval.json").write_text(json.dumps(coco))
    (tmp_path / "more").mkdir()
    (tmp_path / "more/4.png").symlink_to(tmp_path / "images/4.png")
    words = ["--eval_ann_file", str(tmp_path / "eval.json"), "--eval_img_dir", str(tmp_path / "images")]
    status, said = doctor(tmp_path, capsys, *words, "--unlabelled_img_dir", str(tmp_path / "more"))
    assert status == 1
    for sentence in (
        "1.png: no such image file",
        "is not one of the classes cat, dog; is it cat?",
        "4.png: is an image of eval_ann_file too",
        "3 training images are among the 4 evaluation images, themselves or as copies, such as 2.png",
    ):
        assert sentence in said


def test_voc_folders_and_text_files_are_examined_too(tmp_path, capsys):
    make(tmp_path)
    (tmp_path / "train.json").unlink()
    lines = [f"{i}.png 2,3,11,11,1 12,5,23,18,2" for i in (1, 2, 3)] + ["4.png 2,3,2,11,1"]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    for i in (1, 2, 3, 4):
        box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>11</ymax></bndbox>"
        size = f"<size><width>{60 if i < 4 else 61}</width><height>40</height></size>"
        xml = tmp_path / f"xml/{i}.xml"
        xml.parent.mkdir(exist_ok=True)
        xml.write_text(f"<annotation>{size}<object><name>cat</name>{box}</object></annotation>")
    for form, sentence in (
        ("a.txt", "line 4: 4.png: '2,3,2,11,1' has no size"),
        ("xml", "but <size> in 4.xml says 61x40"),
    ):
        with pytest.raises(SystemExit) as end:
            words = ["--img_dir", str(tmp_path / "images"), "--class_names", "background, cat, dog"]
            main(["--ann_file", str(tmp_path / form), *words, "--images"])
        said = capsys.readouterr().out
        assert end.value.code == 1 and sentence in said, said


FORMS = {"train.json": '"iscrowd": 1', "a.txt": "1 as the sixth number of a box", "xml": "<difficult>1</difficult>"}


def in_each_form(folder: Path, mark: int) -> None:
    """A box in each of the four images, as COCO, text and XML files; `mark` 1: all are crowds."""
    coco = good()
    rows = [
        {"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [2, 3, 5 + i, 8], "iscrowd": mark}
        for i in range(1, 5)
    ]
    (folder / "train.json").write_text(json.dumps(coco | {"annotations": rows}))
    lines = [f"{i}.png 2,3,{7 + i},11,{i % 2},{mark}" for i in range(1, 5)]
    (folder / "a.txt").write_text("\n".join(lines))
    (folder / "xml").mkdir(exist_ok=True)
    for i in range(1, 5):
        box = f"<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>{7 + i}</xmax><ymax>11</ymax></bndbox>"
        item = f"<object><name>{('cat', 'dog')[i % 2]}</name><difficult>{mark}</difficult>{box}</object>"
        (folder / f"xml/{i}.xml").write_text(f"<annotation>{item}</annotation>")


@pytest.mark.parametrize("form", FORMS)
def test_a_set_of_crowds_alone_is_refused_in_each_form_until_the_marks_are_changed(form, tmp_path, capsys):
    make(tmp_path)
    in_each_form(tmp_path, mark=1)
    words = ["--ann_file", str(tmp_path / form), "--img_dir", str(tmp_path / "images"), "--class_names", "cat,dog"]
    with pytest.raises(SystemExit) as end:
        main(words)
    said = capsys.readouterr().out
    assert end.value.code == 1 and "4 labelled images with 0 boxes and 4 crowds of 2 classes" in said
    assert f"all 4 boxes are crowds ({FORMS[form]}" in said and "write 0 instead of 1" in said
    with pytest.raises(UserError, match="nothing to train on"):
        read_training_data(Sources(tmp_path / form, tmp_path / "images", max_gts=8, class_names=("cat", "dog")))
    in_each_form(tmp_path, mark=0)
    main(words)
    assert "4 labelled images with 4 boxes of 2 classes" in capsys.readouterr().out


@pytest.mark.parametrize("form", FORMS)
def test_evaluation_images_without_an_object_to_find_are_told(form, tmp_path, capsys):
    make(tmp_path)
    for crowd in (1, 0):
        in_each_form(tmp_path, mark=crowd)
        evaluation = tmp_path / form
        (tmp_path / "good.json").write_text(json.dumps(good()))
        words = ["--eval_ann_file", str(evaluation), "--eval_img_dir", str(tmp_path / "images")]
        main(
            [
                "--ann_file",
                str(tmp_path / "good.json"),
                "--img_dir",
                str(tmp_path / "images"),
                *words,
                "--class_names",
                "cat,dog",
            ]
        )
        said = capsys.readouterr().out
        reason = "AP cannot be measured, so no best checkpoint can be chosen: all 4 boxes are crowds"
        assert (reason in said) == bool(crowd) and "0 errors" in said
        assert f"4 evaluation images with {'0 boxes and 4 crowds' if crowd else '4 boxes'}" in said


def test_evaluation_images_without_a_box_are_told(tmp_path, capsys):
    make(tmp_path)
    (tmp_path / "eval.json").write_text(json.dumps(good() | {"annotations": []}))
    words = ["--eval_ann_file", str(tmp_path / "eval.json"), "--eval_img_dir", str(tmp_path / "images")]
    said = doctor(tmp_path, capsys, *words)[1]
    assert "evaluation set: AP cannot be measured" in said and "none of the 4 labelled images has an object" in said


def test_brush_masks_are_trained_on_when_their_marks_are_changed(tmp_path, capsys):
    make(tmp_path)
    coco = good()
    for row in coco["annotations"]:
        x, y, w, h = row["bbox"]
        mask = np.zeros((40, 60), np.uint8)
        mask[y : y + h, x : x + w] = 1
        ends = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0, append=2))
        row |= {"iscrowd": 1, "segmentation": {"size": [40, 60], "counts": np.diff(ends, prepend=0).tolist()}}
    (tmp_path / "train.json").write_text(json.dumps(coco))
    assert "all 6 boxes are crowds" in doctor(tmp_path, capsys, "--masks")[1]
    for row in coco["annotations"]:
        row["iscrowd"] = 0
    (tmp_path / "train.json").write_text(json.dumps(coco))
    assert doctor(tmp_path, capsys, "--masks")[1].endswith("0 errors, 0 suspicious findings\n")


@pytest.mark.parametrize(
    "change", [drop("images", 1, "file_name"), put("images", 1, "file_name", 3)], ids=["none", "3"]
)
def test_the_masks_of_an_image_without_a_name_wait_for_it(tmp_path, capsys, change):
    make(tmp_path)
    coco = good()
    change(coco, tmp_path)
    (tmp_path / "train.json").write_text(json.dumps(coco))
    status, said = doctor(tmp_path, capsys, "--masks")
    assert status == 1 and "images[1]" in said and "objects has a mask" in said


@pytest.mark.parametrize(
    ("labelled", "empty", "doubted"), [(96, 46, True), (96, 10, True), (96, 9, False), (8, 4, True), (8, 3, False)]
)
def test_an_unusual_share_of_images_without_boxes_is_doubted_in_every_form(tmp_path, labelled, empty, doubted):
    (tmp_path / "images").mkdir()
    (tmp_path / "xml").mkdir()
    names = [f"{i:02}.png" for i in range(1, labelled + 1)]
    boxed = labelled - empty
    for i, name in enumerate(names):
        Image.new("RGB", (60, 40)).save(tmp_path / "images" / name)
        box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>11</ymax></bndbox>"
        item = f"<object><name>cat</name>{box}</object>" if i < boxed else ""
        (tmp_path / "xml" / name).with_suffix(".xml").write_text(f"<annotation>{item}</annotation>")
    lines = [f"{name} 2,3,9,11,0" if i < boxed else name for i, name in enumerate(names)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    images = [{"id": i, "file_name": name, "width": 60, "height": 40} for i, name in enumerate(names)]
    rows = [{"id": i, "image_id": i, "category_id": 1, "bbox": [2, 3, 7, 8]} for i in range(boxed)]
    coco = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "a.json").write_text(json.dumps(coco))
    reviewed = [image | {"labelled": True} for image in images]
    (tmp_path / "reviewed.json").write_text(json.dumps(coco | {"images": reviewed}))

    def doubts(form: str) -> list[str]:
        data = read_training_data(Sources(tmp_path / form, tmp_path / "images", max_gts=200, class_names=("cat",)))
        assert count_empty(data.labelled) == empty
        return [sentence for sentence in data.suspicions if "no box" in sentence]

    for form, remedy in (
        ("a.json", '"labelled": false'),
        ("xml", "unlabelled_img_dir"),
        ("a.txt", "unlabelled_img_dir"),
    ):
        found = doubts(form)
        assert bool(found) == doubted
        if doubted:
            assert f"{empty} of the {labelled} labelled images have no box" in found[0] and remedy in found[0]
    assert doubts("reviewed.json") == []


def test_a_picture_of_the_evaluation_set_is_found_in_training_under_another_name(tmp_path, capsys):
    make(tmp_path)
    (tmp_path / "eval").mkdir()
    picture(2).save(tmp_path / "eval/other.png")
    coco = good()
    coco["images"] = [coco["images"][0] | {"file_name": "other.png"}]
    coco["annotations"] = coco["annotations"][:3]
    (tmp_path / "eval.json").write_text(json.dumps(coco))
    words = ["--eval_ann_file", str(tmp_path / "eval.json"), "--eval_img_dir", str(tmp_path / "eval")]
    assert "the same picture" not in doctor(tmp_path, capsys, *words)[1]
    status, said = doctor(tmp_path, capsys, *words, "--images")
    assert status == 0 and "the same picture is in training and evaluation" in said and "other.png" in said


def test_pictures_of_the_unlabelled_folder_are_decoded_and_compared_too(tmp_path, capsys):
    make(tmp_path)
    (tmp_path / "more").mkdir()
    picture(3).save(tmp_path / "more/again.bmp")  # other bytes
    picture(3).save(tmp_path / "more/copy.png")
    words = ["--unlabelled_img_dir", str(tmp_path / "more"), "--images"]
    status, said = doctor(tmp_path, capsys, *words)
    assert status == 0 and "the same picture occurs 2 times" in said and "again.bmp" in said
    assert "left out of this folder, 1 in all: copy.png (the same as" in said
    cut_off("png")({}, tmp_path)
    (tmp_path / "images/1.png").rename(tmp_path / "more/cut.png")
    picture(1).save(tmp_path / "images/1.png")
    status, said = doctor(tmp_path, capsys, *words)
    assert status == 1 and "cut.png: the picture is truncated or broken" in said


def test_the_program_ends_with_1_for_errors_and_2_for_a_wrong_command(tmp_path):
    make(tmp_path, put(*ROW, "iscrowd", 2))
    command = [sys.executable, "-m", "src.data.doctor", "--ann_file", str(tmp_path / "train.json")]
    done = subprocess.run(
        [*command, "--img_dir", str(tmp_path / "images")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "iscrowd" in done.stdout and not done.stderr
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--img_dir" in done.stderr


def test_the_corpus_is_large_enough():
    assert len(ERRORS) + len(SUSPICIOUS) >= 40


@pytest.mark.parametrize("annotations_are_good", [True, False])
def test_broken_headers_do_not_hide_broken_pixels_of_unlabelled_images(tmp_path, capsys, annotations_are_good):
    make(tmp_path, *([] if annotations_are_good else [put(*ROW, "iscrowd", 2)]))
    (tmp_path / "more").mkdir()
    for number in range(5, 9):
        picture(number).save(tmp_path / "more" / f"{number}.png")
    header, pixels = (tmp_path / "more" / f"{number}.png" for number in (6, 7))
    header.write_bytes(header.read_bytes()[:20])
    pixels.write_bytes(pixels.read_bytes()[:-60])
    status, said = doctor(tmp_path, capsys, "--unlabelled_img_dir", str(tmp_path / "more"), "--images")
    assert status == 1
    for path in (header, pixels):
        assert said.count(f"error: {path}: ") == 1


@pytest.mark.parametrize("annotations_are_good", [True, False])
def test_a_broken_picture_of_both_the_annotation_file_and_the_plain_folder_is_one_error(
    tmp_path, capsys, annotations_are_good
):
    make(tmp_path, *([] if annotations_are_good else [put(*ROW, "iscrowd", 2)]))
    cut_off("png")({}, tmp_path)
    same = tmp_path / "images" / ".." / "images"  # spelt in another way
    status, said = doctor(tmp_path, capsys, "--unlabelled_img_dir", str(same), "--images")
    assert status == 1 and said.count("truncated or broken") == 1
    count = "1 error, " if annotations_are_good else "2 errors, "
    assert said.splitlines()[-1].startswith(count) and "further checks follow" in said


def test_errors_do_not_hide_a_misspelt_class_and_say_that_more_is_checked_later(tmp_path, capsys):
    def change(coco, _):
        coco["categories"] += [{"id": 90 + number, "name": name} for number, name in enumerate(("Face ", "face"))]
        coco["annotations"][0]["iscrowd"] = 2

    make(tmp_path, change)
    status, said = doctor(tmp_path, capsys)
    assert status == 1 and 'suspicious: class "Face " has spaces around its name' in said and "iscrowd" in said
    assert "of classes; the labels were not looked at, further checks follow when it is corrected" in said
