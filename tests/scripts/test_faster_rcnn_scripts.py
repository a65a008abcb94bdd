"""The launch scripts of scripts/faster_rcnn with a stand-in for Python: what a folder laid out as COCO's becomes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.test_launch_scripts import MSRUN, arguments_of, device_of, options_of

ROOT = Path(__file__).resolve().parents[2]
TRAINING = [
    f"faster_rcnn/run_{how}_train_{where}.sh"
    for how in ("standalone", "distribute")
    for where in ("cpu", "gpu", "ascend")
]


@pytest.mark.parametrize("script", TRAINING)
def test_training(workshop, coco, script):
    result = workshop.run(script, *arguments_of(script), "--max_epoch=3")
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert options["--config_path"] == str(ROOT / "configs" / "faster_rcnn_resnet_v1_18.yaml")
    assert options["--backbone"] == "resnet_v1_18"
    assert options["--device_target"] == device_of(script)
    assert options["--train_img_dir"] == f"{coco}/train2017"
    assert options["--train_ann_file"] == f"{coco}/annotations/instances_train2017.json"
    assert options["--eval_img_dir"] == f"{coco}/val2017"
    assert options["--eval_ann_file"] == f"{coco}/annotations/instances_val2017.json"
    assert options["--pre_trained"] == workshop.path("net.ckpt")
    assert options["--max_epoch"] == "3"
    assert "--mindrecord_dir" not in options
    if "standalone" in script:
        assert call[0] == "train.py"
        assert options["--device_id"] == ("0" if "cpu" in script else "3")
        assert options["--save_checkpoint_path"] == workshop.path("train")
    else:
        assert call[0] == MSRUN
        assert ("--worker_num=8" if "ascend" in script else "--worker_num=2") in call
        assert (f"--rank_table_file={workshop.path('rank table.json')}" in call) == ("ascend" in script)
        assert options["--save_checkpoint_path"] == workshop.path("train_parallel")


def test_what_is_given_overrides_what_the_layout_tells(workshop, coco):
    script = TRAINING[0]
    (coco / "annotations" / "instances_val2017.json").unlink()
    words = ["--config_path", "mine.yaml", "--save_checkpoint_path", "here", "--train_ann_file", "some.json"]
    result = workshop.run(script, *arguments_of(script, optional=True), *words)
    assert result.returncode == 0, result.stderr
    options = options_of(workshop.calls()[0])
    assert (options["--config_path"], options["--train_ann_file"]) == ("mine.yaml", "some.json")
    assert options["--save_checkpoint_path"] == workshop.path("here")
    assert options["--mindrecord_dir"] == workshop.path("cache")
    assert "--eval_img_dir" not in options


def test_a_folder_that_is_not_laid_out_as_coco(workshop, coco):
    (coco / "annotations" / "instances_train2017.json").unlink()
    result = workshop.run(TRAINING[0], *arguments_of(TRAINING[0]))
    assert (result.returncode, workshop.calls()) == (2, [])
    assert (
        f"error: there is no {coco}/annotations/instances_train2017.json; for another dataset layout" in result.stderr
    )

    result = workshop.run(TRAINING[0], *arguments_of(TRAINING[0]), "--train_ann_file", "some.json")
    assert result.returncode == 0, result.stderr
    assert options_of(workshop.calls()[0])["--train_ann_file"] == "some.json"


def test_a_backbone_that_there_is_not(workshop, coco):
    words = ["resnet_50" if word == "resnet_v1_18" else word for word in arguments_of(TRAINING[0])]
    result = workshop.run(TRAINING[0], *words)
    assert (result.returncode, workshop.calls()) == (2, [])
    assert "error: BACKBONE must be one of resnet_v1.5_101, " in result.stderr
    assert "resnet_v1_152, resnet_v1_18, " in result.stderr and "not 'resnet_50'" in result.stderr


@pytest.mark.parametrize("script", [f"faster_rcnn/run_eval_{where}.sh" for where in ("cpu", "gpu", "ascend")])
def test_evaluation(workshop, coco, script):
    result = workshop.run(script, *arguments_of(script, optional=True), "--test_batch_size", "2")
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert call[0] == "eval.py"
    assert options["--checkpoint_path"] == workshop.path("net.ckpt")
    assert options["--eval_img_dir"] == f"{coco}/val2017"
    assert options["--eval_ann_file"] == workshop.path("val.json")
    assert options["--eval_output_dir"] == workshop.path("net_eval")
    assert options["--device_target"] == device_of(script)
    assert options["--device_id"] == ("0" if "cpu" in script else "3")
    assert options["--test_batch_size"] == "2"
    assert options["--mindrecord_dir"] == workshop.path("cache")


def test_evaluation_of_an_exported_model(workshop, coco):
    script = "faster_rcnn/run_eval_onnx.sh"
    result = workshop.run(script, *arguments_of(script), "--eval_img_dir", "images")
    assert result.returncode == 0, result.stderr
    options = options_of(workshop.calls()[0])
    assert options["--model"] == workshop.path("net.onnx")
    assert options["--eval_ann_file"] == workshop.path("val.json")
    assert (options["--eval_img_dir"], options["--eval_output_dir"]) == ("images", workshop.path("net_eval"))


@pytest.mark.parametrize(("said", "code"), [("resnet_v1_10", 0), ("resnet_v1_34", 2)])
def test_the_backbone_of_a_checkpoint_is_compared(tiny_detector, said, code):
    command = [sys.executable, str(ROOT / "scripts" / "_backbone.py"), str(tiny_detector), said]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == code
    assert code == 0 or "error: BACKBONE is resnet_v1_34, but" in done.stderr and "resnet_v1_10" in done.stderr
