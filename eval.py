"""Score a trained detector on labelled images: COCO's metrics, over all classes and for each class, of boxes and of masks.

    python eval.py --checkpoint_path outputs/best_model.ckpt --eval_img_dir val/images --eval_ann_file val.json \\
        --eval_output_dir scores
    python eval.py --model exported/faces.onnx --eval_img_dir val/images --eval_ann_file val.json --eval_output_dir scores
    python eval.py --results detections.json --eval_ann_file val.json --eval_output_dir scores

With --report DIR a page goes there that tells what is wrong, what that costs and where to see it, with a CSV file for each
of its tables; results of another program need --eval_img_dir too if the page is to have pictures.

The detector is a checkpoint (its network is the one it was trained as), an exported model (.mindir or .onnx, run on the CPU),
or a program that left COCO result records. Written are metrics.json, metrics.txt and eval_results.json (the records).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from src.checkpoint.restore import numpy_forward, restore_detector, saved_settings
from src.config.load import Config, load_config, require
from src.data.annotations import Annotations
from src.data.checks.consistency import check_labelled
from src.data.checks.doubts import empty_images
from src.data.checks.image_files import check_images
from src.data.classes import in_class_order
from src.data.dataset import evaluation_batches
from src.data.formats.reading import read_data
from src.engine.batches import cache_of
from src.engine.device import set_up_device
from src.errors import UserError, entry_point
from src.evaluation.masks import Pasting
from src.evaluation.metrics import evaluate, format_table
from src.evaluation.records import coco_records, detect
from src.evaluation.results_file import have_masks, read_results
from src.exporting.model_metadata import read_model_metadata
from src.exporting.runner import Detector, check_runnable, open_model
from src.files import check_free, write_json, write_text
from src.report.error_report import check_report, write_report
from src.systems import build_network


@dataclass(frozen=True)
class Outputs:
    """The files that are written."""

    records: Path
    metrics: Path
    table: Path


@dataclass(frozen=True)
class Found:
    """COCO result records, the truth in the order of the detector's classes, and the keys of metrics.json that say where
    the records come from."""

    records: list[dict]
    annotations: Annotations
    origin: dict


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, detect, score, write."""
    config = load_config(__doc__, argv, saved_settings)
    find = source_of(config)
    outputs = free_outputs(Path(config.eval_output_dir), config.overwrite)
    annotations = read_data(config.eval_ann_file, config.eval_img_dir, config.class_names, has_masks(config))
    check_labelled(annotations)
    for sentence in empty_images(annotations):
        print(f"suspicious: {sentence}")
    if config.report is not None:
        check_report(Path(config.report), config.overwrite)

    found = find(config, annotations)
    metrics = evaluate(found.annotations, found.records) | found.origin
    table = format_table(metrics)
    write_json(outputs.records, found.records, config.overwrite)
    write_text(outputs.table, table + "\n", config.overwrite)
    write_json(outputs.metrics, metrics, config.overwrite, indent=2)
    described = ", ".join(f"{key} {value}" for key, value in found.origin.items())
    print(f"{described} on {config.eval_ann_file} ({annotations.form}):\n{table}\nwritten: {outputs.metrics}")
    if config.report is not None:
        page = write_report(
            Path(config.report),
            found.annotations,
            found.records,
            metrics,
            found.origin | {"on": config.eval_ann_file},
            config.eval_img_dir,
            config.overwrite,
        )
        print(f"report: {page}")


def source_of(config: Config) -> Callable[[Config, Annotations], Found]:
    """How detections are come by.

    Raises:
        UserError: not exactly one source is given, or what it needs is missing.
    """
    sources = {"checkpoint_path": by_checkpoint, "model": by_model, "results": by_results}
    given = [key for key in sources if getattr(config, key) is not None]
    if len(given) != 1:
        what = "is missing" if not given else "are given: " + ", ".join(f"--{key}" for key in given)
        raise UserError(f"what to evaluate {what}; pass one of {', '.join(f'--{key}' for key in sources)}")
    require(config, "eval_ann_file", *(() if given == ["results"] else ("eval_img_dir",)))
    return sources[given[0]]


