"""Score a trained detector on labelled images: COCO's metrics, over all classes and for each class.

    python eval.py --checkpoint_path outputs/best_model.ckpt --eval_img_dir val/images --eval_ann_file val.json \\
        --eval_output_dir scores

The network is the one the checkpoint was trained as. Written are metrics.json, metrics.txt and eval_results.json (COCO
result records).
"""

from dataclasses import dataclass
from pathlib import Path

from mindspore import nn
from tqdm import tqdm

from src.config import Config, load_config, require
from src.data.annotations import Annotations, check_images, read_annotations
from src.data.dataset import evaluation_batches
from src.errors import entry_point
from src.evaluation.metrics import check_labelled, evaluate, format_table
from src.evaluation.records import categories_of, coco_records, detect
from src.files import check_free, write_json, write_text
from src.systems import build_network
from src.training.device import set_up_device
from src.training.restore import on_arrays, recipe_of, restore_detector


@dataclass(frozen=True)
class Outputs:
    """The files that are written."""

    records: Path
    metrics: Path
    table: Path


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, detect, score, write."""
    config = load_config(__doc__, argv, recipe_of)
    require(config, "checkpoint_path", "eval_img_dir", "eval_ann_file")
    outputs = free_outputs(Path(config.eval_output_dir), config.overwrite)
    annotations = read_annotations(config.eval_ann_file)
    check_labelled(annotations)
    check_images(annotations, config.eval_img_dir)
    device = set_up_device(config.device_target, config.device_id, False, config.mixed_precision, config.global_seed)
    network, card = restore_detector(
        config.checkpoint_path, lambda class_count: build_network(config, class_count, device.mixed_precision)
    )
    category_ids = categories_of(card.class_names, annotations, config.eval_ann_file)

    records = find_records(network, config, annotations, category_ids)
    metrics = evaluate(annotations, records) | {"checkpoint": str(config.checkpoint_path), "step": card.step}
    table = format_table(metrics)
    write_json(outputs.records, records, config.overwrite)
    write_text(outputs.table, table + "\n", config.overwrite)
    write_json(outputs.metrics, metrics, config.overwrite, indent=2)
    print(
        f"{config.checkpoint_path} (step {card.step}) on {config.eval_ann_file}:\n{table}\nwritten: {outputs.metrics}"
    )


def free_outputs(folder: Path, overwrite: bool) -> Outputs:
    """Names of the output files.

    Raises:
        UserError: if one of them exists and may not be overwritten.
    """
    outputs = Outputs(folder / "eval_results.json", folder / "metrics.json", folder / "metrics.txt")
    for path in (outputs.records, outputs.metrics, outputs.table):
        check_free(path, overwrite)
    return outputs


def find_records(network: nn.Cell, config: Config, annotations: Annotations, category_ids: list[int]) -> list[dict]:
    """Run the network over all images; returns COCO result records."""
    batches = evaluation_batches(annotations.images, config.eval_img_dir, config)

    # The first batch compiles the network; on a terminal a bar shows that something happens.
    found = tqdm(detect(on_arrays(network), batches), "evaluating", len(annotations.images), unit="image", disable=None)
    return [record for entry, detections in found for record in coco_records(entry, detections, category_ids)]


if __name__ == "__main__":
    main()
