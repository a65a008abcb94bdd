"""All images of a run are read and checked together, before anything is built."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest

from src.data.annotations import image_path
from src.data.checks.files import copies
from src.data.training_data import Sources, read_training_data
from src.engine.moved_images import find_moved
from src.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Two images, the second one unlabelled, and a folder with a third that no file names."""
    for grey, name in enumerate(("images/a.png", "images/b.png", "more/c.png")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((20, 30, 3), grey, np.uint8))
    write(tmp_path, "train.json", boxes=2)
    write(tmp_path, "eval.json", boxes=1)
    return tmp_path


def write(folder, name, boxes, category="cat"):
    images = [
        {"id": 1, "file_name": "a.png", "width": 30, "height": 20},
        {"id": 2, "file_name": "b.png", "width": 30, "height": 20, "labelled": False},
    ]
    rows = [
        {"id": 1 + row, "image_id": 1, "category_id": 5, "bbox": [1, 2, 8, 9], "area": 72, "iscrowd": 0}
        for row in range(boxes)
    ]
    content = {"images": images, "annotations": rows, "categories": [{"id": 5, "name": category}]}
    (folder / name).write_text(json.dumps(content))


def read(folder, more=False, evaluate=False, max_gts=8):
    sources = Sources(
        folder / "train.json",
        folder / "images",
        unlabelled_img_dir=folder / "more" if more else None,
        eval_ann_file=folder / "eval.json" if evaluate else None,
        eval_img_dir=folder / "images" if evaluate else None,
        max_gts=max_gts,
    )
    return read_training_data(sources)


def test_both_streams_and_the_plain_folder(folder):
    data = read(folder, more=True)
    assert [entry.file_name for entry in data.labelled] == ["a.png"]
    assert [entry.file_name for entry in data.unlabelled] == ["b.png", "c.png"]
    assert len({entry.image_id for entry in data.annotations.images + data.unlabelled}) == 3
    assert data.evaluation is None


def test_more_objects_than_rows_is_an_error_with_the_remedy(folder):
    with pytest.raises(UserError, match="--num_gts 2"):
        read(folder, max_gts=1)


def test_labels_without_any_object_are_refused(folder):
    write(folder, "train.json", boxes=0)
    with pytest.raises(UserError, match="nothing to train on: none of the 1 labelled images has an object"):
        read(folder)


def test_other_classes_for_evaluation_are_refused_by_name(folder):
    write(folder, "eval.json", boxes=1, category="dog")
    with pytest.raises(UserError, match="dog.*cat"):
        read(folder, evaluate=True)


def test_evaluation_labels_follow_the_classes_of_training(folder):
    write(folder, "train.json", boxes=1)
    coco = json.loads((folder / "train.json").read_text())
    coco["categories"].append({"id": 9, "name": "dog"})
    (folder / "train.json").write_text(json.dumps(coco))
    write(folder, "eval.json", boxes=1, category="dog")
    coco = json.loads((folder / "eval.json").read_text())
    del coco["images"][1]
    (folder / "eval.json").write_text(json.dumps(coco))
    data = read(folder, evaluate=True)
    assert data.annotations.class_names == data.evaluation.class_names == ("cat", "dog")
    assert data.annotations.labelled[0].labels.tolist() == [1]
    assert data.evaluation.labelled[0].labels.tolist() == [2]
    assert data.evaluation.category_ids[1] == 5  # the id that the evaluation file gives to dogs


def test_missing_image_is_named(folder):
    (folder / "images/b.png").unlink()
    with pytest.raises(UserError, match=r"b\.png"):
        read(folder)


