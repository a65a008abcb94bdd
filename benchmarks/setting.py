"""Benchmark setup: the network of configs/base.yaml (numbers of anchors, proposals and RoIs as in torchvision), random weights, synthetic images."""

import argparse
import contextlib
import io
from dataclasses import replace
from pathlib import Path

from mindspore import Tensor, nn, ops

from src import xml2coco
from src.config.load import Config, load_config
from src.data import synthetic
from src.data.training_data import Sources, TrainingData, read_training_data
from src.engine.device import Device, set_up_device
from src.FasterRcnn import pooling, upsampling
from src.parts.backbones import convolution, folding
from src.semi import gradient_norms

# C++ kernel -> the module that compiles it
KERNELS = {
    "winograd": convolution,
    "folding": folding,
    "pooling": pooling,
    "upsampling": upsampling,
    "gradient_norms": gradient_norms,
}
IMAGES = 8  # labelled, and as many unlabelled
RESIDUAL = 0.2  # scale of each residual branch: keeps the activations of random weights from growing over 16 blocks


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add --config_path, for a network other than that of base.yaml; torchvision has no counterpart of it."""
    parser.add_argument("--config_path", metavar="FILE", help="use this network instead of that of configs/base.yaml")


def add_without(parser: argparse.ArgumentParser) -> None:
    """Add --without, see `leave_out`."""
    parser.add_argument(
        "--without", choices=KERNELS, help="compute with MindSpore's operators what this C++ kernel does"
    )


def leave_out(kernel: str | None) -> None:
    """Let networks that are built from now on do without a C++ kernel, as where it cannot be compiled."""
    if kernel:
        KERNELS[kernel].compiled = lambda source: None


def config(args: argparse.Namespace) -> Config:
    """The configuration with the input size of the command line."""
    arguments = ["--img_height", str(args.height), "--img_width", str(args.width), "--global_seed", "1"]
    return load_config("", arguments + (["--config_path", args.config_path] if args.config_path else []))


def device(config: Config) -> Device:
    """Set up the CPU in graph mode."""
    return set_up_device(config)


def data(folder: Path, config: Config) -> tuple[Config, TrainingData]:
    """Labelled and unlabelled images of the size of the network input, three classes, one to five objects per image.

    Returns:
        The configuration with their folder, and the data.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        _draw(folder, config)
    images, more = folder / "labelled/images", folder / "unlabelled/images"
    config = replace(config, train_img_dir=str(images))
    return config, read_training_data(Sources(folder / "labelled.json", images, more, max_gts=config.num_gts))


def _draw(folder: Path, config: Config) -> None:
    size = ["--images", str(IMAGES), "--width", str(config.img_width), "--height", str(config.img_height)]
    for number, name in enumerate(("labelled", "unlabelled")):
        synthetic.main(["--out", str(folder / name), "--seed", str(number), *size])
    file, classes = folder / "labelled.json", ["--classes", *synthetic.CLASSES]
    xml2coco.main(["--data_path", str(folder / "labelled"), "--save_path", str(file), *classes])


def scale_residual_branches(network: nn.Cell) -> None:
    """Scale down the residual branches of a random network, as peer.py does, so that activations stay finite."""
    for name, parameter in network.parameters_and_names():
        if "backbone" in name and name.endswith("bn3.gamma"):
            parameter.set_data(Tensor(RESIDUAL * ops.ones_like(parameter)))
