import os
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
import safetensors.numpy

from src.checkpoint.convert.backbone import backbones_of
from src.checkpoint.pretrained import load_pretrained
from src.checkpoint.weight_file import read_weights
from src.convert_checkpoint import main
from src.errors import UserError
from src.parts.backbones.resnet import ResNet
from src.parts.backbones.table import BACKBONES
from tests.hostile import obey_permissions

ROOT = Path(__file__).resolve().parents[1]

ZEROS = (
    Path(__file__).parent / "checkpoint" / "convert" / "data" / "resnet18_zeros.pth"
)  # of PyTorch: names of torchvision's ResNet-18


def values(network) -> dict[str, np.ndarray]:
    return {name: parameter.asnumpy() for name, parameter in network.parameters_and_names()}


@pytest.fixture(scope="module")
def resnet():
    return ResNet("resnet_v1_18")


@pytest.fixture
def npz(resnet, tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **values(resnet), **{"fc.weight": np.ones((3, 512), np.float32)})
    return path


def refusal(capsys, *arguments) -> str:
    """What the program prints when it refuses; it must not have ended with a traceback."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_file_of_pytorch_becomes_a_checkpoint_that_loads(tmp_path, capsys):
    output = tmp_path / "new" / "resnet18.ckpt"
    main(["--ckpt_file", str(ZEROS), "--output", str(output)])
    said = capsys.readouterr().out
    assert "backbone 100 of 100" in said and "fc.weight, fc.bias" in said and "--backbone resnet_v1_18" in said
    backbone = ResNet("resnet_v1_18")
    assert load_pretrained(backbone, output).backbone_is_loaded
    assert not any(value.any() for value in values(backbone).values())
    assert all(name.startswith("backbone.") for name in read_weights(output))


def test_npz_safetensors_and_zoo_checkpoints_give_the_same(resnet, npz, tmp_path):
    weights = {name: np.ascontiguousarray(value) for name, value in values(resnet).items()}
    safetensors.numpy.save_file(weights, tmp_path / "s.safetensors")
    zoo = {name.replace("downsample", "down_sample_layer"): value for name, value in weights.items()}
    zoo |= {"moments.conv1.weight": weights["conv1.weight"] * 0, "end_point.weight": np.ones((3, 512), np.float32)}
    rows = [{"name": name, "data": ms.Tensor(value)} for name, value in zoo.items()]
    ms.save_checkpoint(rows, str(tmp_path / "zoo.ckpt"))
    for name, written in (
        ("weights.npz", "weights.ckpt"),
        ("s.safetensors", "s.ckpt"),
        ("zoo.ckpt", "zoo_backbone.ckpt"),
    ):
        main(["--ckpt_file", str(tmp_path / name)])
        read = read_weights(tmp_path / written)
        assert list(read) == [f"backbone.{key}" for key in weights]
        for key, value in weights.items():
            np.testing.assert_array_equal(read[f"backbone.{key}"], value)


def test_nothing_is_overwritten_unasked(npz, capsys):
    output = npz.with_suffix(".ckpt")
    output.write_text("precious")
    assert "--overwrite" in refusal(capsys, "--ckpt_file", npz)
    assert output.read_text() == "precious"
    main(["--ckpt_file", str(npz), "--overwrite"])
    assert len(read_weights(output)) == 100


def test_what_cannot_be_right_is_refused_and_nothing_written(resnet, npz, tmp_path, capsys):
    weights = values(resnet)
    np.savez(tmp_path / "part.npz", **{name: value for name, value in weights.items() if "layer4.1" not in name})
    np.savez(tmp_path / "lacks.npz", **{name: value for name, value in weights.items() if name != "bn1.gamma"})
    np.savez(tmp_path / "wide.npz", **weights | {"conv1.weight": np.zeros((128, 3, 7, 7), np.float32)})
    np.savez(tmp_path / "other.npz", **{"encoder.weight": np.zeros(3)})
    before = set(tmp_path.iterdir())
    for arguments, words in (
        (["part.npz"], ["(2, 2, 2, 1) basic blocks", "resnet_v1_18"]),
        (["lacks.npz"], ["backbone.bn1.gamma"]),
        (["wide.npz"], ["(64, 3, 7, 7)", "(128, 3, 7, 7)"]),
        (["other.npz"], ["layer1.0.conv1.weight", "encoder.weight"]),
        (["missing.pth"], ["no such file"]),
        (["missing.ckpt"], ["no such file"]),
        (["weights.npz", "--output", tmp_path / "a.pth"], ["a.pth", ".ckpt"]),
    ):
        said = refusal(capsys, "--ckpt_file", tmp_path / arguments[0], *arguments[1:])
        for word in words:
            assert word in said
    assert set(tmp_path.iterdir()) == before


def test_the_input_is_never_the_output(tmp_path, capsys):
    path = tmp_path / "a.ckpt"
    path.write_bytes(b"x")
    assert "is the input file" in refusal(capsys, "--ckpt_file", path, "--output", path, "--overwrite")


def test_weights_in_a_folder_that_cannot_be_written_are_converted_elsewhere(npz, tmp_path, monkeypatch, capsys):
    def access(path: Path, mode: int) -> bool:  # permissions do not bind root, by whom tests may run
        return Path(path) != npz.parent

    monkeypatch.setattr(os, "access", access)
    told = refusal(capsys, "--ckpt_file", npz)
    assert told == (
        f"error: {npz}: the checkpoint would lie beside it, but {npz.parent} cannot be written; choose another place, such as "
        "--output weights.ckpt\n"
    )
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")
    main(["--ckpt_file", str(npz), *told.split("such as ")[1].split()])
    assert len(read_weights("weights.ckpt")) == 100 and not npz.with_suffix(".ckpt").exists()


@pytest.mark.parametrize("name", BACKBONES)
def test_names_alone_tell_the_depth(name):
    blocks, bottleneck, _ = BACKBONES[name]
    weights = {
        f"layer{stage}.{block}.conv{conv}.weight": np.zeros(1)
        for stage, count in enumerate(blocks, 1)
        for block in range(count)
        for conv in range(1, 4 if bottleneck else 3)
    }
    found = backbones_of(weights, "x")
    assert name in found
    assert {BACKBONES[other][:2] for other in found} == {(blocks, bottleneck)}


def test_an_epsilon_means_nothing_for_a_backbone(npz, capsys):
    told = refusal(capsys, "--ckpt_file", npz, "--batch_norm_eps", "0")
    assert "weights.npz: is no detector, so --batch_norm_eps means nothing here; leave it out" in told


def test_a_detector_of_this_project_is_not_called_something_else(tiny_detector, tiny_data, capsys):
    told = refusal(capsys, "--ckpt_file", tiny_detector, "--ann_file", tiny_data.val_file)
    assert "is a detector of this project already, so --ann_file means nothing here" in told


def test_commands_with_names_that_have_spaces_can_be_pasted(npz, tmp_path, capsys):
    output = tmp_path / "my weights.ckpt"
    main(["--ckpt_file", str(npz), "--output", str(output)])
    assert f"--pre_trained '{output}' --backbone" in capsys.readouterr().out
    (tmp_path / "my run.pth").touch()
    with pytest.raises(UserError, match=r"--ckpt_file '.*my run\.pth'"):
        read_weights(tmp_path / "my run.pth")


@pytest.mark.parametrize("suffix", [".npz", ".ckpt", ".pth", ".safetensors"])
def test_weights_that_may_not_be_read_are_not_called_damaged(tmp_path, suffix):
    weights = tmp_path / f"weights{suffix}"
    weights.write_bytes(b"weights")
    weights.chmod(0)
    words = [sys.executable, "-m", "src.convert_checkpoint", "--ckpt_file", weights, "--output", tmp_path / "new.ckpt"]
    done = subprocess.run(
        list(map(str, words)), cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=obey_permissions
    )
    assert (done.returncode, done.stderr) == (2, f"error: {weights}: cannot be read: Permission denied\n")
