import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.data.formats.text import TxtBox, parse_box, parse_line, read_txt
from src.errors import DataError, UserError

NAMES = ("cat", "dog", "bird")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name in ("a.png", "my photos/b ä.JPG", "c.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 30)).save(folder / name)
    return folder


def read(images, tmp_path, text, names=NAMES):
    (tmp_path / "a.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_txt(tmp_path / "a.txt", images, names)


def faults(images, tmp_path, text, names=NAMES):
    with pytest.raises(DataError) as error:
        read(images, tmp_path, text, names)
    return error.value.faults


def test_five_and_six_fields_empty_images_and_names_with_spaces(images, tmp_path):
    text = "\ufeffa.png 1,2,10,20,2 0,0,40.5,30,0,1\r\n\r\n  my photos/b ä.JPG   3.5,4,5,6,1,0 \r\nc.png"
    found = read(images, tmp_path, text)
    assert found.class_names == NAMES and found.category_ids == (1, 2, 3)
    assert [(e.image_id, e.file_name, e.width, e.height, e.labelled) for e in found.images] == [
        (1, "a.png", 40, 30, True),
        (2, "my photos/b ä.JPG", 40, 30, True),
        (3, "c.png", 40, 30, True),
    ]
    first, second, third = found.images
    np.testing.assert_array_equal(first.boxes, [[1, 2, 10, 20], [0, 0, 40, 30]])
    assert first.labels.tolist() == [3, 1] and first.crowd.tolist() == [False, True]
    assert second.boxes.tolist() == [[3.5, 4, 5, 6]] and second.labels.tolist() == [2]
    assert third.boxes.shape == (0, 4)


def test_with_background_in_the_list_classes_count_from_one(images, tmp_path):
    text = "a.png 1,2,10,20,2 1,2,3,4,1"
    found = read(images, tmp_path, text, ("background", *NAMES))
    assert found.class_names == NAMES
    assert [found.class_names[label - 1] for label in found.images[0].labels] == ["dog", "cat"]
    assert "0 the background" in faults(images, tmp_path, "a.png 1,2,3,4,0", ("background", *NAMES))[0]


def test_without_class_names_it_asks_for_them(images, tmp_path):
    with pytest.raises(UserError, match="--class_names"):
        read(images, tmp_path, "a.png 1,2,10,20,2", ())


@pytest.mark.parametrize(
    "line, words",
    [
        ("a.png 1,2,3,4", "expected x1,y1,x2,y2,class or x1,y1,x2,y2,class,iscrowd without spaces, found '1,2,3,4'"),
        ("a.png 1,2,3,4,0,0,0", "expected x1,y1,x2,y2,class"),
        ("a.png 1,2,3.00000001,4,0 3,2,3.00000001,4,0", "box 3,2,3,4 has no size"),
        ("a.png 1,2,x,4,0", "expected numbers of pixels, found 'x'"),
        ("a.png 1,2,nan,4,0", "found 'nan'"),
        ("a.png 1,2,1e5,4,0", "found '1e5'"),
        ("a.png 1,2,3,4,cat", "the class must be a whole number from 0 up, found 'cat'"),
        ("a.png 1,2,3,4,-1", "the class must be a whole number"),
        ("a.png 1,2,3,4,0,2", "iscrowd must be 0 or 1, found '2'"),
        ("a.png 5,2,3,4,0", "x2 > x1"),
        ("a.png 1,2,3,4,3", "box 1,2,3,4: class 3 is none of --class_names: 0 is cat, 2 is bird; if your numbers"),
        ("a.png 30,2,41.6,4,0", "lies outside its image of 40 x 30 pixels"),
        ("a.png -1.6,2,4,4,0", "lies outside"),
        ("a.png 40.1,2,41,4,0", "lies outside"),
        ("a 1,2,3,4,0", "expected the path of an image"),
        ("../a.png 1,2,3,4,0", "must be a path inside the image folder"),
        ("/a.png 1,2,3,4,0", "must be a path inside the image folder"),
        ("z.png 1,2,3,4,0", "z.png: no such image file"),
    ],
)
def test_each_fault_is_told_with_its_line(images, tmp_path, line, words):
    found = faults(images, tmp_path, f"c.png\n\n{line}\n")
    assert len(found) == 1 and found[0].startswith("line 3: ") and words in found[0]


def test_all_faults_come_together(images, tmp_path):
    found = faults(images, tmp_path, "a.png 1,2,3 1,2,3,4,0 9\nz.png\na.png\nc.png 1,2,50,60,7")
    assert [fault[:7] for fault in found] == ["line 1:", "line 1:", "line 2:", "line 4:", "line 4:"]
    spaced = faults(images, tmp_path, "a.png 1, 2,3,4,0")
    assert ["without spaces" in fault for fault in spaced] == [True, True]
    assert "stands in line 1 already" in faults(images, tmp_path, "a.png\na.png")[0]


def test_unreadable_files(images, tmp_path):
    assert "not UTF-8" in faults(images, tmp_path, b"a.png \xff")[0]
    with pytest.raises(UserError, match="no such file"):
        read_txt(tmp_path / "none.txt", images, NAMES)


number = st.integers(0, 30) | st.sampled_from([0.5, 3.25])


@given(st.lists(st.tuples(number, number, number, number, st.integers(0, 2), st.sampled_from([None, 0, 1]))))
def test_a_line_means_what_was_written(boxes):
    boxes = [(x1, y1, x1 + w + 1, y1 + h + 1, c, crowd) for x1, y1, w, h, c, crowd in boxes]
    words = [",".join(str(field) for field in box if field is not None) for box in boxes]
    name, found = parse_line(" ".join(["some folder/a.png", *words]))
    assert name == "some folder/a.png"
    assert found == tuple(TxtBox(box[:4], box[4], box[5] == 1) for box in boxes)


words = st.text("0123456789,.-+e_ näxg٣/\t\x00\x0b\u2028\ud7ff#") | st.sampled_from(
    ["a.png", "1,2,3,4,0", "1,2,3,4,0,1"]
)


@settings(max_examples=300)
@given(st.lists(st.lists(words).map(" ".join)).map("\n".join) | st.binary())
def test_anything_is_read_or_refused_in_words(images, tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    try:
        found = read(images, folder, text)
    except UserError:
        return
    for entry in found.images:
        assert (entry.boxes[:, 2:] > entry.boxes[:, :2]).all() and entry.boxes.min(initial=0) >= 0
        assert set(entry.labels.tolist()) <= {1, 2, 3}


@given(st.text())
def test_a_box_is_read_or_refused(word):
    try:
        parse_box(word)
    except ValueError:
        pass
