"""Contact sheets show every labelled image with its boxes, and the doctor draws them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.doctor import main
from src.report.contact_sheet import spread
from src.report.drawing import class_colour

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path):
    """23 grey images, the first with a cat and a dog, one empty, one unlabelled, one with a long name."""
    (tmp_path / "images").mkdir()
    images = [
        {"id": i, "file_name": f"{i}.png", "width": 150, "height": 100, "labelled": i != 23} for i in range(1, 24)
    ]
    images[4]["file_name"] = "größe" * 20 + ".png"
    for image in images:
        Image.new("RGB", (150, 100), (128, 128, 128)).save(tmp_path / "images" / image["file_name"])
    rows = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [50, 20, 50, 40], "iscrowd": 0}
        for i in range(1, 23)
        if i != 4
    ]
    rows.append({"id": 90, "image_id": 1, "category_id": 2, "bbox": [10, 70, 20, 20], "iscrowd": 0})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    (tmp_path / "train.json").write_text(json.dumps({"images": images, "annotations": rows, "categories": categories}))
    return tmp_path


def run(data, *more):
    words = ["--ann_file", data / "train.json", "--img_dir", data / "images", "--contact_sheet", data / "sheets"]
    main([str(word) for word in [*words, *more]])


def test_the_doctor_draws_labelled_images_with_their_boxes(data, capsys):
    run(data)
    assert f"{data / 'sheets'}: 22 of 22 labelled images on 2 contact sheets" in capsys.readouterr().out
    first, second = (np.asarray(Image.open(data / "sheets" / f"sheet_00{n}.jpg")).astype(int) for n in (1, 2))
    assert first.shape[1] == second.shape[1] and first.shape[0] > 2 * second.shape[0]
    # The first picture, 150 x 100 enlarged to 300 x 200, lies at (6, 6 + 12); its cat's left edge at x = 100, y = 40 to 120.
    edge = first[18 + 80, 6 + 100]
    assert np.abs(edge - class_colour(0)).max() < 90 and np.abs(edge - 128).max() > 40
    assert np.abs(first[18 + 80, 6 + 150] - 128).max() < 12, "nothing is drawn inside a box"
    dog = first[18 + 160, 6 + 20]
    assert np.abs(dog - class_colour(1)).max() < 90 and np.abs(dog - edge).max() > 60, (
        "classes have colours of their own"
    )
    empty = first[18 : 18 + 200, 6 + 3 * 306 : 6 + 3 * 306 + 300]
    assert np.abs(empty - 128).max() < 12, "an empty image has no box"


def test_what_cannot_be_drawn_is_said_and_nothing_is_overwritten(data, capsys):
    (data / "images" / "2.png").write_bytes(b"no picture")
    with pytest.raises(SystemExit) as faulty:  # the doctor names the broken image, too
        run(data)
    assert faulty.value.code == 1
    said = capsys.readouterr().out
    assert "21 of 22 labelled images on 2 contact sheets" in said and "not drawn: " in said and "2.png" in said
    before = (data / "sheets" / "sheet_001.jpg").read_bytes()
    with pytest.raises(SystemExit) as stop:
        run(data)
    assert stop.value.code == 2 and "choose another folder" in capsys.readouterr().err
    assert (data / "sheets" / "sheet_001.jpg").read_bytes() == before


def test_annotations_that_cannot_be_read_are_not_drawn(data, capsys):
    (data / "train.json").write_text("{}")
    with pytest.raises(SystemExit) as stop:
        run(data)
    assert stop.value.code == 1 and "no contact sheets" in capsys.readouterr().out


def test_many_images_are_drawn_evenly_spread():
    assert spread(0, 5) == [] and spread(1, 5) == [0] and spread(3, 5) == [0, 1, 2]
    chosen = spread(1000, 400)
    assert len(chosen) == 400 and chosen[0] == 0 and chosen[-1] == 999 and max(np.diff(chosen)) <= 3


def test_a_killed_start_is_in_nobodys_way(data):
    program = """import os, sys
from src.data import doctor
os.replace = lambda *names: os.kill(os.getpid(), 9)
doctor.main(sys.argv[1:])"""
    words = ["--ann_file", data / "train.json", "--img_dir", data / "images", "--contact_sheet", data / "sheets"]
    killed = subprocess.run([sys.executable, "-c", program, *map(str, words)], cwd=ROOT, check=False)
    assert killed.returncode == -9 and not (data / "sheets").exists()
    run(data)
    assert [path.name for path in data.glob("*sheets*")] == ["sheets"] and len(list((data / "sheets").iterdir())) == 2
