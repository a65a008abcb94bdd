"""Converts a Faster R-CNN or Mask R-CNN of torchvision or MindSpore's model zoo to a checkpoint with metadata."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from src.checkpoint.convert.backbone import backbones_of
from src.checkpoint.convert.detector_layouts import (
    ForeignDetector,
    change_batch_norm_epsilon,
    foreign_detector,
    keep_classes,
)
from src.checkpoint.detector_file import DetectorMetadata, save_detector
from src.checkpoint.pretrained import load_weights
from src.config.load import CONFIG_FOLDER, Config, load_config
from src.data.formats.coco_annotations import read_annotations
from src.errors import DataError, UserError
from src.files import check_free
from src.parts.backbones.resnet import BATCH_NORM_EPSILON
from src.systems import build_network
from src.wording import counted

# Default config file by origin and system; base.yaml for all others.
RECIPES = {("torchvision", name): CONFIG_FOLDER / f"{name}_torchvision.yaml" for name in ("faster_rcnn", "mask_rcnn")}


def convert_detector(
    weights: dict[str, np.ndarray],
    source: str,
    output: Path,
    overwrite: bool,
    ann_file: Path | None,
    batch_norm_epsilon: float,
    words: list[str],
) -> None:
    """Rename and rearrange the weights, check them by loading, write the checkpoint, print a report."""
    check_free(output, overwrite)
    found = foreign_detector(weights, source)
    config = detector_config(found, words, source)
    change_batch_norm_epsilon(found.weights, batch_norm_epsilon, BATCH_NORM_EPSILON)
    class_names, category_ids = name_classes(found, ann_file)

    network = build_network(config, len(class_names))
    report = load_weights(network, found.weights, source)
    if report.missing:
        raise UserError(f"{report}\nthe detector is incomplete, so nothing was written")
    save_detector(network, output, DetectorMetadata(config.as_dict(), class_names, category_ids, step=0))
    print("\n  ".join([f"{source}: a detector of {found.origin}", *found.moves]))
    if found.unused:
        print(f"  not used: {', '.join(found.unused)}")
    print(
        f"{report}\n{output}: written, {config.system}, {config.backbone}, {counted(len(class_names), 'class')}: {', '.join(class_names)}"
    )


def detector_config(found: ForeignDetector, words: list[str], source: str) -> Config:
    """The configuration of the detector; what is given by the weights overrides the config file.

    Raises:
        UserError: the command line contradicts the weights.
    """
    recipe = RECIPES.get((found.origin, found.system))
    if recipe and not any(word.partition("=")[0] == "--config_path" for word in words):
        words = ["--config_path", str(recipe), *words]
    config = load_config(__doc__, words)
    names = backbones_of(found.weights, source)
    backbone = config.backbone if config.backbone in names else names[-1]
    of_weights = {"system": found.system, "backbone": backbone} | found.sizes
    given = {word.partition("=")[0] for word in words}
    wrong = [key for key, value in of_weights.items() if f"--{key}" in given and getattr(config, key) != value]
    if wrong:
        real = of_weights | {"backbone": " or ".join(names)}
        faults = [f"--{key} {getattr(config, key)}: its weights are of {real[key]}; leave --{key} out" for key in wrong]
        raise DataError(source, faults)
    return replace(config, **of_weights)


def name_classes(found: ForeignDetector, ann_file: Path | None) -> tuple[list[str], list[int]]:
    """Names and category ids of a detector's classes, label 1 first; classes that are not in `ann_file` are removed
    from the detector.

    Raises:
        UserError: the number of categories is not that of the classes, and the category ids are not labels of the
            detector.
    """
    count = found.class_count
    if ann_file is None:
        print(f"its classes, {count} in all, have no names, which eval.py needs: pass --ann_file")
        return [f"class {label}" for label in range(1, count + 1)], list(range(1, count + 1))
    annotations = read_annotations(ann_file)
    names, ids = list(annotations.class_names), list(annotations.category_ids)
    if len(names) == count:
        return names, ids
    if len(names) > count or min(ids) < 1 or max(ids) > count:
        raise UserError(
            f"{ann_file}: the detector has {count} classes, and the file {len(names)} categories with ids {min(ids)} to {max(ids)}; "
            f"expected {count} categories, or category ids that are labels of the detector"
        )
    keep_classes(found.weights, ids)
    print(
        f"{ann_file}: its {len(names)} category ids are taken as labels of the detector; its other "
        f"{count - len(names)} classes are removed"
    )
    return names, ids
