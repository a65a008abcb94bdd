"""One folder of images, of which XML files label a few: what each program says, and that its remedy works."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image

from export_tasks import main as export_tasks
from pick_select import main as pick
from random_select import main as select
from src.data.doctor import main as doctor
from src.data.training_data import Sources, read_training_data
from src.errors import UserError
from src.report.stages import read_stages
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


@pytest.fixture
def yolo(folder):
    """The same folder, its labels as YOLO's."""
    (folder / "labels").mkdir()
    for number in range(6):
        (folder / f"labels/{number:02}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "data.yaml").write_text("names: [cat]\n")
    return folder / "data.yaml"


def test_an_image_without_a_label_file_of_yolo_is_background_or_unlabelled(folder, yolo):
    data = read_training_data(Sources(yolo, folder / "images"))
    assert (len(data.labelled), len(data.unlabelled)) == (20, 0)
    assert any("give their folder as that of unlabelled images, too" in sentence for sentence in data.suspicions)
    data = read_training_data(Sources(yolo, folder / "images", folder / "images"))
    assert (len(data.labelled), len(data.unlabelled)) == (6, 14)


@pytest.mark.parametrize("more", [True, False], ids=["with the folder", "without"])
@pytest.mark.parametrize("form", ["annotations", "data.yaml"])
def test_the_command_that_a_round_names_converts_the_labelled_ones(folder, yolo, form, more, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    unlabelled = ["--unlabelled_img_dir", "images"] if more else []
    words = ["--img_dir", "images", "--pick_ratio", 60]
    status, told = said(pick, ["--ann_file", form, "--combine_ann_file", form, *words, *unlabelled], capsys)
    assert status == 2 and told.count("only COCO JSON says") == 1
    command = shlex.split(told.splitlines()[0].partition("in its place:  ")[2])
    assert ("add --unlabelled_img_dir images here, too" in told) == (form == "annotations" and not more)
    status, told = said(select, command[2:], capsys)
    labelled = 20 if form == "data.yaml" and not more else 6
    assert status == 0 and f"{labelled} images, {labelled} labelled, 0 unlabelled" in told, told
    assert ("all other images of that folder are unlabelled where" in told) == (labelled == 6)
    assert ("give their folder as that of unlabelled images, too" in told) == (labelled == 20)
    words += ["--ann_file", "labelled.json", "--combine_ann_file", "labelled.json"]
    status, told = said(pick, [*words, "--unlabelled_img_dir", "images"], capsys)
    assert ("6 of the 14 unlabelled images are to be picked" if labelled == 6 else "all 20 images are labelled") in told


@pytest.mark.parametrize("form", ["annotations", "data.yaml"])
def test_the_page_of_a_run_and_the_tasks_read_the_folder_as_training_does(folder, yolo, form, capsys):
    settings = f"train_ann_file: {folder / form}\ntrain_img_dir: {folder}/images\nunlabelled_img_dir: {folder}/images\n"
    (folder / "config.yaml").write_text(settings)
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    [stage] = read_stages(folder)
    assert (stage.labelled, stage.unlabelled) == (6, 14)
    (folder / "picked.txt").write_text("07.png\n08.png\n")
    words = ["--picked_file", folder / "picked.txt", "--img_dir", folder / "images", "--ann_file", folder / form]
    words += ["--unlabelled_img_dir", folder / "images", "--format", "coco", "--output_dir", folder / "tasks"]
    status, told = said(export_tasks, words, capsys)
    assert status == 0 and "2 images for coco" in told, told
