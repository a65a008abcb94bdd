"""Evaluate a trained detector on labelled images: COCO's metrics of boxes and of masks, over all classes and per class.

    python eval.py --checkpoint_path outputs/best_model.ckpt --eval_img_dir val/images --eval_ann_file val.json \\
        --eval_output_dir scores
    python eval.py --model exported/faces.onnx --eval_img_dir val/images --eval_ann_file val.json --eval_output_dir scores
    python eval.py --results detections.json --eval_ann_file val.json --eval_output_dir scores

With --report DIR an error report is written there: types of errors, their cost in AP and example images, with a CSV
file for each of its tables; for --results it needs --eval_img_dir too, for its pictures.

The detections come from a checkpoint (which holds its network settings), from an exported model (.mindir or .onnx, run
on the CPU), or from a file of COCO result records. It writes metrics.json, metrics.txt and eval_results.json (the
records).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.checkpoint.restore import saved_settings
from src.config.load import Config, load_config, require
from src.data.annotations import Annotations, image_path
from src.data.checks.consistency import check_labelled
from src.data.checks.files.few_bits import few_bits
from src.data.checks.image_files import check_header
from src.data.checks.left_out import FILE_NAME as LEFT_OUT_FILE
from src.data.checks.left_out import LeftOut, write_left_out
from src.data.checks.suspicious_labels import suspicions
from src.data.formats.reading import read_data
from src.data.training_data import read_usable, read_with_images
from src.engine.inference.evaluated_detections import EvaluatedDetections, detection_source, will_have_masks
from src.errors import DataError, Faults, entry_point, printable
from src.evaluation.metrics import evaluate, format_table
from src.exporting.metadata_file import metadata_path
from src.files import all_or_none, check_apart, check_free, write_json, write_text
from src.report.error_report import check_report, write_report


@dataclass(frozen=True)
class Outputs:
    """Paths of the output files."""

    records: Path
    metrics: Path
    table: Path


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, detect, evaluate, write."""
    config = load_config(__doc__, argv, saved_settings)
    detections_of = detection_source(config)
    outputs = checked_outputs(config)
    annotations = read_ground_truth(config)
    if config.report is not None:
        check_report(Path(config.report), config.overwrite)

    detections = detections_of(config, annotations)
    metrics = evaluate(detections.annotations, detections.records) | detections.origin
    write_metrics(outputs, detections, metrics, config)
    if config.report is not None:
        page = write_report(
            Path(config.report),
            detections.annotations,
            detections.records,
            metrics,
            detections.origin | {"on": config.eval_ann_file},
            config.eval_img_dir,
            config.overwrite,
        )
        print(f"report: {page}")


def checked_outputs(config: Config) -> Outputs:
    """Paths of the output files.

    Raises:
        UserError: one of them exists and may not be overwritten, is an input, or cannot be written.
    """
    folder = Path(config.eval_output_dir)
    outputs = Outputs(folder / "eval_results.json", folder / "metrics.json", folder / "metrics.txt")
    paths = (outputs.records, outputs.metrics, outputs.table)
    for path in paths:
        check_free(path, config.overwrite)
    inputs = {key: getattr(config, key) for key in ("results", "eval_ann_file", "checkpoint_path", "model")}
    if config.model:
        inputs["model (its metadata)"] = metadata_path(config.model)
    check_apart(paths, inputs)
    return outputs


def read_ground_truth(config: Config) -> Annotations:
    """The evaluation images, all of them labelled.

    Raises:
        UserError: see `read_data` and `check_labelled`.
    """
    source = (config.eval_ann_file, config.eval_img_dir, config.class_names, will_have_masks(config))
    try:
        annotations = read_usable_and_list(*source, config) if config.leave_out_faulty else read_data(*source)
    except DataError:
        if config.eval_img_dir and not config.leave_out_faulty and config.results is None:
            report_images_too(*source)
        raise
    check_labelled(annotations)
    paths = [image_path(entry, config.eval_img_dir) for entry in annotations.images] if config.eval_img_dir else []
    for message in (*suspicions(annotations, annotations.class_names), *few_bits(paths)):
        print(f"suspicious: {message}")
    return annotations


def report_images_too(ann_file: str, img_dir: str, class_names: Sequence[str], masks: bool) -> None:
    """Raise a UserError with the faults of annotations that cannot be read, and with those of their image files."""
    faults = Faults()
    read_with_images(ann_file, (img_dir, None), class_names, masks, check_header, faults)
    faults.report()


def read_usable_and_list(
    ann_file: str, img_dir: str, class_names: Sequence[str], masks: bool, config: Config
) -> Annotations:
    """The images that can be used; those that are left out are listed beside the results."""
    list_file = Path(config.eval_output_dir) / LEFT_OUT_FILE
    check_free(list_file, config.overwrite)
    require(config, "eval_img_dir")
    left_out = LeftOut(ann_file, config.faulty_at_most)
    annotations = read_usable(ann_file, (img_dir, None), class_names, masks, left_out)
    for sentence in write_left_out(list_file, [left_out], config.overwrite):
        print(sentence)
    return annotations


@all_or_none()
def write_metrics(outputs: Outputs, detections: EvaluatedDetections, metrics: dict, config: Config) -> None:
    """Write records and metrics, and print the metrics."""
    table = format_table(metrics)
    write_json(outputs.records, detections.records, config.overwrite)
    write_text(outputs.table, table + "\n", config.overwrite)
    write_json(outputs.metrics, metrics, config.overwrite, indent=2)
    origin = printable(", ".join(f"{key} {value}" for key, value in detections.origin.items()))
    source, form = str(Path(config.eval_ann_file)), detections.annotations.form
    truth = form if source in form else f"{source} ({form})"
    shown = "\n".join(map(printable, table.split("\n")))
    print(f"{origin} on {truth}:\n{shown}\nwritten: {outputs.metrics}")


if __name__ == "__main__":
    main()
