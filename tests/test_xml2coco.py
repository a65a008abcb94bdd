import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from src import split_data, xml2coco
from src.data import doctor
from src.data.checks.coco.coco_faults import coco_faults

ROOT = Path(__file__).resolve().parents[1]


def item(name, *box):
    corners = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"


def add(folder, name, objects="", size=(20, 10), suffix=".png", xml_size=None, **save):
    """One picture and its XML; ``name`` may hold a sub-folder."""
    for kind in ("images", "annotations"):
        (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(folder / "images" / (name + suffix), **save)
    width, height = xml_size or size
    xml = f"<annotation><filename>wrong.gif</filename><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"
    (folder / "annotations" / f"{name}.xml").write_text(xml, encoding="utf-8")


def convert(folder, *more):
    xml2coco.main(["--data_path", str(folder), "--save_path", str(folder / "out" / "a.json"), *more])
    coco = json.loads((folder / "out" / "a.json").read_text(encoding="utf-8"))
    assert coco_faults(coco) == []
    return coco


def refused(folder, capsys, *more):
    with pytest.raises(SystemExit) as stop:
        convert(folder, *more)
    assert stop.value.code == 2
    assert not (folder / "out" / "a.json").exists()
    return capsys.readouterr().err


def test_boxes_ids_names_and_empty_images(tmp_path, capsys):
    add(tmp_path, "b/ä", item("without", 0.5, 1, 21, 9.25) + item("with", -1, 0, 4, 4), suffix=".JPG")
    add(tmp_path, "a", item("with", 1, 2, 3, 4))
    add(tmp_path, "c")
    coco = convert(tmp_path)
    assert [(i["id"], i["file_name"]) for i in coco["images"]] == [(1, "a.png"), (2, "b/ä.JPG"), (3, "c.png")]
    assert [(c["id"], c["name"]) for c in coco["categories"]] == [(1, "with"), (2, "without")]
    found = [(r["id"], r["image_id"], r["category_id"], r["bbox"], r["area"]) for r in coco["annotations"]]
    assert found == [
        (1, 1, 1, [1, 2, 2, 2], 4),
        (2, 2, 2, [0.5, 1, 19.5, 8.25], 19.5 * 8.25),
        (3, 2, 1, [0, 0, 4, 4], 16),
    ]
    assert "segmentation" not in str(coco)
    report = capsys.readouterr().out
    assert "3 images (1 without objects), 3 boxes (2 clipped)" in report and "--classes with,without" in report


def test_difficult_objects_are_counted_as_the_crowds_that_they_become(tmp_path, capsys):
    hard = item("cat", 1, 2, 9, 9).replace("</name>", "</name><difficult>1</difficult>")
    add(tmp_path, "a", hard + item("cat", 1, 2, 3, 4) + hard.replace("cat", "dog"))
    assert [row["iscrowd"] for row in convert(tmp_path)["annotations"]] == [1, 0, 1]
    report = capsys.readouterr().out
    assert "1 box and 2 crowds (0 clipped)" in report
    assert "1 cat: 1 box and 1 crowd\n" in report and "2 dog: 0 boxes and 1 crowd\n" in report


@pytest.mark.parametrize("classes", [["with,hat"], ["with", "hat"], ["with,", "hat"]])
def test_given_classes_keep_their_order_even_without_objects(tmp_path, classes):
    add(tmp_path, "a", item("hat", 1, 2, 3, 4))
    coco = convert(tmp_path, "--classes", *classes)
    assert [c["name"] for c in coco["categories"]] == ["with", "hat"]
    assert [r["category_id"] for r in coco["annotations"]] == [2]


def test_unknown_classes_are_named_with_the_nearest(tmp_path, capsys):
    add(tmp_path, "a", item("with_msak", 1, 2, 3, 4) + item("with_msak", 1, 2, 3, 4) + item("Q", 1, 2, 3, 4))
    message = refused(tmp_path, capsys, "--classes", "with_mask,hat")
    assert "with_msak (2 objects) is not one of the classes with_mask, hat; is it with_mask?" in message
    assert "Q (1 object)" in message
    assert "'hat' is given 2 times" in refused(tmp_path, capsys, "--classes", "hat,hat")


def test_size_is_that_of_the_picture_as_shown(tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    add(tmp_path, "good", item("x", 1, 2, 9, 19), suffix=".jpg", exif=exif, xml_size=(10, 20))
    add(tmp_path, "unknown", xml_size=(0, 0))
    coco = convert(tmp_path)
    assert [(i["width"], i["height"]) for i in coco["images"]] == [(10, 20), (20, 10)]


def test_a_size_that_disagrees_is_refused(tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    add(tmp_path, "turned", suffix=".jpg", exif=exif)
    add(tmp_path, "other", item("x", 1, 2, 3, 4), xml_size=(40, 20))
    message = refused(tmp_path, capsys)
    assert (
        "the image is 10x20 (as shown) but <size> in annotations/turned.xml says 20x10; its EXIF data rotate it"
        in message
    )
    assert (
        "the image is 20x10 (as shown) but <size> in annotations/other.xml says 40x20; the image was probably"
        in message
    )
    assert message.count("EXIF") == 2  # the cause and the remedy of one of them


def test_objects_without_area_are_reported_together(tmp_path, capsys):
    add(tmp_path, "a", item("x", 5, 5, 5, 9) + item("x", 9, 1, 3, 4) + item("x", 20, 1, 25, 4) + item("x", 1, 1, 2, 2))
    message = refused(tmp_path, capsys)
    assert "3 faults" in message
    assert "a.png: object 1 (x), box 5 5 5 9, has no area" in message
    assert "a.png: object 3 (x), box 20 1 25 4, lies outside its image of 20 x 10 pixels" in message


def test_all_broken_files_are_reported_together(tmp_path, capsys):
    for name in "abcd":
        add(tmp_path, name, item("x", 1, 2, 3, 4))
    (tmp_path / "annotations" / "a.xml").write_text("<annotation>")
    (tmp_path / "annotations" / "b.xml").write_text(f"<annotation>{item('', 1, 2, 'y', 4)}</annotation>")
    (tmp_path / "images" / "c.png").write_text("broken")
    message = refused(tmp_path, capsys)
    assert "3 faults" in message
    assert all(f"annotations/{name}.xml: " in message for name in "ab") and "images/c.png: not a readable" in message


def test_without_images_the_xml_files_are_believed(tmp_path, capsys):
    add(tmp_path, "s/a", item("x", 1, 2, 3, 4))
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    assert convert(tmp_path)["images"] == [{"id": 1, "file_name": "s/wrong.gif", "width": 20, "height": 10}]
    (tmp_path / "annotations" / "b.xml").write_text("<annotation/>")
    (tmp_path / "out" / "a.json").unlink()
    assert "b.xml: no images/ folder" in refused(tmp_path, capsys)


def test_no_objects_and_no_classes(tmp_path, capsys):
    add(tmp_path, "a")
    assert "no classes are known; name them with --classes" in refused(tmp_path, capsys)
    assert len(convert(tmp_path, "--classes", "x")["images"]) == 1


def test_a_real_start_and_no_unasked_overwriting(tmp_path):
    add(tmp_path, "a", item("x", 1, 2, 3, 4))
    save_path = tmp_path / "a.json"
    command = [
        sys.executable,
        str(ROOT / "src" / "xml2coco.py"),
        "--data_path",
        str(tmp_path),
        "--save_path",
        str(save_path),
    ]
    assert subprocess.run(command, check=False).returncode == 0
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert again.returncode == 2 and "--overwrite" in again.stderr and "Traceback" not in again.stderr


def test_many_images_without_objects_are_doubted(tmp_path, capsys):
    for index in range(8):
        add(tmp_path, str(index), item("x", 1, 2, 3, 4) if index < 4 else "")
    convert(tmp_path)
    said = capsys.readouterr().out
    assert "8 images (4 without objects)" in said
    assert "suspicious: 4 of the 8 labelled images have no box, such as 4.png, 5.png, 6.png and 1 more" in said


def whole_list(told: str) -> list[str]:
    """The lines of the file that a message names."""
    return Path(re.search("the whole list: (.*)", told)[1]).read_text(encoding="utf-8").splitlines()


def missing_partners(folder: Path, what: str) -> list[str]:
    """Take XML files or images away, or change what the XML files say; the lines that the whole list then has."""
    images, xmls = (sorted(file.name for file in (folder / kind).iterdir()) for kind in ("images", "annotations"))
    if what == "XML files":
        for name in xmls[:-1]:
            (folder / "annotations" / name).unlink()
        return [f"images/{name} has no annotations/{Path(name).stem}.xml" for name in images[:-1]]
    if what == "images":
        for name in images[:-1]:
            (folder / "images" / name).unlink()
        return [f"annotations/{name} has no image images/{Path(name).stem}.*" for name in xmls[:-1]]
    for name in images:
        Image.new("RGB", (40, 20)).save(folder / "images" / name)
    fault = "the image is 40x20 (as shown) but <size> in annotations/"
    return [f"{folder / 'images' / name}: {fault}{Path(name).stem}.xml says 20x10" for name in images]


@pytest.mark.parametrize("what", ["XML files", "images", "sizes"])
def test_a_list_that_is_cut_is_whole_in_a_file_that_is_named(tmp_path, capsys, what):
    for number in range(8):
        add(tmp_path, f"{number}", item("cat", 1, 1, 9, 9))
    rows = missing_partners(tmp_path, what)
    told = refused(tmp_path, capsys)
    assert len(told.splitlines()) == 3 and whole_list(told) == rows
    with pytest.raises(SystemExit):
        doctor.main(["--ann_file", str(tmp_path / "annotations"), "--img_dir", str(tmp_path / "images")])
    assert whole_list(capsys.readouterr().out) == [row.replace("in annotations/", "in ") for row in rows]


@pytest.mark.parametrize("program", ["xml2coco", "split_data", "doctor"])
def test_label_files_of_other_forms_are_counted_by_every_reader(tmp_path, capsys, program):
    for number in range(8):
        add(tmp_path, f"{number}", item("cat", number, 1, number + 9, 9))
        Image.new("RGB", (20, 10), (30 * number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    rows = {"images": [], "annotations": [], "categories": []}
    (tmp_path / "annotations" / "labels.json").write_text(json.dumps(rows))
    (tmp_path / "annotations" / "0.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "annotations" / "notes.txt").write_text("drawn in spring\n")
    if program == "xml2coco":
        convert(tmp_path)
    elif program == "split_data":
        split_data.main(["--data_path", str(tmp_path), "--output_path", str(tmp_path / "out"), "--same_from", "2"])
    else:
        doctor.main(["--ann_file", str(tmp_path / "annotations"), "--img_dir", str(tmp_path / "images")])
    told = f"suspicious: {tmp_path / 'annotations'}: 2 label files are passed over (1 of COCO, such as labels.json; 1 of YOLO, such as 0.txt)"
    assert told in capsys.readouterr().out
