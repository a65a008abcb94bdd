"""One folder of images, of which XML files label a few: what each program says, and that its remedy works."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image

from random_select import main as select
from src.data.doctor import main as doctor
from src.data.training_data import Sources, read_training_data
from src.errors import UserError
from src.split_data import main as split
from src.xml2coco import main as convert

XML = (
    "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    "</object></annotation>"
)


@pytest.fixture
def folder(tmp_path):
    """Twenty images, of which the first six have XML files."""
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    for number in range(20):
        blocks = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
        picture = Image.fromarray(blocks).resize((60, 40), Image.Resampling.NEAREST)
        picture.save(tmp_path / f"images/{number:02}.png")
        if number < 6:
            (tmp_path / f"annotations/{number:02}.xml").write_text(XML)
    return tmp_path


def said(program, words, capsys) -> tuple[int, str]:
    try:
        program([str(word) for word in words])
        status = 0
    except SystemExit as end:
        status = end.code
    return status, "".join(capsys.readouterr())


def test_the_doctor_says_it_once_and_its_remedy_works(folder, capsys):
    words = ["--ann_file", folder / "annotations", "--img_dir", folder / "images"]
    status, told = said(doctor, words, capsys)
    assert status == 1 and told.count("no XML file") == 1 and "\n1 error, 0 suspicious findings" in told
    assert told.endswith("the labels were not looked at, further checks follow when it is corrected\n")
    assert "14 images of " in told and "such as 06.png, 07.png, 08.png, 09.png, 10.png and 9 more" in told
    remedy = told.partition("too: ")[2].partition(";")[0]
    status, told = said(doctor, [*words, *shlex.split(remedy)], capsys)
    assert status == 0 and "6 labelled images with 6 boxes" in told and "14 unlabelled images" in told


def test_training_reads_the_others_as_unlabelled_images(folder):
    data = read_training_data(Sources(folder / "annotations", folder / "images", folder / "images"))
    assert (len(data.labelled), len(data.unlabelled)) == (6, 14)
    (folder / "more").mkdir()
    with pytest.raises(UserError, match="14 images of .* have no XML file"):
        read_training_data(Sources(folder / "annotations", folder / "images", folder / "more"))


def test_random_select_converts_the_labelled_ones(folder, capsys):
    words = ["--ann_file", folder / "annotations", "--img_dir", folder / "images", "--label_ratio", 100]
    words += ["--output_ann_file", folder / "train.json"]
    status, told = said(select, words, capsys)
    assert status == 2 and "14 images of" in told
    status, told = said(select, [*words, *shlex.split(told.partition("too: ")[2].partition(";")[0])], capsys)
    assert status == 0 and len(json.loads((folder / "train.json").read_text())["images"]) == 6


def test_xml2coco_and_split_data_take_them_as_unlabelled_when_told(folder, capsys):
    words = ["--data_path", folder, "--save_path", folder / "train.json"]
    status, told = said(convert, words, capsys)
    assert status == 2 and "pass --some_unlabelled" in told
    status, told = said(convert, [*words, "--some_unlabelled"], capsys)
    assert status == 0 and "14 images without an XML file" in told
    data = read_training_data(Sources(folder / "train.json", folder / "images", folder / "images"))
    assert (len(data.labelled), len(data.unlabelled)) == (6, 14)

    words = ["--data_path", folder, "--output_path", folder / "split", "--same_from", 2, "--val_ratio", 0.4]
    status, told = said(split, words, capsys)
    assert status == 2 and "pass --some_unlabelled" in told
    status, told = said(split, [*words, "--some_unlabelled"], capsys)
    assert status == 0, told
    train, val = folder / "split/train", folder / "split/val"
    data = read_training_data(
        Sources(train / "annotations", train / "images", train / "images", val / "annotations", val / "images")
    )
    assert (len(data.labelled), len(data.unlabelled), len(data.evaluation.images)) == (4, 14, 2)


def test_an_unlabelled_copy_of_a_validation_image_goes_nowhere(folder, capsys):
    for number in range(6):
        (folder / f"images/copy{number}.png").write_bytes((folder / f"images/{number:02}.png").read_bytes())
    words = ["--data_path", folder, "--output_path", folder / "split", "--same_from", 2, "--val_ratio", 0.4]
    status, told = said(split, [*words, "--some_unlabelled"], capsys)
    assert status == 0 and "2 show a picture of val" in told, told
    assert len(list((folder / "split/train/images").iterdir())) == 4 + 14 + 4
    assert len(list((folder / "split/val/images").iterdir())) == 2


def test_one_fault_for_all_xml_files_and_listed_names_without_an_image(folder, capsys):
    for number in range(2, 5):
        (folder / f"images/{number:02}.png").rename(folder / f"images/{number:02}.heic")
    (folder / "annotations/x.xml").write_text(XML)
    (folder / "annotations/y.xml").write_text(XML)
    status, told = said(doctor, ["--ann_file", folder / "annotations", "--img_dir", folder / "images"], capsys)
    assert status == 1 and "3 errors" in told, told
    assert "2 XML files of" in told and "3 files of" in told and "of no kind that can be read" in told
