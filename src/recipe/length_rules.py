"""Rules of lengths: batch, steps, burn-in, learning rate, intervals. They alone follow the number of labels in later stages."""

from src.recipe import compute_cost
from src.recipe.choice import Choice, Settings, Situation, rounded
from src.recipe.input_size import TRAINING_SHARE
from src.wording import counted

ENOUGH_PASSES = 30  # over the labelled images: the plans of docs/EVIDENCE.md
SCRATCH_PASSES = 60  # without weights to start from (not measured)
ENOUGH_STEPS = 800  # of configs/small_data.yaml, where labels are few
MOST_PASSES = 200  # over one image or a few
FEW_PASSES = 12  # under it the recipe says that it is too little
MANY_STEPS = 6000  # from which two images per step halve their number
EVALUATIONS = 8  # docs/EVIDENCE.md
RATE = 0.01  # learning rate
EVALUATION_SHARE = 0.2  # of the time


def batch(situation: Situation, now: Settings) -> list[Choice]:
    """Images per step."""
    if not now["frozen_batch_norm"]:
        size, why = 4, "batch norm takes its statistics from the batch (configs/demo_cpu.yaml)"
    elif situation.machine.device != "CPU" or ENOUGH_PASSES * situation.data.labelled >= MANY_STEPS:
        size, why = 2, "as in configs/base.yaml; there are steps enough"
    else:
        size, why = (
            1,
            "steps are scarce: as many as possible for the images there is time for (configs/small_data.yaml)",
        )
    if "batch_size" in now.given:
        size = now["batch_size"]
    ratio = "as many as labelled ones (Liu et al. 2021, section 4)"
    return [Choice("batch_size", size, why), Choice("unlabelled_batch_size", size, ratio)]


def images_per_step(situation: Situation, now: Settings) -> int:
    """Labelled images per step, over all devices."""
    return now["batch_size"] * now["accumulate_steps"] * situation.devices


def steps(situation: Situation, now: Settings) -> list[Choice]:
    """Steps of the run: enough passes over the labels, as far as the time goes."""
    data, hours = situation.data, situation.hours
    images = images_per_step(situation, now)
    passes = ENOUGH_PASSES if situation.weights.path else SCRATCH_PASSES
    enough = min(max(passes * data.labelled / images, ENOUGH_STEPS), max(MOST_PASSES * data.labelled / images, 200))
    enough = max(rounded(enough), _given_before_the_end(now))
    wanted = f"{enough * images / data.labelled:.0f} passes over {data.labelled} labelled images"
    if hours is None or situation.machine.gflops is None:
        return [Choice("max_iter", enough, f"{wanted} (docs/EVIDENCE.md); this device was never timed")]
    possible = max(rounded(TRAINING_SHARE * 3600 * hours / step_seconds(situation, now)), _given_before_the_end(now))
    if possible >= enough:
        return [Choice("max_iter", enough, f"{wanted} (docs/EVIDENCE.md); {possible} steps would fit into {hours:g} h")]
    made = possible * images / data.labelled
    reason = (
        f"what fits into {hours:g} h: {made:.1f} passes over {data.labelled} labelled images; {enough} would be enough"
    )
    few = (
        f"max_iter: {possible} of the {enough} steps that would be enough fit into {hours:g} h, {made:.1f} passes over {counted(data.labelled, 'labelled image')}: "
        f"too few to learn much from ({FEW_PASSES} passes and more are usual). Give more --hours, or a smaller --img_width and --img_height"
    )
    return [Choice("max_iter", possible, reason, few if made < FEW_PASSES else "")]


def _given_before_the_end(now: Settings) -> int:
    """The fewest steps in which there is room for what was given: burn-in and as many steps after it, warm-up, milestones."""
    lengths = {"burn_up_iter": 2 * now["burn_up_iter"], "warmup_step": now["warmup_step"]}
    lengths["milestones"] = max(now["milestones"], default=0)
    return max((length for key, length in lengths.items() if key in now.given), default=1)


def step_seconds(situation: Situation, now: Settings) -> float:
    """Seconds per step, the mean of both halves of a run."""
    kinds = (False, True) if situation.data.unlabelled else (False,)
    return sum(compute_cost.step_seconds(now, situation.machine.gflops, semi) for semi in kinds) / len(kinds)


def burn_in(situation: Situation, now: Settings) -> list[Choice]:
    """When the teacher starts."""
    if not situation.data.unlabelled:
        return [Choice("burn_up_iter", now["max_iter"], "no unlabelled images: supervised training")]
    reason = "half of the steps, as in configs/small_data.yaml and the plans of docs/EVIDENCE.md"
    return [Choice("burn_up_iter", max(1, now["max_iter"] // 2), reason)]


def learning_rate(situation: Situation, now: Settings) -> list[Choice]:
    """Rate, warm-up, milestones."""
    length = now["max_iter"]
    source = "better than 0.005 in a short run on face masks (docs/EVIDENCE.md)"
    if now["system"] == "ssd":
        source = "configs/ssd_small_data.yaml"
    elif not now["frozen_batch_norm"]:
        source = "configs/demo_cpu.yaml"
    drop = length * 4 // 5 if now["lr_schedule"] == "multistep" else 0
    lower = "a tenth of the rate for the last fifth, as in configs/small_data.yaml: the student gains most then (docs/EVIDENCE.md)"
    return [
        Choice("base_lr", RATE, f"{source}, for {now['batch_size']} labelled images per step"),
        Choice(
            "warmup_step",
            min(500, rounded(length / 8), length),
            "an eighth of the steps, 500 at most (configs/small_data.yaml)",
        ),
        Choice("milestones", [drop] if drop else [], lower if drop else f"none: {length} steps, {now['lr_schedule']}"),
    ]


def intervals(situation: Situation, now: Settings) -> list[Choice]:
    """When networks are evaluated, saved and logged."""
    length, data, gflops = now["max_iter"], situation.data, situation.machine.gflops
    count, why = EVALUATIONS, f"{EVALUATIONS} evaluations of {data.evaluation} images (docs/EVIDENCE.md)"
    if not data.evaluation:
        count, why = 0, "no evaluation images: give eval_img_dir and eval_ann_file to have scores"
    elif gflops and situation.hours:
        one = 2 * data.evaluation * compute_cost.detection_seconds(now, gflops)
        count = min(EVALUATIONS, int(EVALUATION_SHARE * 3600 * situation.hours / one))
        if count < EVALUATIONS:
            why = f"one of {data.evaluation} images takes {one / 60:.1f} min: at most a fifth of the time"
        if count < 3:
            count, why = 0, why + ", so only at the end of burn-in and at the end"
    interval = -(-length // count) if count else 0
    return [
        Choice("eval_interval_iter", interval, why),
        Choice(
            "save_checkpoint_interval", max(1, -(-length // 4)), "a quarter of the steps is what a power cut may cost"
        ),
        Choice("print_interval_iter", max(1, min(20, length // 10)), "a line of the log every minute or so"),
    ]
