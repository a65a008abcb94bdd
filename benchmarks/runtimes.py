"""Inference time of each runtime: the network of a checkpoint as eval.py runs it, and models exported from it, by all that are installed.

    python benchmarks/runtimes.py --checkpoint_path best_model.ckpt --models faces.mindir faces.onnx --infer_img_dir val/images \\
        --threads 1 --json runtimes.json

The runtimes are timed in turn on the same images, which are decoded and resized beforehand; a run is one batch, of the batch size
that was exported. processor_seconds is the CPU time of all threads, on which other programs have less influence than on wall-clock time.
"""

import argparse
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from benchmarks import command, measure
from src.checkpoint.restore import restore_detector, saved_settings
from src.config.load import Config, load_config
from src.data.annotations import unlabelled_folder
from src.data.dataset import evaluation_batches
from src.engine.device import set_up_device
from src.errors import UserError, entry_point
from src.exporting.model_metadata import ModelMetadata
from src.exporting.runner import Detector, numpy_forward, open_model, runtimes
from src.systems import build_network

IMAGES = 20  # at most; the runs cycle through them


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Time repeated runs of one batch on each runtime."""
    args = command.start(parser(), argv)
    models = {
        f"{Path(path).name}, {runtime}": open_model(path, runtime)
        for path in args.models
        for runtime in runtimes(Path(path).suffix) or [None]  # None: says what is missing
    }
    config = config_for(args.checkpoint_path, [metadata for metadata, _ in models.values()])
    set_up_device(config)
    entries = unlabelled_folder(args.infer_img_dir, first_id=1)[:IMAGES]
    batches = [(images, image_sizes) for images, image_sizes, _ in evaluation_batches(entries, "", config)]

    network, _ = restore_detector(args.checkpoint_path, lambda class_count: build_network(config, class_count))
    detectors = {"checkpoint": numpy_forward(network)} | {name: detector for name, (_, detector) in models.items()}
    processor = {name: [] for name in detectors}
    runs = {name: timed_run(detector, batches, processor[name]) for name, detector in detectors.items()}
    result = measure.rounds(runs, [], args)
    for name, row in result["runs"].items():
        row["processor_seconds"] = measure.summary(processor[name][-args.repeats :])
        row["ms_per_image"] = 1000 * row["seconds"]["median"] / config.test_batch_size
        row["ratio_to_checkpoint"] = row["seconds"]["median"] / result["runs"]["checkpoint"]["seconds"]["median"]
    shape = (config.test_batch_size, 3, config.img_height, config.img_width)
    command.finish(args, {"input_shape": list(shape)} | result)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = command.options(__doc__, "repeats", "warmup", repeats=20)
    options.add_argument("--checkpoint_path", required=True, metavar="FILE", help="detector written by train.py")
    options.add_argument("--models", required=True, nargs="+", metavar="FILE", help="models exported from it")
    options.add_argument(
        "--infer_img_dir", required=True, metavar="DIR", help=f"folder of images; the first {IMAGES} are used"
    )
    return options


def config_for(checkpoint_path: str, models: list[ModelMetadata]) -> Config:
    """The settings of the checkpoint, with the input size and batch size that the models were exported for.

    Raises:
        UserError: they were exported for different inputs.
    """
    shapes = {metadata.input.shape for metadata in models}
    if len(shapes) > 1:
        raise UserError(
            f"--models: must have one input shape, got {' and '.join(map(str, sorted(shapes)))}; export them with the same one"
        )
    batch, _, height, width = shapes.pop()
    arguments = ["--img_height", height, "--img_width", width, "--test_batch_size", batch]
    return load_config(__doc__, ["--checkpoint_path", checkpoint_path, *map(str, arguments)], saved_settings)


def timed_run(
    detector: Detector, batches: list[tuple[np.ndarray, np.ndarray]], processor_seconds: list[float]
) -> Callable[[], None]:
    """A function that runs the detector on the next batch (images and their sizes) and appends the CPU time of this process."""
    endless = cycle(batches)

    def run() -> None:
        started = time.process_time()
        detector(*next(endless))
        processor_seconds.append(time.process_time() - started)

    return run


if __name__ == "__main__":
    main()