def test_no_labelled_image_is_refused(folder):
    content = json.loads((folder / "train.json").read_text())
    content["images"][0]["labelled"] = False
    content["annotations"] = []
    (folder / "train.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="at least one"):
        read(folder)


def test_an_image_of_another_size_is_named_before_training(folder):
    cv2.imwrite(str(folder / "images/b.png"), np.zeros((30, 20, 3), np.uint8))
    with pytest.raises(UserError, match=r"b\.png: the image is 20x30 .* 30x20"):
        read(folder)


@pytest.mark.parametrize(
    ("how", "name"),
    [(os.symlink, "a.png"), (os.link, "renamed.png"), (shutil.copyfile, "a.png"), (shutil.copyfile, "zz.png")],
)
def test_an_image_that_is_in_both_folders_is_left_out_of_the_plain_one_and_told(folder, how, name):
    before = read(folder, more=True)
    how(folder / "images/a.png", folder / "more" / name)
    data = read(folder, more=True)
    assert [entry.file_name for entry in data.unlabelled] == [entry.file_name for entry in before.unlabelled]
    (told,) = set(data.suspicions) - set(before.suspicions)
    assert "left out of this folder, 1 in all: " in told and f"{name} (the same as {folder}/images/a.png)" in told


def test_copies_within_the_plain_folder_count_once_and_are_told(folder):
    before = read(folder, more=True)
    shutil.copyfile(folder / "more/c.png", folder / "more/d.png")
    (folder / "more/sub").mkdir()
    (folder / "more/sub/e.png").symlink_to(folder / "more/c.png")
    data = read(folder, more=True)
    assert [entry.file_name for entry in data.unlabelled] == ["b.png", "c.png"]
    (told,) = set(data.suspicions) - set(before.suspicions)
    assert f"images of {folder}/more that are copies of other images of it are left out, 2 in all: d.png" in told


def test_only_files_of_equal_size_are_read_to_find_copies(folder, monkeypatch):
    read_files = []
    monkeypatch.setattr(copies, "file_hash", lambda path: read_files.append(path.name) or path.read_bytes().hex())
    for number in range(3):
        (folder / f"more/d{number}.png").write_bytes((folder / "more/c.png").read_bytes() + bytes(1 + number))
    for name in ("y", "zz"):
        shutil.copyfile(folder / "more/d2.png", folder / f"more/{name}.png")
    data = read(folder, more=True)
    assert [entry.file_name for entry in data.unlabelled] == ["b.png", "c.png", "d0.png", "d1.png", "d2.png"]
    assert {name for name in read_files if name.startswith(("d", "y", "z"))} == {"d2.png", "y.png", "zz.png"}
    assert len(read_files) == len(set(read_files)), "each is read once"


def test_a_labelled_image_may_stay_in_the_plain_folder_or_be_moved(folder):
    before = read(folder, more=True)
    (folder / "images/a.png").rename(folder / "more/a.png")
    data = read(folder, more=True)
    assert [entry.file_name for entry in data.unlabelled] == [entry.file_name for entry in before.unlabelled]
    place = {entry.file_name: image_path(entry, folder / "images") for entry in data.annotations.images}
    assert place["a.png"] == folder / "more/a.png" and place["b.png"] == folder / "images/b.png"
    assert not any("left out of this folder" in sentence for sentence in data.suspicions), "it is no copy"
    with pytest.raises(UserError, match=r"a\.png: no such image file"):
        read(folder)


def test_a_folder_given_twice_in_two_spellings_has_no_copies(folder, monkeypatch):
    monkeypatch.chdir(folder / "more")
    (folder / "link").symlink_to("images")
    for other in ("../images", "../link", ".."):
        (folder / "more/c.png").unlink(missing_ok=True)
        data = read_training_data(Sources(folder / "train.json", folder / "images", other))
        assert len(data.labelled) == 1
        assert not any("left out of this folder" in sentence for sentence in data.suspicions), other


def test_images_that_were_moved_while_a_run_was_stopped_are_found_again(folder):
    for number in range(4):
        cv2.imwrite(str(folder / f"more/d {number}.png"), np.full((20, 30 + number, 3), number, np.uint8))
    before = read(folder, more=True)
    names = [entry.file_name for entry in before.unlabelled]

    def is_as_before(data):
        return [entry.file_name for entry in data.unlabelled] == names

    for name in ("d 1.png", "d 3.png"):
        (folder / "more" / name).rename(folder / "images" / name)
    found, told = find_moved(read(folder, more=True), folder / "images", is_as_before)
    assert "2 unlabelled images were moved into" in told and is_as_before(found)
    assert [entry.image_id for entry in found.unlabelled] == [entry.image_id for entry in before.unlabelled]
    sizes = [(entry.width, entry.height) for entry in before.unlabelled]
    assert [(entry.width, entry.height) for entry in found.unlabelled] == sizes
    assert all(image_path(entry, folder / "images").is_file() for entry in found.unlabelled)

    (folder / "images/d 1.png").unlink()  # now one is missing
    now = read(folder, more=True)
    assert find_moved(now, folder / "images", is_as_before) == (now, None)


@pytest.mark.parametrize(
    ("how", "name", "said"),
    [
        (os.symlink, "b.png", r"b\.png: is an image of eval_ann_file too$"),
        (shutil.copyfile, "x.png", r"x\.png: is an image of eval_ann_file too, a copy of .*images/b\.png$"),
    ],
)
def test_the_plain_folder_must_not_hold_evaluation_images(folder, how, name, said):
    how(folder / "images/b.png", folder / "more" / name)
    sources = Sources(
        folder / "train.json",
        folder / "images",
        folder / "more",
        eval_ann_file=folder / "train.json",
        eval_img_dir=folder / "images",
    )
    with pytest.raises(
        UserError, match=f"(?s)trained on what it is measured on; move these out of this folder.*{said}"
    ):
        read_training_data(sources)


def test_all_faults_come_together(folder):
    (folder / "images/b.png").unlink()
    (folder / "more/broken.png").write_bytes(b"no image")
    write(folder, "eval.json", boxes=1, category="dog")
    with pytest.raises(UserError) as caught:
        read(folder, more=True, evaluate=True, max_gts=1)
    for expected in ("b.png: no such image file", "broken.png", "dog", "--num_gts 2"):
        assert expected in str(caught.value)


def test_a_copy_of_an_evaluation_image_among_the_training_images_is_told(folder):
    (folder / "validation").mkdir()
    shutil.copyfile(folder / "images/b.png", folder / "validation/c.png")
    content = json.loads((folder / "train.json").read_text())
    content["images"] = [{"id": 1, "file_name": "c.png", "width": 30, "height": 20}]
    (folder / "eval.json").write_text(json.dumps(content))
    sources = Sources(folder / "train.json", folder / "images", None, folder / "eval.json", folder / "validation")
    said = "1 training image is among the 1 evaluation images, themselves or as copies, such as b.png"
    assert any(said in sentence for sentence in read_training_data(sources).suspicions)
