"""One small data set in every form: all are read alike, and what is of no form is refused with the forms there are."""

import json

import numpy as np
import pytest
from PIL import Image

from src.data.annotations import object_areas
from src.data.formats.reading import read_data
from src.errors import DataError, UserError
from src.evaluation.metrics import evaluate

XML = (
    "<annotation><filename>x</filename><size><width>40</width><height>30</height><depth>3</depth></size>{}</annotation>"
)
OBJECT = (
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"
    "</bndbox></object>"
)
# image -> objects: name, crowd or difficult, corners. c.png has none.
TRUTH = {
    "a.png": [("dog", 0, 1, 2, 11, 12), ("cat", 1, 0, 0, 40, 30)],
    "b.png": [("cat", 0, 5, 6, 7, 8)],
    "c.png": [],
}
NAMES = ("cat", "dog")


def xml(objects):
    return XML.format("".join(OBJECT.format(*item) for item in objects))


@pytest.fixture
def forms(tmp_path):
    """Annotation file and image folder of each form."""
    for folder in ("coco", "flat", "voc/JPEGImages", "pair/images"):
        (tmp_path / folder).mkdir(parents=True)
        for name in TRUTH:
            Image.new("RGB", (40, 30)).save(tmp_path / folder / name)
    for folder in ("flat", "voc/Annotations", "pair/annotations"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, objects in TRUTH.items():
            (tmp_path / folder / name).with_suffix(".xml").write_text(xml(objects))
    (tmp_path / "voc/ImageSets/Main").mkdir(parents=True)
    (tmp_path / "voc/ImageSets/Main/all.txt").write_text("a\nb\nc\n")
    (tmp_path / "voc/ImageSets/Main/val.txt").write_text("b\n")
    (tmp_path / "voc/ImageSets/Main/cat_val.txt").write_text("b  1\nc -1\n")
    lines = []
    for name, objects in TRUTH.items():
        lines.append(" ".join([name, *(f"{a},{b},{c},{d},{NAMES.index(n)},{k}" for n, k, a, b, c, d in objects)]))
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    images = [{"id": i, "file_name": name, "width": 40, "height": 30} for i, name in enumerate(TRUTH, 1)]
    rows = [
        {"image_id": i, "category_id": 5 + 3 * NAMES.index(n), "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": crowd}
        for i, objects in enumerate(TRUTH.values(), 1)
        for n, crowd, x1, y1, x2, y2 in objects
    ]
    rows = [row | {"id": number} for number, row in enumerate(rows, 1)]
    categories = [{"id": 8, "name": "dog"}, {"id": 5, "name": "cat"}]
    coco = json.dumps({"images": images, "annotations": rows, "categories": categories})
    (tmp_path / "a.json").write_text(coco)
    (tmp_path / "no_suffix").write_text(" \n" + coco)
    return tmp_path


FORMS = {
    "COCO": ("a.json", "coco"),
    "COCO by its content": ("no_suffix", "coco"),
    "VOC list": ("voc/ImageSets/Main/all.txt", "voc/JPEGImages"),
    "VOC list and root": ("voc/ImageSets/Main/all.txt", "voc"),
    "XML beside images": ("flat", "flat"),
    "images/, annotations/": ("pair/annotations", "pair/images"),
    "their root": ("pair", "pair"),
    "text": ("lines.txt", "coco"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(forms, form):
    path, img_dir = FORMS[form]
    found = read_data(forms / path, forms / img_dir, NAMES if form == "text" else ())
    assert found.class_names == NAMES
    assert form.split()[0] in found.form or "XML" in form or "Pascal VOC" in found.form
    assert [entry.file_name.split("/")[-1] for entry in found.images] == list(TRUTH)
    for entry, objects in zip(found.images, TRUTH.values(), strict=True):
        assert (forms / img_dir / entry.file_name).is_file() and (entry.width, entry.height) == (40, 30)
        assert entry.labelled
        np.testing.assert_array_equal(entry.boxes, np.array([item[2:] for item in objects]).reshape(-1, 4))
        assert [NAMES[label - 1] for label in entry.labels] == [item[0] for item in objects]
        assert entry.crowd.tolist() == [bool(item[1]) for item in objects]
        assert object_areas(entry).tolist() == [(x2 - x1) * (y2 - y1) for _, _, x1, y1, x2, y2 in objects]
    assert evaluate(found, [])["area_from"] == {"annotation": 0, "box": 2}, "no form has given an area"


@pytest.mark.parametrize("form", FORMS)
def test_given_classes_decide_the_order_of_labels(forms, form):
    path, img_dir = FORMS[form]
    names = ("background", "cat", "dog", "bird") if form == "text" else ("background", "bird", "dog", "cat")
    text = (forms / "lines.txt").read_text()
    (forms / "lines.txt").write_text(text.replace(",1,0", ",2,0").replace(",0,", ",1,"))
    found = read_data(forms / path, forms / img_dir, names)
    assert found.class_names == names[1:]
    assert [found.class_names[label - 1] for label in found.images[0].labels] == ["dog", "cat"]
    assert len(set(found.category_ids)) == 3


@pytest.mark.parametrize("form", [form for form in FORMS if form != "text"])
def test_a_class_that_is_not_given_is_an_error(forms, form):
    path, img_dir = FORMS[form]
    with pytest.raises(DataError, match=r"dog \(1 object\) is not one of the classes cat, dig; is it dig\?"):
        read_data(forms / path, forms / img_dir, ("cat", "dig"))


def test_a_list_takes_its_images_alone(forms):
    found = read_data(forms / "voc/ImageSets/Main/val.txt", forms / "voc", NAMES)
    assert [entry.file_name for entry in found.images] == ["JPEGImages/b.png"]
    assert found.class_names == NAMES and found.images[0].labels.tolist() == [1]


@pytest.mark.parametrize(
    "path, words",
    [
        ("else.json", "no such file; expected COCO JSON"),
        ("voc/ImageSets/Main/alll.txt", r"no such file; did you mean .*/voc/ImageSets/Main/all.txt\?"),
        ("nowhere/all.txt", "no such file; its folder .*nowhere is not there; expected COCO JSON"),
        ("coco", "coco: is a folder of images, not of annotations; expected COCO JSON"),
        (
            "voc/ImageSets/Main",
            "a folder of no known form; it holds 3 annotation files, such as all.txt: give the one of all images",
        ),
        ("voc", r"which of its images\? Name one of its lists: .*all.txt"),
        ("voc/ImageSets/Main/cat_val.txt", "second column"),
        ("coco/a.png", "its form is recognised neither by its name nor by its beginning; expected COCO JSON"),
        ("pair/annotations/a.xml", "recognised neither by its name"),
    ],
)
def test_what_is_of_no_form_is_refused(forms, path, words):
    with pytest.raises(UserError, match=words):
        read_data(forms / path, forms / "coco")


def test_folders_of_roboflow_and_yolo_say_which_file_to_give(forms):
    (forms / "coco/_annotations.coco.json").write_text("{}")
    with pytest.raises(
        UserError, match="coco: is a folder of images, .*; give the file in it: .*/coco/_annotations.coco"
    ):
        read_data(forms / "coco", forms / "coco")
    labels = forms / "yolo/labels/train"
    labels.mkdir(parents=True)
    (labels / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (forms / "yolo/data.yaml").write_text("names: [cat]\n")
    with pytest.raises(UserError, match=r"of no known form, but .*yolo/data.yaml describes a data set of YOLO: give"):
        read_data(labels, forms / "coco")


@pytest.mark.parametrize("path", ["pair/annotations", "lines.txt"])
def test_the_folder_of_the_images_is_asked_for(forms, path):
    with pytest.raises(UserError, match="the folder of its images must be given"):
        read_data(forms / path, None, NAMES)
    assert read_data(forms / "a.json", None).class_names == NAMES


@pytest.mark.parametrize("names", [NAMES, ()])
def test_a_list_of_names_elsewhere_is_not_taken_for_text(forms, names):
    (forms / "names.txt").write_text("a\nb\n")
    with pytest.raises(
        DataError, match="line 1: expected the path of an image.*found 'a'; a list of names alone belongs"
    ):
        read_data(forms / "names.txt", forms / "coco", names)


def test_a_list_without_xml_files(forms):
    (forms / "voc/Annotations").rename(forms / "voc/xml")
    with pytest.raises(UserError, match="all.txt: a Pascal VOC list, but there is no .*voc/Annotations; put the XML"):
        read_data(forms / "voc/ImageSets/Main/all.txt", forms / "voc")


def test_faults_of_all_xml_files_come_together(forms):
    folder = forms / "pair/annotations"
    (folder / "a.xml").write_text(xml([("", 0, 1, 2, 3, 4), ("cat", 2, 1, 2, 3, 4)]))
    (folder / "b.xml").write_text("<annotation>")
    with pytest.raises(DataError) as error:
        read_data(folder, forms / "pair/images")
    assert [fault.split(":")[0] for fault in error.value.faults] == ["a.xml", "a.xml", "b.xml"]
    assert "<difficult> must be 0 or 1, found '2'" in error.value.faults[1]


def test_images_and_xml_files_that_lack_each_other_are_named(forms):
    (forms / "voc/Annotations/a.xml").unlink()
    (forms / "voc/JPEGImages/b.png").unlink()
    for path in ("voc/Annotations", "voc/ImageSets/Main/all.txt"):
        with pytest.raises(DataError) as error:
            read_data(forms / path, forms / "voc")
        assert "JPEGImages/a.png has no Annotations/a.xml" in error.value.faults[0]
        assert "Annotations/b.xml has no image JPEGImages/b.*" in error.value.faults[1]


def test_a_list_that_names_an_image_twice_or_none(forms):
    path = forms / "voc/ImageSets/Main/val.txt"
    path.write_text("a\nb\na\n")
    with pytest.raises(DataError, match="a is listed 2 times"):
        read_data(path, forms / "voc")
    path.write_text("\n")
    with pytest.raises(UserError, match="no image in this list"):
        read_data(path, forms / "voc")


def test_swapped_arguments_are_told(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "train.json").write_text("{}")
    with pytest.raises(UserError, match="is a folder of images, and .*train.json is a file: .* are swapped"):
        read_data(tmp_path, tmp_path / "labels" / "train.json")


def test_swapped_folders_are_told(tmp_path):
    images, labels = tmp_path / "pictures", tmp_path / "labels"
    images.mkdir()
    labels.mkdir()
    Image.new("RGB", (4, 4)).save(images / "a.png")
    (labels / "a.xml").write_text("<annotation/>")
    with pytest.raises(
        UserError, match="pictures: is a folder of images, and .*labels holds annotations: .* are swapped"
    ):
        read_data(images, labels)
    with pytest.raises(UserError, match="pictures: is a folder of images, not of annotations; expected"):
        read_data(images, images)
    with pytest.raises(UserError, match="labels: no images in this folder; give that of the images, of which .*labels"):
        read_data(labels, labels)
    with pytest.raises(UserError, match="a.xml: is a file, not a folder of images"):
        read_data(labels, labels / "a.xml")
