"""export.py from a checkpoint to a model, its metadata, and a detector that finds the same; on a tiny network."""

import hashlib
import json
import os
import re
import shlex
import stat
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

import eval as evaluation_script
import export
from src.checkpoint.detector_file import DetectorMetadata, save_detector
from src.checkpoint.restore import restore_detector
from src.config.load import load_config
from src.errors import UserError
from src.evaluation.masks import decode_mask
from src.exporting import checked_export
from src.exporting.agreement import MASK_TOLERANCE, compare, synthetic_images
from src.exporting.checked_export import ExportConfig
from src.exporting.exported import write_model
from src.exporting.outputs import OUTPUTS
from src.exporting.runner import as_detector, numpy_forward, open_model
from src.systems import build_network


def _options(**values) -> list[str]:
    return [word for key, value in values.items() for word in (f"--{key}", str(value))]


def _arguments(detector, name, **values) -> list[str]:
    return _options(**{"checkpoint_path": detector, "file_name": name, "device_target": "CPU"} | values)


def _refusal(capsys, *arguments, **values) -> str:
    with pytest.raises(SystemExit) as stopped:
        export.main(_arguments(*arguments, **values))
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    return said


def test_metadata_of_a_model_never_take_the_place_of_another_file(tmp_path):
    (tmp_path / "train.json").write_text('{"images": [], "annotations": []}')
    words = _arguments("best_model.ckpt", tmp_path / "train", file_format="MINDIR", overwrite="true")
    with pytest.raises(
        UserError, match="train.json: would be replaced by the metadata of the model, but is something else"
    ):
        export.checked_target(load_config("", words))
    (tmp_path / "train.json").write_text('{"sha256": "", "input": {}, "outputs": [], "of": "another version"}')
    assert export.checked_target(load_config("", words)) == tmp_path / "train.mindir"


def test_the_name_of_the_model_is_asked_for_with_one_that_works(tmp_path):
    words = _options(checkpoint_path=tmp_path / "the best.ckpt", device_target="CPU")
    with pytest.raises(UserError, match="missing: --file_name, the path of the model without its suffix") as caught:
        export.checked_target(load_config("", words))
    name = shlex.split(str(caught.value))[-1]
    assert export.checked_target(load_config("", [*words, "--file_name", name])) == tmp_path / "the best.mindir"


def test_a_model_of_another_format_keeps_its_metadata(tmp_path):
    (tmp_path / "faces.mindir").touch()
    (tmp_path / "faces.json").write_text('{"sha256": "", "input": {}, "outputs": [], "file": "faces.mindir"}')
    words = _arguments("best_model.ckpt", tmp_path / "faces", file_format="ONNX", overwrite="true")
    with pytest.raises(
        UserError, match="faces.json: is the metadata of .*faces.mindir, which could not be used without it"
    ):
        export.checked_target(load_config("", words))
    (tmp_path / "faces.mindir").unlink()
    assert export.checked_target(load_config("", words)) == tmp_path / "faces.onnx"