def has_masks(config: Config) -> bool:
    """Whether the detections will have masks, so that the truth needs outlines.

    Raises:
        UserError: there is no model that can be run here, or no file of results.
    """
    if config.model is not None:
        if config.device_target != "CPU":
            raise UserError(f"device_target: exported models are evaluated on the CPU, not on {config.device_target}")
        check_runnable(Path(config.model).suffix)
        return read_model_metadata(config.model).masks is not None
    if config.results is not None:
        return have_masks(config.results)
    return config.has_masks


def free_outputs(folder: Path, overwrite: bool) -> Outputs:
    """Names of the output files.

    Raises:
        UserError: if one of them exists and may not be overwritten.
    """
    outputs = Outputs(folder / "eval_results.json", folder / "metrics.json", folder / "metrics.txt")
    for path in (outputs.records, outputs.metrics, outputs.table):
        check_free(path, overwrite)
    return outputs


def by_checkpoint(config: Config, annotations: Annotations) -> Found:
    """Detections of a checkpoint."""
    check_images(annotations, config.eval_img_dir)
    device = set_up_device(config.device_target, config.device_id, False, config.mixed_precision, config.global_seed)
    network, metadata = restore_detector(
        config.checkpoint_path, lambda class_count: build_network(config, class_count, device.mixed_precision)
    )
    annotations = in_class_order(annotations, metadata.class_names, config.eval_ann_file)
    records = find_records(numpy_forward(network), config, annotations)
    return Found(records, annotations, {"checkpoint": str(config.checkpoint_path), "step": metadata.step})


def by_model(config: Config, annotations: Annotations) -> Found:
    """Detections of an exported model; it brings its own input size, batch size, resize rule, and way from masks to pixels."""
    check_images(annotations, config.eval_img_dir)
    set_up_device("CPU", 0, False, False, config.global_seed)
    metadata, detector = open_model(config.model)
    batch, _, height, width = metadata.input.shape
    config = replace(
        config,
        img_height=height,
        img_width=width,
        keep_ratio=metadata.resize.keep_ratio,
        resize_sides=metadata.resize.sides,
        test_batch_size=batch,
    )
    if metadata.masks is not None:
        config = replace(config, mask_thr_binary=metadata.masks.threshold, mask_pasting=metadata.masks.pasting)
    annotations = in_class_order(annotations, [item.name for item in metadata.classes], config.eval_ann_file)
    records = find_records(detector, config, annotations)
    origin = {"model": str(config.model), "checkpoint": metadata.checkpoint.file, "step": metadata.checkpoint.step}
    return Found(records, annotations, origin)


def by_results(config: Config, annotations: Annotations) -> Found:
    """Detections that another program wrote; images are there for the pictures of a report only."""
    if config.report is not None and config.eval_img_dir is not None:
        check_images(annotations, config.eval_img_dir)
    return Found(read_results(config.results, annotations), annotations, {"results": str(config.results)})


def find_records(detector: Detector, config: Config, annotations: Annotations) -> list[dict]:
    """Run a detector over all images, whose classes are in its order; returns COCO result records."""
    stored = None
    if config.mindrecord_dir is not None:
        stored = cache_of(config, annotations, annotations.images, config.eval_img_dir, print)
    batches = evaluation_batches(annotations.images, config.eval_img_dir, config, stored)

    # The first batch compiles the network; on a terminal a bar shows that something happens.
    pasting = Pasting(config.mask_thr_binary, config.mask_pasting)
    found = tqdm(detect(detector, batches, pasting), "evaluating", len(annotations.images), unit="image", disable=None)
    return [
        record for entry, detections in found for record in coco_records(entry, detections, annotations.category_ids)
    ]


if __name__ == "__main__":
    main()
