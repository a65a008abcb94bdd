"""The launch scripts of scripts/ssd with a stand-in for Python: what each kind of data becomes."""

from pathlib import Path

import pytest

from tests.scripts.test_launch_scripts import MSRUN, SSD, arguments_of, device_of, options_of

ROOT = Path(__file__).resolve().parents[2]
TRAINING = [f"ssd/{name}" for name in SSD if "train" in name]
EVALUATION = [f"ssd/run_eval_{where}.sh" for where in ("cpu", "gpu", "ascend")]


@pytest.mark.parametrize("script", TRAINING)
def test_training(workshop, coco, script):
    result = workshop.run(script, *arguments_of(script), "--max_epoch=3")
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert options["--config_path"] == str(ROOT / "configs" / "ssd_resnet34.yaml")
    assert options["--device_target"] == device_of(script)
    assert options["--train_img_dir"] == f"{coco}/train2017"
    assert options["--train_ann_file"] == f"{coco}/annotations/instances_train2017.json"
    assert options["--eval_ann_file"] == f"{coco}/annotations/instances_val2017.json"
    assert options["--mindrecord_dir"] == workshop.path("cache")
    assert options["--save_checkpoint_path"] == workshop.path("out put")
    assert "--pre_trained" not in options
    assert options["--max_epoch"] == "3"
    if "standalone" in script:
        assert call[0] == "train.py"
        assert options["--device_id"] == ("0" if "cpu" in script else "3")
    else:
        assert call[0] == MSRUN
        assert ("--worker_num=8" if "ascend" in script else "--worker_num=2") in call
        assert (f"--rank_table_file={workshop.path('rank table.json')}" in call) == ("ascend" in script)


@pytest.mark.parametrize(
    ("dataset", "files", "train", "evaluation"),
    [
        (
            "voc",
            ["ImageSets/Main/train.txt", "ImageSets/Main/val.txt"],
            ("", "ImageSets/Main/train.txt"),
            ("", "ImageSets/Main/val.txt"),
        ),
        ("voc", ["ImageSets/Main/train.txt"], ("", "ImageSets/Main/train.txt"), None),
        (
            "voc",
            [f"{part}/{kind}/1" for part in ("train", "eval") for kind in ("Images", "Annotations")],
            ("train/Images", "train/Annotations"),
            ("eval/Images", "eval/Annotations"),
        ),
        ("voc", ["train/1.xml", "eval/1.xml"], ("train", "train"), ("eval", "eval")),
        ("other", ["train.txt", "val.txt"], ("", "train.txt"), ("", "val.txt")),
    ],
)
def test_layouts(workshop, dataset, files, train, evaluation):
    folder = workshop.folder / "some data"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    words = [dataset, "some data", "cache", "out put", "net.ckpt"]
    result = workshop.run("ssd/run_standalone_train_cpu.sh", *words)
    assert result.returncode == 0, result.stderr
    options = options_of(workshop.calls()[0])
    assert options["--pre_trained"] == workshop.path("net.ckpt")
    assert (options["--train_img_dir"], options["--train_ann_file"]) == tuple(str(folder / name) for name in train)
    if evaluation is None:
        assert "--eval_img_dir" not in options
        return
    assert (options["--eval_img_dir"], options["--eval_ann_file"]) == tuple(str(folder / name) for name in evaluation)

    scored = workshop.run("ssd/run_eval_cpu.sh", dataset, "some data", "net.ckpt", "cache")
    assert scored.returncode == 0, scored.stderr
    options = options_of(workshop.calls()[1])
    assert (options["--eval_img_dir"], options["--eval_ann_file"]) == tuple(str(folder / name) for name in evaluation)


def test_data_that_are_not_there(workshop, coco):
    result = workshop.run("ssd/run_standalone_train_cpu.sh", "voc", "coco", "cache", "out put")
    assert (result.returncode, workshop.calls()) == (2, [])
    assert f"error: there is no {coco}/train; for another dataset layout, pass --train_img_dir" in result.stderr

    words = ["--train_img_dir", "images", "--train_ann_file", "train.json"]
    result = workshop.run("ssd/run_standalone_train_cpu.sh", "voc", "coco", "cache", "out put", *words)
    assert result.returncode == 0, result.stderr
    options = options_of(workshop.calls()[0])
    assert (options["--train_img_dir"], options["--train_ann_file"]) == ("images", "train.json")


@pytest.mark.parametrize("script", EVALUATION)
def test_evaluation(workshop, coco, script):
    result = workshop.run(script, *arguments_of(script), "--eval_ann_file", "val.json")
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert call[0] == "eval.py"
    assert options["--checkpoint_path"] == workshop.path("net.ckpt")
    assert (options["--eval_img_dir"], options["--eval_ann_file"]) == (f"{coco}/val2017", "val.json")
    assert options["--eval_output_dir"] == workshop.path("net_eval")
    assert options["--mindrecord_dir"] == workshop.path("cache")
    assert (options["--device_target"], options["--device_id"]) == (device_of(script), "0" if "cpu" in script else "3")


def test_evaluation_of_an_exported_model(workshop, coco):
    result = workshop.run("ssd/run_eval_onnx.sh", "coco", "coco", "net.onnx")
    assert result.returncode == 0, result.stderr
    options = options_of(workshop.calls()[0])
    assert options["--model"] == workshop.path("net.onnx")
    assert (options["--eval_img_dir"], options["--eval_output_dir"]) == (f"{coco}/val2017", workshop.path("net_eval"))
    assert "--mindrecord_dir" not in options


def test_pictures_are_read_by_the_processor(workshop):
    words = ["net.onnx", "images", "DVPP", "val.json", "CPU"]
    result = workshop.run("ssd/run_infer_cpp.sh", *words)
    assert (result.returncode, workshop.calls()) == (2, [])
    assert "error: DVPP must be CPU, because images are decoded and resized there, not 'DVPP'" in result.stderr
