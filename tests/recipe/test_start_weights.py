"""What weights are, told without MindSpore, of files that MindSpore and NumPy have written."""

import numpy as np
import pytest
from mindspore import Parameter, Tensor

from src.checkpoint.convert.backbone_names import backbone_of
from src.checkpoint.detector_file import DetectorMetadata, write_checkpoint
from src.errors import UserError
from src.parts.backbones.resnet import ResNet
from src.parts.backbones.table import BACKBONES
from src.recipe.start_weights import read_weight_file
from tests.test_special_files import a_second_or_two


def test_a_backbone_is_known_by_its_names(tmp_path):
    name = "resnet_v1_10"
    names = [parameter.name for parameter in ResNet(name, 0, True).get_parameters()]
    np.savez(tmp_path / "a.npz", **{key: np.zeros(1, np.float32) for key in names})
    weights = read_weight_file(str(tmp_path / "a.npz"))
    assert weights.backbone == name and weights.settings == {}


def test_every_backbone_but_v1_bottlenecks_is_told_apart():
    for name, (blocks, bottleneck, _) in BACKBONES.items():
        layers = ("conv1", "conv2", "conv3") if bottleneck else ("conv1", "conv2")
        names = [
            f"module.layer{stage}.{block}.{layer}.weight"
            for stage, count in enumerate(blocks, start=1)
            for block in range(count)
            for layer in layers
        ]
        assert backbone_of(names) == (name.replace("v1_", "v1.5_") if bottleneck else name)
    assert backbone_of(["features.0.weight"]) is None


def test_a_detector_brings_its_settings(tmp_path):
    metadata = DetectorMetadata(
        {"backbone": "resnet_v1_18", "anchor_scales": [4], "system": "faster_rcnn"}, ["Käse"], [1], 5
    )
    rows = [{"name": "rpn.x", "data": Parameter(Tensor(np.ones((3, 40), np.float32)), name="rpn.x")}]
    write_checkpoint(rows, tmp_path / "a.ckpt", vars(metadata))
    weights = read_weight_file(str(tmp_path / "a.ckpt"))
    assert weights.settings == metadata.recipe and weights.backbone == "resnet_v1_18"


@pytest.mark.parametrize("content", [b"", b"\x0a\xff\xff\xff", b"no checkpoint at all", b"\x0a\x02\x0a"])
def test_a_damaged_file_is_named(content, tmp_path):
    for suffix in (".ckpt", ".npz"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content)
        try:
            assert read_weight_file(str(path)).settings == {}
        except UserError as error:
            assert str(path) in str(error)


def field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer with a length of up to 14 bits."""
    return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content


def with_card(path, card: str) -> str:
    """A checkpoint with nothing but a card."""
    tensor = field(2, b"str") + field(3, card.encode("utf-32-le"))
    path.write_bytes(field(1, field(1, b"card") + field(2, tensor)))
    return str(path)


def test_a_card_alone_is_read(tmp_path):
    assert read_weight_file(with_card(tmp_path / "a.ckpt", '{"recipe": {"backbone": "resnet_v1_18"}}')).backbone
    assert read_weight_file(with_card(tmp_path / "a.ckpt", "{}")).settings == {}


@pytest.mark.parametrize("card", ["[]", "3", '{"recipe": "x"}', '{"recipe": [1]}', "[" * 1500, "{", '{"recipe": {"backbone": 5}}']
    + ['{"recipe": {"fpn_out_channels": "x"}}', '{"recipe": {"anchor_scales": null}}', '{"recipe": {"backbone": "resnet_v9"}}'])  # fmt: skip
def test_a_card_that_says_what_cannot_be_is_refused_by_name(card, tmp_path):
    with pytest.raises(UserError, match=r"a\.ckpt: cannot be read, is it broken or cut off\?"):
        read_weight_file(with_card(tmp_path / "a.ckpt", card))


@pytest.mark.parametrize("content", [field(1, b""), field(1, field(2, b"")), field(1, field(1, b"card") + field(2, b"")),
    b"\x80" * 2_000_000])  # fmt: skip
def test_fields_that_are_missing_or_have_no_end_are_refused_by_name(content, tmp_path):
    (tmp_path / "a.ckpt").write_bytes(content)
    with a_second_or_two(), pytest.raises(UserError, match=r"a\.ckpt: cannot be read"):
        read_weight_file(str(tmp_path / "a.ckpt"))


def test_missing_and_foreign_files_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(UserError, match=r"there is no such file.*src\.convert_checkpoint --ckpt_file"):
        read_weight_file(str(tmp_path / "a.npz"))
    (tmp_path / "a.pth").write_bytes(b"x")
    with pytest.raises(UserError, match="src.convert_checkpoint --ckpt_file"):
        read_weight_file(str(tmp_path / "a.pth"))
