"""The launch scripts of scripts/mask_rcnn with a stand-in for Python: what a folder laid out as COCO's becomes."""

from pathlib import Path

import pytest

from tests.scripts.test_launch_scripts import MASK_RCNN, MSRUN, VALUES, arguments_of, device_of, options_of

ROOT = Path(__file__).resolve().parents[2]
TRAINING = [f"mask_rcnn/{name}" for name in MASK_RCNN if "train" in name]
EVALUATION = [f"mask_rcnn/run_eval_{where}.sh" for where in ("cpu", "gpu", "ascend")]


@pytest.fixture(autouse=True)
def data_path(monkeypatch):
    monkeypatch.setitem(VALUES, "DATA_PATH", "coco")


@pytest.mark.parametrize("script", TRAINING)
def test_training(workshop, coco, script):
    result = workshop.run(script, *arguments_of(script, optional=True), "--max_epoch=3")
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert options["--config_path"] == str(ROOT / "configs" / "mask_rcnn_resnet_v1.5_50.yaml")
    assert "--backbone" not in options and "--mindrecord_dir" not in options
    assert options["--device_target"] == device_of(script)
    assert options["--train_img_dir"] == f"{coco}/train2017"
    assert options["--train_ann_file"] == f"{coco}/annotations/instances_train2017.json"
    assert options["--eval_ann_file"] == f"{coco}/annotations/instances_val2017.json"
    assert options["--pre_trained"] == workshop.path("net.ckpt")
    assert options["--max_epoch"] == "3"
    if "standalone" in script:
        assert call[0] == "train.py"
        assert options["--device_id"] == ("0" if "cpu" in script else "3")
        assert options["--save_checkpoint_path"] == workshop.path("train")
    else:
        assert call[0] == MSRUN and "--worker_num=8" in call
        assert (f"--rank_table_file={workshop.path('rank table.json')}" in call) == ("ascend" in script)
        assert options["--save_checkpoint_path"] == workshop.path("train_parallel")


def test_another_backbone_is_another_leaf_and_the_number_of_a_device_may_be_an_option(workshop, coco):
    words = ["--backbone", "resnet_v1_18", "--device_id", "5"]
    result = workshop.run("mask_rcnn/run_standalone_train_gpu.sh", "net.ckpt", "coco", *words)
    assert result.returncode == 0, result.stderr
    options = options_of(workshop.calls()[0])
    assert options["--config_path"] == str(ROOT / "configs" / "mask_rcnn_resnet_v1_18.yaml")
    assert (options["--backbone"], options["--device_id"]) == ("resnet_v1_18", "5")


@pytest.mark.parametrize("script", EVALUATION)
def test_evaluation(workshop, coco, script):
    result = workshop.run(script, *arguments_of(script))
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert call[0] == "eval.py"
    assert options["--checkpoint_path"] == workshop.path("net.ckpt")
    assert (options["--eval_img_dir"], options["--eval_ann_file"]) == (f"{coco}/val2017", workshop.path("val.json"))
    assert options["--eval_output_dir"] == workshop.path("net_eval")
    assert (options["--device_target"], options["--device_id"]) == (device_of(script), "0")


@pytest.mark.parametrize(("words", "code"), [([], 0), (["CPU"], 0), (["GPU"], 2)])
def test_evaluation_of_an_exported_model_is_on_the_cpu(workshop, coco, words, code):
    result = workshop.run("mask_rcnn/run_eval_onnx.sh", "net.onnx", "coco", *words)
    assert result.returncode == code
    if code:
        assert "error: DEVICE_TARGET must be CPU, on which exported models are evaluated, not 'GPU'" in result.stderr
        return
    options = options_of(workshop.calls()[0])
    assert options["--model"] == workshop.path("net.onnx")
    assert options["--eval_ann_file"] == f"{coco}/annotations/instances_val2017.json"
    assert options["--eval_output_dir"] == workshop.path("net_eval")
