import zipfile

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.checkpoint import memory_limits
from src.checkpoint.pretrained import load_pretrained, load_weights
from src.checkpoint.weight_file import read_weights
from src.errors import UserError
from src.parts.backbones.resnet import ResNet


class Head(nn.Cell):
    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.classes = nn.Dense(4, class_count)
        self.offsets = nn.Dense(4, 4 * class_count)


class Detector(nn.Cell):
    """A stand-in with the names of a detector: a real backbone, one layer for each of the other parts."""

    def __init__(self, class_count: int = 3) -> None:
        super().__init__()
        self.backbone = ResNet("resnet_v1_18")
        self.fpn = nn.SequentialCell([nn.Conv2d(4, 4, 1)])
        self.box_head = Head(class_count)


class Wrapped(nn.Cell):
    def __init__(self, network: nn.Cell) -> None:
        super().__init__()
        self.teacher = network


@pytest.fixture(scope="module")
def detector():
    return Detector()


def values(network: nn.Cell) -> dict[str, np.ndarray]:
    return {name: parameter.asnumpy() for name, parameter in network.parameters_and_names()}


def distinct_like(network: nn.Cell, start: int = 1) -> dict[str, np.ndarray]:
    """Weights of the network's names and shapes, each filled with a number of its own."""
    return {
        name: np.full(value.shape, start + i, np.float32) for i, (name, value) in enumerate(values(network).items())
    }


