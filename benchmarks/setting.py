"""What is measured: the network of configs/base.yaml, whose counts are torchvision's own, random weights, synthetic pictures."""

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

PICTURES = 8  # of each stream
RESIDUAL = 0.2  # scale of each residual branch: keeps random weights from growing through 16 blocks


def add_config(parser: argparse.ArgumentParser) -> None:
    """--config_path: another network than that of base.yaml; then nothing can be compared with torchvision."""
    parser.add_argument("--config_path", metavar="FILE", help="another network than that of configs/base.yaml")


def config(args: argparse.Namespace) -> Config:
    """The configuration of a run at the size of the command line."""
    words = ["--img_height", str(args.height), "--img_width", str(args.width), "--global_seed", "1"]
    return load_config("", words + (["--config_path", args.config_path] if args.config_path else []))


def device(config: Config) -> Device:
    """CPU, graph mode."""
    return set_up_device(config)


def data(folder: Path, config: Config) -> tuple[Config, TrainingData]:
    """Labelled and unlabelled pictures of the size of the network input, three classes, one to five objects each.

    Returns:
        The configuration with their folder, and the data.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        _draw(folder, config)
    images, more = folder / "labelled/images", folder / "unlabelled/images"
    config = replace(config, train_img_dir=str(images))
    return config, read_training_data(Sources(folder / "labelled.json", images, more, max_gts=config.num_gts))


def _draw(folder: Path, config: Config) -> None:
    size = ["--images", str(PICTURES), "--width", str(config.img_width), "--height", str(config.img_height)]
    for number, name in enumerate(("labelled", "unlabelled")):
        synthetic.main(["--out", str(folder / name), "--seed", str(number), *size])
    file, classes = folder / "labelled.json", ["--classes", *synthetic.CLASSES]
    xml2coco.main(["--data_path", str(folder / "labelled"), "--save_path", str(file), *classes])


def calm(network: nn.Cell) -> None:
    """Scale the residual branches of a random network down, as the peer does, so that its numbers stay finite."""
    for name, parameter in network.parameters_and_names():
        if "backbone" in name and name.endswith("bn3.gamma"):
            parameter.set_data(Tensor(RESIDUAL * ops.ones_like(parameter)))
