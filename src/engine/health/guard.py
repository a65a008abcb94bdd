"""The guard: measures the precision of pseudo-labels on held-out labelled images; if it is too low, lowers the weight
of the unsupervised losses or stops the run."""

from dataclasses import replace

from mindspore import Tensor, ops

from src.checkpoint.detector_file import copy_weights
from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.device import broadcast_from_rank_0
from src.engine.inference.detect_images import detect_records
from src.engine.run import Run
from src.errors import UserError
from src.evaluation.coco_matching import match
from src.evaluation.pseudo_label_quality import pseudo_label_quality
from src.exporting.runner import numpy_forward

MIN_BOXES = 5  # with fewer pseudo-labels, the estimate of their precision is too noisy
CONTINUE, LOWER, STOP = 0.0, 1.0, 2.0


def check_guard(config: Config, data: TrainingData) -> None:
    """Raise a UserError if labelled images are held out in a run without pseudo-labels."""
    if data.held_out and config.burn_up_iter == config.max_iter:
        raise UserError(
            f"guard_share: {config.guard_share:g} holds out labelled images to measure pseudo-labels, but burn-in is the "
            "whole run, so there are no pseudo-labels; set guard_share to 0, or burn_up_iter below max_iter"
        )


def guard(run: Run, done: int) -> bool:
    """Measure pseudo-labels on the held-out images, and act if their precision is too low; all ranks must call this.

    Returns:
        Whether to end the run.
    """
    verdict = judge(run, done) if run.device.rank == 0 else CONTINUE
    verdict = broadcast_from_rank_0(verdict, run.device)
    if verdict == LOWER:
        factor = run.networks.state.unsupervised_factor
        ops.assign(factor, Tensor(factor.asnumpy() / 2, factor.dtype))  # not set_data, see `StepSums.put`
    return verdict == STOP


def judge(run: Run, done: int) -> float:
    """Log precision and recall of pseudo-labels on the held-out images; returns CONTINUE, LOWER or STOP."""
    config, networks = run.config, run.networks
    copy_weights(networks.latest, networks.detector)
    truth = replace(run.data.annotations, images=run.data.held_out)
    detector = numpy_forward(cached_detector(networks.detector, config))
    records = detect_records(detector, truth, config.train_img_dir, config)
    of_classes = networks.state.thresholds
    threshold = config.bbox_threshold if of_classes is None else of_classes.asnumpy()
    rows = pseudo_label_quality(match(truth, records), threshold)
    overall = rows.pop("")
    factor = float(networks.state.unsupervised_factor.asnumpy())
    numbers = {"probe/precision": overall["precision"], "probe/recall": overall["recall"], "unsup_factor": factor}
    for name, row in rows.items():
        numbers |= {f"probe/precision/{name}": row["precision"], f"probe/recall/{name}": row["recall"]}
    run.log.scalars(done - 1, numbers)
    run.log.info(
        f"step {done}, pseudo-labels on {len(run.data.held_out)} held-out images: {_table({'all': overall, **rows})}"
    )
    # Without objects no pseudo-label can be correct, so precision is meaningless.
    is_meaningful = overall["boxes"] >= MIN_BOXES and overall["objects"] > 0
    acts = config.burn_up_iter <= done < config.max_iter and is_meaningful
    if not acts or overall["precision"] >= config.guard_precision:
        return CONTINUE
    fault = f"guard: {overall['precision']:.0%} of the pseudo-labels on the held-out images are correct, less than {config.guard_precision:.0%}"
    if config.guard_action == "stop":
        run.log.warning(done - 1, "guard", f"{fault}: training is stopped at step {done}")
        return STOP
    weight = config.unsup_loss_weight * factor
    run.log.warning(
        done - 1,
        "guard",
        f"{fault}: the weight of the unsupervised losses is lowered from {weight:g} to {weight / 2:g}",
    )
    return LOWER


def _table(rows: dict[str, dict]) -> str:
    """A table with one line for all classes and one per class."""
    width = max(map(len, rows))
    lines = [f"{'':<{width}}  precision  recall  boxes  objects"]
    for name, row in rows.items():
        shares = [" n/a" if row[key] is None else f"{row[key]:.2f}" for key in ("precision", "recall")]
        lines.append(f"{name:<{width}}       {shares[0]}    {shares[1]}  {row['boxes']:>5}  {row['objects']:>7}")
    return "\n".join(["", *lines])