def torchvision(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The names torchvision gives to the weights of a bare ResNet."""
    renamed = {}
    for name, value in weights.items():
        for ours, theirs in (
            ("gamma", "weight"),
            ("beta", "bias"),
            ("moving_mean", "running_mean"),
            ("moving_variance", "running_var"),
        ):
            name = name.replace(ours, theirs)
        renamed[name] = value
    return renamed


def assert_holds(network: nn.Cell, expected: dict[str, np.ndarray]) -> None:
    held = values(network)
    for name, value in expected.items():
        np.testing.assert_array_equal(held[name], value, err_msg=name)


def test_torchvision_names_fill_a_whole_backbone_and_the_rest_is_named(detector):
    weights = distinct_like(detector.backbone)
    foreign = torchvision(weights) | {"fc.weight": np.ones((10, 4), np.float32)}
    foreign["bn1.num_batches_tracked"] = np.array(7)
    report = load_weights(detector, foreign, "resnet18.npz")
    assert_holds(detector.backbone, weights)
    assert report.backbone_is_loaded
    assert report.loaded == {"backbone": (100, 100), "fpn": (0, 1), "box_head": (0, 4)}
    assert report.unused == ("fc.weight",)
    assert report.numbers == sum(value.size for value in weights.values())
    assert "backbone 100 of 100" in str(report) and "fc.weight" in str(report) and "fpn" in str(report)


def test_names_of_a_strangers_file_are_spelt_out(detector):
    foreign = torchvision(distinct_like(detector.backbone)) | {"a\x1b[2J\nb": np.ones(3, np.float32)}
    assert (
        r"in the file, not used: a\x1b[2J\nb" in str(load_weights(detector, foreign, "resnet18.npz")).splitlines()[-1]
    )


@pytest.mark.parametrize("prefix", ["", "backbone.", "network.backbone.", "module.", "backbone.body."])
@pytest.mark.parametrize(
    "downsample",
    [
        (".downsample.0", ".downsample.1"),
        (".down_sample_layer.0", ".down_sample_layer.1"),
        (".conv_down_sample", ".bn_down_sample"),
    ],
)
def test_every_prefix_and_every_name_of_the_shortcut_means_the_same(detector, prefix, downsample):
    weights = distinct_like(detector.backbone, start=len(prefix))
    foreign = {
        prefix + name.replace(".downsample.0", downsample[0]).replace(".downsample.1", downsample[1]): value
        for name, value in weights.items()
    }
    foreign |= {"moments." + name: value * 0 for name, value in foreign.items()}
    foreign["global_step"] = np.array([5], np.int32)
    report = load_weights(detector, foreign, "zoo.ckpt")
    assert_holds(detector.backbone, weights)
    assert report.backbone_is_loaded and report.unused == ()


def test_a_bare_resnet_takes_the_weights_of_a_detector(detector):
    weights = values(detector)
    backbone = ResNet("resnet_v1_18")
    report = load_weights(backbone, weights, "detector.ckpt")
    assert report.backbone_is_loaded
    assert_holds(backbone, values(detector.backbone))


def test_our_own_checkpoint_goes_round_also_into_a_wrapped_network(detector, tmp_path):
    path = str(tmp_path / "own.ckpt")
    ms.save_checkpoint(detector, path)
    student = Detector()
    Wrapped(student)  # from here on its parameters are called teacher.*
    report = load_pretrained(student, path)
    assert_holds(student, values(detector))
    assert report.missing == report.unused == report.other_classes == ()


def test_another_class_count_leaves_out_the_class_layers_and_says_so(detector):
    before = values(detector)["box_head.classes.weight"].copy()
    report = load_weights(detector, values(Detector(class_count=5)), "five.ckpt")
    assert len(report.other_classes) == 4
    assert report.loaded["box_head"] == (0, 4) and report.loaded["fpn"] == (1, 1)
    assert "another number of classes" in str(report)
    np.testing.assert_array_equal(values(detector)["box_head.classes.weight"], before)


def test_a_file_without_backbone_is_no_error_but_does_not_count_as_loaded(detector):
    report = load_weights(detector, {"fpn.0.weight": np.ones((4, 4, 1, 1), np.float32)}, "fpn.npz")
    assert not report.backbone_is_loaded
    assert report.loaded["fpn"] == (1, 1)


def test_half_precision_weights_become_the_networks_own_type(detector):
    weights = {name: value.astype(np.float16) for name, value in distinct_like(detector.backbone).items()}
    load_weights(detector, weights, "half.npz")
    assert all(parameter.dtype == ms.float32 for parameter in detector.get_parameters())
    assert_holds(detector.backbone, {name: value.astype(np.float32) for name, value in weights.items()})


def drop(weights):
    del weights["layer1.0.bn1.gamma"]


def reshape(weights):
    weights["layer2.0.conv1.weight"] = np.zeros((128, 64, 1, 1), np.float32)


def add_block(weights):
    weights["layer3.2.conv1.weight"] = np.zeros((256, 256, 3, 3), np.float32)


def spoil(weights):
    weights["layer4.1.conv2.weight"][0, 0, 0, 0] = np.nan


def turn_negative(weights):
    weights["layer4.1.bn2.moving_variance"][:3] = -1


def double(weights):
    weights["student.conv1.weight"] = weights["conv1.weight"]


def integers(weights):
    weights["conv1.weight"] = weights["conv1.weight"].astype(np.int8)


def other_bytes(weights):
    weights["conv1.weight"] = weights["conv1.weight"].astype(">f4")


def many_bits(weights):
    weights["conv1.weight"] = weights["conv1.weight"].astype(np.longdouble)


def overflow(weights):
    weights["layer4.1.conv2.weight"] = weights["layer4.1.conv2.weight"].astype(np.float64)
    weights["layer4.1.conv2.weight"][0, 0, 0, :2] = 1e300


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (drop, ["1 of the backbone's 100", "backbone.layer1.0.bn1.gamma"]),
        (reshape, ["backbone.layer2.0.conv1.weight", "(128, 64, 3, 3)", "(128, 64, 1, 1)"]),
        (add_block, ["are not in the network", "backbone.layer3.2.conv1.weight"]),
        (spoil, ["backbone.layer4.1.conv2.weight", "1 of its values", "not finite"]),
        (turn_negative, ["backbone.layer4.1.bn2.moving_variance", "3 of its values are negative"]),
        (double, ["conv1.weight and student.conv1.weight"]),
        (integers, ["backbone.conv1.weight", "int8"]),
        (other_bytes, ["backbone.conv1.weight: expected floating-point numbers", "got >f4"]),
        (many_bits, ["backbone.conv1.weight", "float128"]),
        (overflow, ["backbone.layer4.1.conv2.weight: 2 of its values are not finite in float32"]),
        (dict.clear, ["none of its 0 weights"]),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(detector, damage, expected):
    before = {name: value.copy() for name, value in values(detector).items()}
    weights = distinct_like(detector.backbone, start=9)
    damage(weights)
    with pytest.raises(UserError) as raised:
        load_weights(detector, weights, "damaged.npz")
    for words in ["damaged.npz", *expected]:
        assert words in str(raised.value)
    assert_holds(detector, before)


def test_weights_of_a_deeper_resnet_are_refused(detector):
    weights = values(ResNet("resnet_v1_34"))
    with pytest.raises(UserError) as raised:
        load_weights(detector, weights, "resnet34.npz")
    assert str(raised.value) == (
        "resnet34.npz: these are weights of resnet_v1_34, but the network has the backbone resnet_v1_18: pass --backbone "
        "resnet_v1_34, or weights of resnet_v1_18"
    ), "the cause once, not 24 parameters"


def test_nothing_matched_names_both_sides(detector):
    with pytest.raises(UserError) as raised:
        load_weights(detector, {"encoder.weight": np.zeros(3, np.float32)}, "other.npz")
    assert "encoder.weight" in str(raised.value) and "backbone.conv1.weight" in str(raised.value)


def test_npz_and_ckpt_are_read_alike(tmp_path):
    weights = {"conv1.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bn1.gamma": np.ones(2, np.float16)}
    np.savez(tmp_path / "a.npz", **weights)
    ms.save_checkpoint(
        [{"name": name, "data": ms.Tensor(value)} for name, value in weights.items()], str(tmp_path / "a.ckpt")
    )
    for suffix in (".npz", ".ckpt"):
        read = read_weights(tmp_path / f"a{suffix}")
        assert list(read) == list(weights)
        for name, value in weights.items():
            assert read[name].dtype == value.dtype
            np.testing.assert_array_equal(read[name], value)


@pytest.mark.parametrize("suffix", [".npz", ".ckpt"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 cut off", bytes(range(256)) * 4])
def test_a_broken_file_is_named(tmp_path, suffix, content):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"broken{suffix}"):
        read_weights(path)


def test_a_npz_with_python_objects_is_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="objects.npz"):
        read_weights(tmp_path / "objects.npz")


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        ("(1099511627776,)", "<f4", "allocate|reading array"),
        ("(4294967296, 4294967296)", "<f4", "huge.npz"),  # 0 numbers in 64 bits
        ("(-1, 3)", "<f4", "huge.npz"),
        ("(3,)", "|O", "Object arrays cannot be loaded|pickle"),
    ],
)
def test_a_npz_whose_headers_tell_of_more_than_there_is_is_refused(tmp_path, shape, kind, words):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(24))
    with pytest.raises(UserError, match=words):
        read_weights(tmp_path / "huge.npz")


def test_a_npz_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_limits, "ALWAYS_ALLOWED", 10_000)
    np.savez_compressed(tmp_path / "zeros.npz", a=np.zeros(100_000, np.float32))
    with pytest.raises(UserError, match=r"zeros\.npz: its [\d,]+ bytes take 400,128 bytes in memory"):
        read_weights(tmp_path / "zeros.npz")
    np.savez(tmp_path / "plain.npz", a=np.zeros(100_000, np.float32))
    assert read_weights(tmp_path / "plain.npz")["a"].size == 100_000


def test_a_npz_with_something_else_in_it_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("conv1.weight", b"no array")
    with pytest.raises(UserError, match="its member 'conv1.weight' is not a NumPy array"):
        read_weights(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.ckpt", "no such file"),
        ("folder", "is a folder, not a file and has no checkpoint"),
        ("a.pth", "python -m src.convert_checkpoint --ckpt_file"),
        ("a.safetensors", "python -m src.convert_checkpoint --ckpt_file"),
        ("a.h5", "unsupported suffix '.h5'"),
    ],
)
def test_other_files_get_a_remedy(tmp_path, name, words):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif name != "missing.ckpt":
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError) as raised:
        read_weights(tmp_path / name)
    assert words in str(raised.value)


def test_a_whole_resnet_fills_a_backbone_that_ends_earlier():
    network = nn.Cell()
    network.backbone = ResNet("resnet_v1_34", 0, False, stages=3, last_stride=1)
    weights = distinct_like(ResNet("resnet_v1_34"))
    foreign = torchvision(weights) | {"fc.weight": np.ones((1000, 512), np.float32)}
    report = load_weights(network, foreign, "resnet34.npz")
    assert report.backbone_is_loaded and not report.missing
    assert_holds(network.backbone, {name: value for name, value in weights.items() if not name.startswith("layer4")})
    assert "fc.weight" in report.unused and "backbone.layer4.2.conv2.weight" in report.unused
    with pytest.raises(UserError, match="are not in the network: backbone.layer1.2.conv1.weight"):
        network.backbone = ResNet("resnet_v1_18", 0, False, stages=3, last_stride=1)
        load_weights(network, foreign, "resnet34.npz")
