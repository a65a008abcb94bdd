"""Data sets of CVAT, LabelMe and YOLO, written here by hand, are read as COCO says the same."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks

import eval as evaluation_script
import random_select
from src.data import doctor
from src.data.formats.coco_annotations import to_coco
from src.data.formats.outlines import whole_mask
from src.data.formats.reading import read_as_coco, read_data
from src.data.formats.tools.yolo import read_names
from src.data.training_data import Sources, read_training_data
from src.errors import DataError, UserError

SIZE = (40, 30)
NAMES = ("dog", "cat")
# image -> objects: class and corners. None: nobody has looked at it. Equal base names, a space and a plus, two dots.
TRUTH = {
    "b/a+1.jpg": [("dog", (1, 2, 11, 12)), ("cat", (0, 0, 40, 30))],
    "c c/a+1.jpg": [("cat", (5, 6, 7.5, 8))],
    "größe.webp.jpg": [],
}
OPEN = "not opened.jpg"


@pytest.fixture
def forms(tmp_path):
    """Annotation file and images of each form."""
    for name in (*TRUTH, OPEN):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(path)
    labels = "".join(f"<label><name>{name}</name><type>any</type></label>" for name in NAMES)
    elements = []
    for number, (name, objects) in enumerate(TRUTH.items()):
        boxes = "".join(
            f'<box label="{label}" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}" occluded="0"/>'
            for label, (x1, y1, x2, y2) in objects
        )
        elements.append(f'<image id="{number}" name="{name}" width="40" height="30">{boxes}</image>')
        file = (tmp_path / "images" / name).with_suffix(".json")
        shapes = [
            {"label": label, "points": [[x1, y1], [x2, y2]], "shape_type": "rectangle"}
            for label, (x1, y1, x2, y2) in objects
        ]
        sizes = {"imageWidth": 40, "imageHeight": 30}
        file.write_text(
            json.dumps({"shapes": shapes, "imagePath": file.name.replace(".json", ".jpg"), "flags": {}} | sizes)
        )
        text = (tmp_path / "labels" / name).with_suffix(".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        rows = [(NAMES.index(label), x1, y1, x2, y2) for label, (x1, y1, x2, y2) in objects]
        text.write_text(
            "".join(
                f"{c} {(x1 + x2) / 80} {(y1 + y2) / 60} {(x2 - x1) / 40} {(y2 - y1) / 30}\n"
                for c, x1, y1, x2, y2 in rows
            )
        )
    xml = f"<annotations><version>1.1</version><meta><task><labels>{labels}</labels></task></meta>{''.join(elements)}</annotations>"
    (tmp_path / "annotations.xml").write_text(xml, encoding="utf-8")
    (tmp_path / "data.yaml").write_text("path: .\ntrain: images\nval: images\nnames:\n  0: dog\n  1: cat\n")
    return tmp_path


FORMS = {"CVAT": "annotations.xml", "LabelMe": "images", "YOLO": "data.yaml"}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_what_was_written(forms, form):
    found = read_data(forms / FORMS[form], forms / "images")
    assert form in found.form
    assert found.class_names == (("cat", "dog") if form == "LabelMe" else NAMES)
    images = {entry.file_name: entry for entry in found.images}
    # CVAT lists its images; of LabelMe an image without a file is unlabelled, of YOLO it is background.
    assert images.keys() == TRUTH.keys() | (set() if form == "CVAT" else {OPEN})
    assert form == "CVAT" or images[OPEN].labelled is (form == "YOLO")
    for name, objects in TRUTH.items():
        entry = images[name]
        assert entry.labelled and (entry.width, entry.height) == SIZE
        np.testing.assert_allclose(entry.boxes, np.array([box for _, box in objects]).reshape(-1, 4), atol=1e-4)
        assert [found.class_names[label - 1] for label in entry.labels] == [label for label, _ in objects]


@pytest.mark.parametrize("form", FORMS)
def test_given_classes_decide_the_order_and_unknown_ones_are_named(forms, form):
    found = read_data(forms / FORMS[form], forms / "images", ("background", "bird", "cat", "dog"))
    assert found.class_names == ("bird", "cat", "dog")
    assert sorted(found.class_names[label - 1] for entry in found.images for label in entry.labels) == [
        "cat",
        "cat",
        "dog",
    ]
    with pytest.raises(DataError, match=r"cat \(2 objects\) is not one of the classes dog"):
        read_data(forms / FORMS[form], forms / "images", ("dog",))


@pytest.mark.parametrize("form", FORMS)
def test_the_doctor_and_the_label_tools_take_them(forms, form, capsys):
    doctor.main(["--ann_file", str(forms / FORMS[form]), "--img_dir", str(forms / "images"), "--images"])
    said = capsys.readouterr().out
    assert "with 3 boxes of 2 classes" in said and "0 errors" in said
    coco = read_as_coco(forms / FORMS[form], forms / "images")
    assert coco == to_coco(read_data(forms / FORMS[form], forms / "images"))
    with pytest.raises(UserError, match="the folder of its images must be given"):
        read_data(forms / FORMS[form], None)
    if form != "LabelMe":  # which has an unlabelled image
        words = ["--ann_file", forms / FORMS[form], "--img_dir", forms / "images", "--label_ratio", 100]
        random_select.main([str(word) for word in [*words, "--output_ann_file", forms / "out.json"]])
        kept = json.loads((forms / "out.json").read_text())
        assert [row["bbox"] for row in kept["annotations"]] == [row["bbox"] for row in coco["annotations"]]


@pytest.mark.parametrize("form", FORMS)
def test_training_and_evaluation_take_them(forms, form, capsys):
    img = forms / "images"
    (img / OPEN).unlink()
    images = {name: number for number, name in enumerate(sorted(TRUTH), 1)}
    coco = {
        "images": [
            {"id": number, "file_name": name, "width": 40, "height": 30, "labelled": True}
            for name, number in images.items()
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(sorted(NAMES), 1)],
        "annotations": [
            {"image_id": images[name], "category_id": sorted(NAMES).index(label) + 1, "iscrowd": 0}
            | {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            for name, objects in TRUTH.items()
            for label, (x1, y1, x2, y2) in objects
        ],
    }
    for number, annotation in enumerate(coco["annotations"], 1):
        annotation["id"] = number
    (forms / "coco.json").write_text(json.dumps(coco))
    found = [(name, label, box) for name, objects in TRUTH.items() for label, box in objects]
    found[0] = (*found[0][:2], (20, 20, 30, 30))  # one object is missed, so that AP is neither 0 nor 1
    scores = {}
    for file in (FORMS[form], "coco.json"):
        data = read_training_data(Sources(forms / file, img, eval_ann_file=forms / file, eval_img_dir=img))
        assert {entry.file_name for entry in data.labelled} == set(TRUTH)
        listed = to_coco(data.evaluation)
        ids = {row["file_name"]: row["id"] for row in listed["images"]}
        classes = {row["name"]: row["id"] for row in listed["categories"]}
        results = [
            {"image_id": ids[name], "category_id": classes[label], "bbox": [x1, y1, x2 - x1, y2 - y1], "score": 0.9}
            for name, label, (x1, y1, x2, y2) in found
        ]
        (forms / "results.json").write_text(json.dumps(results))
        words = ["--results", forms / "results.json", "--eval_ann_file", forms / file, "--eval_img_dir", img]
        evaluation_script.main([str(word) for word in [*words, "--eval_output_dir", forms / f"scores of {file}"]])
        scores[file] = json.loads((forms / f"scores of {file}" / "metrics.json").read_text())["AP"]
    assert 0 < scores["coco.json"] < 1
    assert scores[FORMS[form]] == pytest.approx(scores["coco.json"])


def test_yolo_data_is_found_by_any_of_its_names(forms):
    (forms / "classes.txt").write_text("dog\ncat\n")
    (forms / "annotations.xml").unlink()
    wanted = to_coco(read_data(forms / "data.yaml", forms / "images"))
    for path in (".", "labels", "classes.txt"):
        assert to_coco(read_data(forms / path, forms / "images")) == wanted
    (forms / "data.yaml").unlink()
    assert to_coco(read_data(forms / "labels", forms / "images")) == wanted
    (forms / "obj.names").write_text("dog\ncat\n")
    for file in sorted((forms / "labels").rglob("*.txt")):  # Darknet: beside the images
        file.rename(forms / "images" / file.relative_to(forms / "labels"))
    assert to_coco(read_data(forms / "obj.names", forms / "images")) == wanted


def test_only_a_line_feed_ends_a_line_of_class_names(forms):
    names = ("dog\x85 wet", "cat\u2028\x0b\x1cdry")  # str.splitlines would make six classes of them
    (forms / "classes.txt").write_bytes("\r\n".join(names).encode())
    assert (
        tuple(read_names(forms / "classes.txt")) == names
    )  # so that the message on their control characters names these


def test_outlines_are_read_for_detectors_with_masks(forms):
    square = [2, 3, 12, 3, 12, 13, 2, 13]
    pairs = list(zip(square[::2], square[1::2], strict=True))
    name = "b/a+1.jpg"
    points = ";".join(f"{x},{y}" for x, y in pairs)
    shape = f'<polygon label="dog" points="{points}"/><mask label="cat" left="20" top="10" width="3" height="2" rle="1,2,3"/>'
    xml = f'<annotations><image id="0" name="{name}" width="40" height="30">{shape}</image></annotations>'
    (forms / "annotations.xml").write_text(xml)
    found = read_data(forms / "annotations.xml", forms / "images", masks=True)
    first, second = found.images[0].outlines
    assert json.loads(bytes(first)) == [square]
    bits = coco_masks.decode(whole_mask(second, SIZE))
    assert np.argwhere(bits).tolist() == [[10, 21], [10, 22]]  # 1 background, 2 object, 3 background, row by row
    assert found.images[0].boxes[1].tolist() == [21, 10, 23, 11]

    for file in forms.rglob("*.json"):
        file.unlink()
    shapes = [{"label": "dog", "points": list(map(list, pairs)), "shape_type": "polygon"}]
    (forms / "images/b/a+1.json").write_text(json.dumps({"shapes": shapes, "imagePath": "a+1.jpg", "imageData": None}))
    found = read_data(forms / "images", forms / "images", masks=True)
    (entry,) = [entry for entry in found.images if entry.labelled]
    assert json.loads(bytes(entry.outlines[0])) == [square]

    for file in (forms / "labels").rglob("*.txt"):
        file.write_text("")
    shares = " ".join(str(value / (30 if index % 2 else 40)) for index, value in enumerate(square))
    (forms / "labels/b/a+1.txt").write_text(f"0 {shares}\n")
    found = read_data(forms / "data.yaml", forms / "images", masks=True)
    (entry,) = [entry for entry in found.images if len(entry.boxes)]
    np.testing.assert_allclose(json.loads(bytes(entry.outlines[0]))[0], square)
    with pytest.raises(DataError, match="no outline, which this detector learns from"):
        (forms / "labels/b/a+1.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        read_data(forms / "data.yaml", forms / "images", masks=True)


def test_rotated_boxes_become_the_boxes_around_them_and_points_are_counted(forms):
    # 10 x 4 about its centre (20, 15), turned by 90 degrees: 4 x 10.
    shape = '<box label="dog" xtl="15" ytl="13" xbr="25" ybr="17" rotation="90.0"/><points label="dog" points="1,1"/>'
    xml = f'<annotations><image id="0" name="{OPEN}" width="40" height="30">{shape}</image></annotations>'
    (forms / "annotations.xml").write_text(xml)
    found = read_data(forms / "annotations.xml", forms / "images")
    np.testing.assert_allclose(found.images[0].boxes, [[18, 10, 22, 20]], atol=1e-4)
    assert "rotated boxes that became the upright boxes around them: 1" in found.form
    assert "points, lines and the like that are left out: 1" in found.form


def test_marks_of_a_labeller_decide_what_is_labelled(forms):
    labels = "<meta><task><labels><label><name>reviewed</name><type>tag</type></label></labels></task></meta>"
    images = "".join(
        f'<image id="{number}" name="{name}" width="40" height="30"><box label="dog" xtl="1" ytl="1" xbr="9" ybr="9"/>{tag}</image>'
        for number, (name, tag) in enumerate(
            [("b/a+1.jpg", '<tag label="reviewed"/>'), ("c c/a+1.jpg", '<tag label="skip"/>'), (OPEN, "")]
        )
    )
    (forms / "annotations.xml").write_text(f"<annotations>{labels}{images}</annotations>")
    found = read_data(forms / "annotations.xml", forms / "images")
    assert {entry.file_name: (entry.labelled, len(entry.boxes)) for entry in found.images} == {
        "b/a+1.jpg": (True, 1),
        "c c/a+1.jpg": (False, 0),
        OPEN: (False, 0),
    }
    assert found.class_names == ("dog",)
    assert "images not marked as reviewed, which count as unlabelled: 1" in found.form


@pytest.mark.parametrize(
    "change, words",
    [
        (('name="b/a+1.jpg"', 'name="a+1.jpg"'), "a\\+1.jpg may be any of 2 images: b/a\\+1.jpg, c c/a\\+1.jpg"),
        (('name="b/a+1.jpg"', 'name="d/a+1.jpg"'), "d/a\\+1.jpg: no such image file; put it there, or remove"),
        (('width="40"', 'width="30"'), r"the image is 40x30 \(as shown\) but the annotation file says 30x30"),
        (('xtl="5"', 'xtl="50"'), "has no area in its image"),
        (('xbr="11"', 'xbr="111"'), "lies outside its image"),
        (('xbr="11"', 'xbr="wide"'), "box: expected a finite number, found 'wide'"),
        (("</annotations>", ""), "not valid XML"),
    ],
)
def test_faults_are_told_with_their_image(forms, change, words):
    file = forms / "annotations.xml"
    file.write_text(file.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(UserError, match=words):
        read_data(file, forms / "images")


def test_faults_of_label_files_are_told_with_file_and_line(forms):
    (forms / "labels/b/a+1.txt").write_text("0 0.5 0.5 0.1 0.1\n2 0.5 0.5 0.1 0.1\n0 20 20 10 10\n0 1 2\n")
    with pytest.raises(DataError) as error:
        read_data(forms / "data.yaml", forms / "images")
    found = error.value.faults
    assert len(found) == 3 and all("a+1.txt: line" in fault for fault in found)
    assert "class 2 is none of the 2 names: dog, cat" in found[0]
    assert "20 is no share of an image" in found[1] and "expected `class xc yc w h`" in found[2]


def test_a_labelme_path_with_backslashes_and_another_folder_leads_to_its_image(forms):
    (forms / "json").mkdir()
    content = json.loads((forms / "images/b/a+1.json").read_text()) | {"imagePath": "..\\images\\b\\a+1.jpg"}
    (forms / "json/one.json").write_text(json.dumps(content))
    found = read_data(forms / "json", forms / "images")
    assert [entry.file_name for entry in found.images if entry.labelled] == ["b/a+1.jpg"]


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ("names: [dog, dog]", "'dog' is the name of 2 classes"),
        ("names: [dog, '']", "class 1 has no name"),
        ("nc: 3\nnames: [dog, cat]", '"nc" is 3, but "names" lists 2 classes'),
        ("names: {1: dog, 2: cat}", '"names" must number the classes 0, 1, found 1, 2'),
        ("names: [dog, cat]\nkpt_shape: 17", '"kpt_shape" must be'),
    ],
)
def test_names_of_yolo_that_do_not_number_the_classes_are_refused(forms, names, fault):
    (forms / "data.yaml").write_text(names)
    with pytest.raises(DataError, match=fault):
        read_data(forms / "data.yaml", forms / "images")


def test_an_empty_line_among_class_names_is_refused_because_it_may_count(forms):
    (forms / "data.yaml").unlink()
    (forms / "classes.txt").write_text("\ufeffdog\r\n\r\ncat\r\n")
    with pytest.raises(DataError, match="line 2 is empty, so the numbers of the classes behind it are not known"):
        read_data(forms / "classes.txt", forms / "images")
    (forms / "classes.txt").write_text("\ufeffdog\r\ncat\r\n\r\n\n")
    assert read_data(forms / "classes.txt", forms / "images").class_names == NAMES


def test_class_names_of_yaml_stay_as_they_are_written(forms):
    (forms / "data.yaml").write_text("names: [no, 010, 1.10, 12:30, 2026-11-30, null]\n")
    found = read_data(forms / "data.yaml", forms / "images").class_names
    assert found == ("no", "010", "1.10", "12:30", "2026-11-30", "null")


@pytest.mark.parametrize(
    ("shape", "points"), [("[2, 3]", "0.1 0.1 1 0.9 0.9 1"), ("[3, 2]", "0.1 0.1 0.5 0.5 0.9 0.9")]
)
def test_keypoints_are_not_read_as_corners_of_a_polygon(forms, shape, points):
    for file in (forms / "labels").rglob("*.txt"):
        file.write_text("")
    (forms / "labels/b/a+1.txt").write_text(f"1 0.5 0.5 0.2 0.4 {points}\n")
    (forms / "data.yaml").write_text(f"names: [dog, cat]\nkpt_shape: {shape}\n")
    found = read_data(forms / "data.yaml", forms / "images")
    (entry,) = [entry for entry in found.images if len(entry.boxes)]
    np.testing.assert_allclose(entry.boxes, [[16, 9, 24, 21]], atol=1e-4)
    (forms / "labels/b/a+1.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    with pytest.raises(DataError, match="and 6 numbers of keypoints"):
        read_data(forms / "data.yaml", forms / "images")


COCO_POSE = (
    "0.5 0.5 0.4 0.6 " + "0.4 0.4 2 0.6 0.3 1 0 0 0 " * 6
)  # 18 keypoints: 58 numbers, as many as an outline may have


@pytest.mark.parametrize("file", ["data.yaml", "classes.txt"])
def test_a_line_of_keypoints_that_are_not_stated_is_no_outline(forms, file):
    for text in (forms / "labels").rglob("*.txt"):
        text.write_text("")
    (forms / "labels/b/a+1.txt").write_text(f"1 {COCO_POSE}\n")
    (forms / "data.yaml").unlink()
    (forms / file).write_text({"data.yaml": "names: [dog, cat]\n", "classes.txt": "dog\ncat\n"}[file])
    with pytest.raises(DataError, match="the lines are of a box and 18 keypoints of 3 numbers, not outlines") as caught:
        read_data(forms / file, forms / "images")
    assert 'write "kpt_shape: [18, 3]" into ' + (
        "data.yaml, and" if file == "data.yaml" else "a data.yaml that"
    ) in str(caught.value)
    (forms / "data.yaml").write_text("names: [dog, cat]\nkpt_shape: [18, 3]\n")  # the remedy
    found = read_data(forms / "data.yaml", forms / "images")
    (entry,) = [entry for entry in found.images if len(entry.boxes)]
    np.testing.assert_allclose(entry.boxes, [[12, 6, 28, 24]], atol=1e-4)


def test_an_odd_number_of_keypoints_is_named_in_the_fault_of_the_line(forms):
    (forms / "labels/b/a+1.txt").write_text("1 0.5 0.5 0.4 0.6" + " 0.4 0.4 2" * 17 + "\n")
    with pytest.raises(
        DataError, match=r'found 56 numbers; of a box and 17 keypoints\? Then write "kpt_shape: \[17, 3\]"'
    ):
        read_data(forms / "data.yaml", forms / "images")


def test_outlines_that_may_all_be_boxes_with_keypoints_are_questioned(forms):
    lines = "".join(f"1 0.5 0.5 0.4 0.6 {0.4 + number / 100:.2f} 0.4 0.6 0.6\n" for number in range(12))
    for text in (forms / "labels").rglob("*.txt"):
        text.write_text("")
    (forms / "labels/b/a+1.txt").write_text(lines)
    found = read_data(forms / "data.yaml", forms / "images")
    (doubt,) = [doubt for doubt in found.doubts if "kpt_shape" in doubt]
    assert "all 12 lines are read as outlines, and could be of a box and 2 keypoints of 2 numbers" in doubt
    (forms / "labels/b/a+1.txt").write_text(lines + "1 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n")  # which only an outline is
    assert not any("kpt_shape" in doubt for doubt in read_data(forms / "data.yaml", forms / "images").doubts)


def test_a_label_file_is_that_of_one_image_and_those_of_none_are_told(forms):
    (forms / "labels/b/gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    doubts = read_data(forms / "data.yaml", forms / "images").doubts
    assert any("1 label file of which" in doubt and "gone.txt: their labels are not used" in doubt for doubt in doubts)
    lines = (forms / "labels/b/a+1.txt").read_text()
    for wrong in (
        "0 0.5 0.5 0.1\n",
        "0 50 50 10 10\n" * 30,
        f"{lines}0 0.5 0.5 1.2 0.1\n",
    ):  # one, all for one reason, a box
        (forms / "labels/b/a+1.txt").write_text(wrong)
        with pytest.raises(DataError, match=r"gone.txt: their labels are not used"):
            read_data(forms / "data.yaml", forms / "images")
    (forms / "labels/b/a+1.txt").write_text(lines)
    Image.new("RGB", SIZE).save(forms / "images/b/a+1.png")
    with pytest.raises(DataError, match=r"a\+1.txt: is the label file of b/a\+1.jpg and of b/a\+1.png"):
        read_data(forms / "data.yaml", forms / "images")


MASK = '<mask label="cat" left="1" top="1" width="{}" height="{}" rle="{}"/>'


@pytest.mark.parametrize(
    ("size", "shape", "fault"),
    [
        ("4e9", MASK.format(4, 2, "0,8"), "an image of more pixels than any may have"),
        ("2e9", MASK.format("1e9", 1, "0,1e9"), "an image of more pixels than any may have"),
        ("1e300", MASK.format("1e299", 1, "0,1e299"), "an image of more pixels than any may have"),
        ("40", MASK.format("1e18", 1, "0,1e18"), "lies outside its image"),
        ("40", MASK.format(4, 2, "0.5,7.5"), "rle: expected a whole number, found '0.5'"),
        ("40.7", "", "expected a whole number, found '40.7'"),
        ("4_0", "", "expected a finite number, found '4_0'"),
        ("٤٠", "", "expected a finite number, found '٤٠'"),
    ],
)
def test_sizes_and_masks_of_cvat_are_checked_before_memory_is_taken(forms, size, shape, fault):
    image = f'<image id="0" name="b/a+1.jpg" width="{size}" height="30">{shape}</image>'
    (forms / "annotations.xml").write_text(f"<annotations>{image}</annotations>", encoding="utf-8")
    with pytest.raises(DataError, match=fault):
        read_data(forms / "annotations.xml", forms / "images")


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="  # one pixel


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"imagePath": "a\0.jpg"}, "has a null character, which no file name has"),
        ({"shapes": [{"label": "dog", "points": [[10**400, 1], [2, 2]]}]}, "expected a finite number, found '1000"),
        (
            {
                "shapes": [{"label": "dog", "points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": PNG}],
                "imageWidth": 10**12,
            },
            "an image of more pixels than any may have",
        ),
    ],
)
def test_absurd_values_of_labelme_are_told_by_file_or_image(forms, change, fault):
    for file in forms.rglob("*.json"):
        file.unlink()
    content = {"shapes": [], "imagePath": "a+1.jpg", "imageWidth": 40, "imageHeight": 30}
    (forms / "images/b/a+1.json").write_text(json.dumps(content | change))
    with pytest.raises(DataError, match=fault):  # though no object tells any class
        read_data(forms / "images", forms / "images")


def test_parts_of_a_skeleton_are_no_classes(forms):
    labels = "<label><name>dog</name><sublabels><label><name>paw</name></label></sublabels></label>"
    labels += "<label><name>ear</name><parent>dog</parent></label><label><name>cat</name></label>"
    (forms / "annotations.xml").write_text(f"<annotations><meta><labels>{labels}</labels></meta></annotations>")
    assert read_data(forms / "annotations.xml", forms / "images").class_names == NAMES


ROBOFLOW = """
Faces - v1 2026-11-30 6:42pm
==============================

