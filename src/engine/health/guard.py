"""The guard: pseudo-labels are measured where the truth is known, and count for less when they are too often wrong."""

from dataclasses import replace

from mindspore import Tensor, ops

from src.checkpoint.detector_file import copy_weights
from src.config.load import Config
from src.data.training_data import TrainingData
from src.engine.device import broadcast_from_rank_0
from src.engine.inference import find_records
from src.engine.run import Run
from src.errors import UserError
from src.evaluation.coco_matching import match
from src.evaluation.pseudo_label_quality import pseudo_quality

LEAST_BOXES = 5  # the precision of fewer pseudo-labels says nothing
GO_ON, LOWER, STOP = 0.0, 1.0, 2.0


def check_guard(config: Config, data: TrainingData) -> None:
    """Raise a UserError if labelled images were put aside for a run without pseudo-labels."""
    if data.probe and config.burn_up_iter == config.max_iter:
        raise UserError(
            f"guard_share: {config.guard_share:g} puts labelled images aside to measure pseudo-labels, but burn-in is the "
            "whole run, so there are none; set guard_share to 0, or burn_up_iter below max_iter"
        )


def guard(run: Run, done: int) -> bool:
    """Measure the pseudo-labels of the probe and act if they are too often wrong; every process of a run must call this.

    Returns:
        Whether the phase ends here.
    """
    verdict = judge(run, done) if run.device.rank == 0 else GO_ON
    verdict = broadcast_from_rank_0(verdict, run.device)
    if verdict == LOWER:
        factor = run.networks.state.unsupervised_factor
        ops.assign(factor, Tensor(factor.asnumpy() / 2, factor.dtype))  # not set_data, see `StepSums.take`
    return verdict == STOP


def judge(run: Run, done: int) -> float:
    """Log precision and recall of the latest network on the probe; returns GO_ON, LOWER or STOP."""
    config, networks = run.config, run.networks
    copy_weights(networks.latest, networks.detector)
    truth = replace(run.data.annotations, images=run.data.probe)
    records = find_records(networks.detector, truth, config.train_img_dir, config)
    rows = pseudo_quality(match(truth, records), config.bbox_threshold)
    whole = rows.pop("")
    factor = float(networks.state.unsupervised_factor.asnumpy())
    numbers = {"probe/precision": whole["precision"], "probe/recall": whole["recall"], "unsup_factor": factor}
    for name, row in rows.items():
        numbers |= {f"probe/precision/{name}": row["precision"], f"probe/recall/{name}": row["recall"]}
    run.log.numbers(done - 1, numbers)
    run.log.say(
        f"step {done}, pseudo-labels on {len(run.data.probe)} images of the probe: {_table({'all': whole, **rows})}"
    )
    # Without an object to find no pseudo-label can be right, which says nothing about them.
    can_judge = whole["boxes"] >= LEAST_BOXES and whole["objects"] > 0
    acts = config.burn_up_iter <= done < config.max_iter and can_judge
    if not acts or whole["precision"] >= config.guard_precision:
        return GO_ON
    fault = f"guard: {whole['precision']:.0%} of the pseudo-labels on the probe are right, less than {config.guard_precision:.0%}"
    if config.guard_action == "stop":
        run.log.warning(done - 1, "guard", f"{fault}: learning from unlabelled images ends here, at step {done}")
        return STOP
    weight = config.unsup_loss_weight * factor
    run.log.warning(
        done - 1, "guard", f"{fault}: the weight of unlabelled losses falls from {weight:g} to {weight / 2:g}"
    )
    return LOWER


def _table(rows: dict[str, dict]) -> str:
    """One line a class, and one for all."""
    width = max(map(len, rows))
    lines = [f"{'':<{width}}  precision  recall  boxes  objects"]
    for name, row in rows.items():
        shares = [" n/a" if row[key] is None else f"{row[key]:.2f}" for key in ("precision", "recall")]
        lines.append(f"{name:<{width}}       {shares[0]}    {shares[1]}  {row['boxes']:>5}  {row['objects']:>7}")
    return "\n".join(["", *lines])