def _content(path: Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file_format", ["MINDIR", "ONNX"])
def test_the_metadata_says_what_the_file_is(exported, tiny_detector, file_format):
    path = exported[file_format]
    metadata = _content(path)
    assert metadata["format"] == file_format and metadata["file"] == path.name
    assert metadata["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert metadata["system"] == "faster_rcnn"
    assert metadata["input"] == {
        "name": "images",
        "shape": [2, 3, 64, 64],
        "dtype": "float32",
        "layout": "NCHW",
        "colour": "RGB",
        "range": [0, 255],
    }
    assert {key: metadata["resize"][key] for key in ("keep_ratio", "interpolation", "pad_value", "pad")} == {
        "keep_ratio": True,
        "interpolation": "linear",
        "pad_value": 0,
        "pad": "right and bottom",
    }
    assert metadata["outputs"][:4] == [
        {"name": "boxes", "shape": [2, 8, 4], "dtype": "float32"},
        {"name": "scores", "shape": [2, 8], "dtype": "float32"},
        {"name": "labels", "shape": [2, 8], "dtype": "int32"},
        {"name": "valid", "shape": [2, 8], "dtype": "bool"},
    ]
    assert metadata["outputs"][4:] == [{"name": "probabilities", "shape": [2, 8, 3], "dtype": "float32"}] * (
        file_format == "ONNX"
    )
    assert metadata["classes"] == [{"id": 4, "name": "square"}, {"id": 5, "name": "circle"}]
    checkpoint = {
        "file": "best_model.ckpt",
        "sha256": hashlib.sha256(tiny_detector.read_bytes()).hexdigest(),
        "step": 4,
    }
    assert metadata["checkpoint"] == checkpoint


@pytest.mark.parametrize("file_format", ["MINDIR", "ONNX"])
def test_others_may_read_the_file_and_nothing_else_lies_there(exported, file_format):
    mask = os.umask(0)
    os.umask(mask)
    for path in (exported[file_format], exported[file_format].with_suffix(".json")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert sorted(path.suffix for path in exported[file_format].parent.iterdir()) == sorted(
        [exported[file_format].suffix, ".json"]
    )


def test_an_onnx_file_keeps_its_word(exported):
    import onnx

    graph = onnx.load(exported["ONNX"]).graph
    assert [value.name for value in graph.input] == ["images"]
    assert [value.name for value in graph.output] == [*OUTPUTS, "probabilities"]
    types = [onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name for value in graph.output]
    assert types == ["float32", "float32", "int32", "bool", "float32"]
    assert {node.domain for node in graph.node} <= {"", "ai.onnx"}


def test_formats_detect_the_same_and_other_rows_are_zero(exported):
    images = np.random.default_rng(5).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
    (_, by_mindspore), (_, by_onnx) = (open_model(exported[name]) for name in ("MINDIR", "ONNX"))
    for one, other in zip(by_mindspore(images), by_onnx(images), strict=True):
        if other.shape[-1:] != one.shape[-1:]:  # probabilities, which the MINDIR file does not give
            assert one.shape == (2, 8, 0) and other.shape == (2, 8, 3)
            continue
        np.testing.assert_allclose(one.astype(float), other.astype(float), atol=1e-3)
    boxes, scores, labels, probabilities, valid = by_onnx(images)
    assert valid.any() and set(labels[valid]) <= {1, 2}
    np.testing.assert_allclose(probabilities[valid].sum(-1), 1, atol=1e-5)
    assert not boxes[~valid].any() and not scores[~valid].any() and not labels[~valid].any()


def test_a_model_that_differs_is_not_kept(tiny_detector, tmp_path, capsys, monkeypatch):
    def write_other(detector, shape, path, file_format):
        for parameter in detector.get_parameters():
            if parameter.name.endswith("box_head.offsets.bias"):
                before = parameter.asnumpy().copy()
                parameter.set_data(parameter + 0.1)
                write_model(detector, shape, path, file_format)
                parameter.set_data(type(parameter.data)(before))

    monkeypatch.setattr(checked_export, "write_model", write_other)
    said = _refusal(capsys, tiny_detector, tmp_path / "other", file_format="MINDIR")
    assert "differs from the checkpoint and was not kept" in said and "0.01 px" in said
    assert not list(tmp_path.iterdir())


def test_nothing_to_compare_is_no_agreement():
    config = ExportConfig("ONNX", (1, 3, 64, 64), probabilities=False, score_threshold=0.05)
    nothing = [np.zeros(shape, np.float32) for shape in ((2, 8, 4), (2, 8), (2, 8), (2, 8))]
    with pytest.raises(UserError, match="detects nothing in 2 images.*--infer_img_dir, or .*--check 0"):
        nobody = as_detector(lambda images: nothing)
        checked_export.check_agreement(nobody, nobody, np.zeros((2, 3, 64, 64)), config)


def test_images_to_check_are_drawn_or_read(tiny_config, tiny_data):
    def images(*words):
        return export.images_to_check(load_config("", ["--config_path", str(tiny_config), *map(str, words)]))

    assert images().shape == (2, 3, 64, 64) and images("--check", 0).shape == (0, 3, 64, 64)
    read = images("--infer_img_dir", tiny_data.img_dir, "--check", 3)
    assert read.shape == (3, 3, 64, 64) and read.dtype == np.uint8
    assert (read[0, :, 53:] == 0).all() and read[0, :, 52].any()  # a picture of 60 x 50 pixels
    assert images("--infer_img_dir", tiny_data.img_dir, "--check", 99).shape[0] == 8
    assert images("--infer_img_dir", tiny_data.img_dir, "--check", 0).shape[0] == 0


def test_what_cannot_be_done_is_said_before_anything_is_built(tiny_detector, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(export, "restore_detector", lambda *_: pytest.fail("built before it was checked"))
    name = tmp_path / "faces"
    assert "AIR can only be written on an Ascend device" in _refusal(capsys, tiny_detector, name, file_format="AIR")
    assert "leave the suffix out" in _refusal(capsys, tiny_detector, f"{name}.onnx", file_format="MINDIR")
    assert "not MINDIR" in _refusal(capsys, tiny_detector, name, file_format="MINDIR", soc_version="Ascend310")
    assert "atc is not on the PATH" in _refusal(
        capsys, tiny_detector, name, file_format="ONNX", soc_version="Ascend310"
    )
    assert "--file_name" in _refusal(capsys, tiny_detector, "")
    for taken in ("faces.onnx", "faces.json"):
        (tmp_path / taken).write_text("mine")
        assert f"{taken}: exists already" in _refusal(capsys, tiny_detector, name, file_format="ONNX")
        assert (tmp_path / taken).read_text() == "mine"
        (tmp_path / taken).unlink()
    for packages in (["onnx"], ["openvino", "onnxruntime"]):
        with monkeypatch.context() as without:
            for package in packages:
                without.setitem(sys.modules, package, None)
            said = _refusal(capsys, tiny_detector, name, file_format="ONNX")
            assert f"pip install {packages[-1]}" in said
    assert not list(tmp_path.iterdir())


def test_a_bottleneck_backbone_with_the_rules_of_torchvision_is_exported_too(tiny_config, tmp_path, capsys, request):
    rules = ["--anchor_rule", "torchvision", "--black_is_padding", "true", "--resize_sides", "40,64"]
    config = load_config("", ["--config_path", str(tiny_config), "--backbone", "resnet_v1_50", *rules])
    network = build_network(config, class_count=2)
    for parameter in network.get_parameters():
        if parameter.name.endswith("bn3.gamma"):  # random stages without statistics of their own would grow
            parameter.set_data(parameter * 0.2)
    checkpoint = tmp_path / "net.ckpt"
    save_detector(network, checkpoint, DetectorMetadata(config.as_dict(), ["square", "circle"], [4, 5], step=4))
    export.main(_arguments(checkpoint, tmp_path / "net", file_format="ONNX"))
    found = re.search(r"check: 2 images, (\d+) detections: ", capsys.readouterr().out)
    assert int(found[1]) > 0
    assert _content(tmp_path / "net.onnx")["resize"]["sides"] == [40, 64]

    # The model guesses where an image ends, and says so; the network of the checkpoint can be told.
    assert "black rows at the bottom" in _content(tmp_path / "net.onnx")["resize"]["rule"]
    images = synthetic_images(2, (64, 64), keep_ratio=False)
    images[:, :, :, 40:] = 0
    _, detector = open_model(tmp_path / "net.onnx")
    request.getfixturevalue("pynative")  # to compile this network a second time takes longer than three images
    told = numpy_forward(restore_detector(checkpoint, lambda class_count: build_network(config, class_count))[0])
    assert compare(told, detector, images, 1, config.test_score_thr).holds
    sizes = np.full((1, 2), 64, np.float32)
    guessed, known = (of(images[:1], sizes)[0][..., 2].max() for of in (detector, told))
    assert guessed <= 40 < known


def test_masks_are_exported_compared_and_scored(tiny_config, tiny_data, tmp_path, capsys):
    ms.set_seed(1)
    options = ["--system", "mask_rcnn", "--backbone", "resnet_v1_10"]
    options += ["--mask_out_size", "4", "--rcnn_mask_out_channels", "8", "--mask_thr_binary", "0.4"]
    config = load_config("", ["--config_path", str(tiny_config), *options])
    checkpoint = tmp_path / "net.ckpt"
    card = DetectorMetadata(config.as_dict(), ["square", "circle"], [4, 5], step=4)
    save_detector(build_network(config, class_count=2), checkpoint, card)
    export.main(_arguments(checkpoint, tmp_path / "net", file_format="ONNX", mask_pasting="torchvision"))
    told = re.search(r"check: 2 images, (\d+) detections: .*, masks (\S+)\n", capsys.readouterr().out)
    assert int(told[1]) > 0 and float(told[2]) < MASK_TOLERANCE
    metadata = _content(tmp_path / "net.onnx")
    assert metadata["outputs"][4:] == [{"name": "masks", "shape": [1, 8, 8, 8], "dtype": "float32"}]
    assert (metadata["masks"]["threshold"], metadata["masks"]["pasting"]) == (0.4, "torchvision")

    truth = json.loads(tiny_data.val_file.read_text())
    for row in truth["annotations"]:
        x, y, width, height = row["bbox"]
        row["segmentation"] = [[x, y, x + width, y, x + width, y + height, x, y + height]]
    (tmp_path / "val.json").write_text(json.dumps(truth))
    where = {"eval_ann_file": tmp_path / "val.json", "eval_img_dir": tiny_data.img_dir}
    evaluation_script.main(
        _options(device_target="CPU", model=tmp_path / "net.onnx", eval_output_dir=tmp_path / "scores", **where)
    )
    metrics, records = (
        json.loads((tmp_path / "scores" / name).read_text()) for name in ("metrics.json", "eval_results.json")
    )
    assert 0 <= metrics["segm"]["AP"] <= 1
    assert records and all(decode_mask(record["segmentation"]).shape == (50, 60) for record in records)

    results = {"results": tmp_path / "scores" / "eval_results.json", "eval_output_dir": tmp_path / "again"}
    evaluation_script.main(_options(eval_ann_file=tmp_path / "val.json", **results))
    assert json.loads((tmp_path / "again" / "metrics.json").read_text())["segm"] == metrics["segm"]