The dataset includes 3 images.
Faces are annotated in YOLOv8 format.

The following pre-processing was applied to each image:
* Auto-orientation of pixel data (with EXIF-orientation stripping)
* Resize to {}

No image augmentation techniques were applied.
"""


@pytest.mark.parametrize("notes", ["README.roboflow.txt", "README.dataset.txt"])
@pytest.mark.parametrize(
    "how", ["Fit (black edges)", "Fit (white edges)", "Fit (reflect edges)", "Fill (with center crop)"]
)
def test_labels_of_pictures_with_borders_are_refused_for_the_original_images(forms, capsys, how, notes):
    (forms / notes).write_text(ROBOFLOW.format(f"640x640 ({how})"))
    words = ["--ann_file", str(forms / "data.yaml"), "--img_dir", str(forms / "images")]
    with pytest.raises(SystemExit):
        doctor.main(words)
    told = capsys.readouterr().out
    assert "4 of the 4 images have another shape than the pictures that the labels are of, such as " in told
    assert f"with 40x30 pixels: {forms / notes} says that these were resized to 640x640 by {how}" in told
    (forms / notes).unlink()
    doctor.main(words)


@pytest.mark.parametrize(
    "resize",
    [
        "640x640 (Stretch)",
        "640x640 (Fit within)",
        "640x480 (Fit (black edges))",  # the shape of the images, so there are no borders
        "480x640 (Fit (black edges))",  # turned
        "0x0 (Fit (black edges))",
    ],
)
def test_labels_of_pictures_whose_shares_are_those_of_the_originals_are_taken(forms, resize):
    before = read_data(forms / "data.yaml", forms / "images")
    (forms / "README.roboflow.txt").write_text(ROBOFLOW.format(resize))
    assert to_coco(read_data(forms / "data.yaml", forms / "images")) == to_coco(before)


@pytest.mark.parametrize("named", ["data.yaml", "."])
def test_yolo_data_count_label_files_of_other_forms_by_whatever_they_are_named(forms, named):
    (forms / "annotations.xml").unlink()
    (doubt,) = read_data(forms / named, forms / "images").doubts
    assert doubt.startswith(
        f"{forms}: 3 label files are passed over (3 of LabelMe, such as images/b/a+1.json), because the folder is read as YOLO; "
    )


def test_lines_that_have_one_fault_are_all_in_the_whole_list(forms):
    file = forms / "labels" / "b" / "a+1.txt"
    file.write_text("0 10 10 5 5\n" * 8)
    (forms / "annotations.xml").unlink()
    with pytest.raises(DataError, match=r"8 of the 9 lines, such as .* is no share of an image") as refused:
        read_data(forms, forms / "images")
    assert [row.split(": ")[1] for row in refused.value.rows] == [f"line {number}" for number in range(1, 9)]


def test_every_kind_of_fault_of_yolo_comes_in_one_run_and_once(forms, capsys):
    lines = {
        "class": "9 0.5 0.5 0.2 0.2",
        "outside": "0 1.3 0.5 0.2 0.2",
        "letters": "0 0.5 0.5 0.2 0.2",
        "cut": "0 0.5 0.5 0.2 0.2",
    }
    for number, (name, line) in enumerate(lines.items()):
        picture = np.random.default_rng(number).integers(0, 255, (30, 40, 3), np.uint8)
        Image.fromarray(picture).save(forms / "images" / f"{name}.png")
        (forms / "labels" / f"{name}.txt").write_text(line, encoding="utf-16" if name == "letters" else "utf-8")
    cut = forms / "images" / "cut.png"
    cut.write_bytes(cut.read_bytes()[:-600])
    words = ["--ann_file", forms / "data.yaml", "--img_dir", forms / "images", "--images"]
    with pytest.raises(SystemExit):
        doctor.main([str(word) for word in words])
    said = capsys.readouterr().out
    for told in (
        "class.txt: line 1: class 9 is none",
        "outside.png: dog",
        "letters.txt: not UTF-8",
        "cut.png: the picture is",
    ):
        assert said.count(told) == 1, said
    assert "\n4 errors, " in said
