"""Rules of the semi-supervised phase: average, thresholds, weights of pseudo-labels."""

from src.recipe.choice import Choice, Settings, Situation
from src.recipe.length_rules import images_per_step

LONGEST_MEMORY = 2500  # steps, Liu et al. 2021: EMA decay 0.9996
EPOCHS = 3  # of labelled images that the average goes back


def average(situation: Situation, now: Settings) -> list[Choice]:
    """The EMA of the student: from the first step on, going back a few passes."""
    passes = EPOCHS * situation.data.labelled / images_per_step(situation, now)
    memory = round(min(max(passes, 50), LONGEST_MEMORY, max(now["max_iter"] / 8, 10)))
    goes_back = f"goes back {memory} steps: {EPOCHS} passes, at most an eighth of the run and {LONGEST_MEMORY} (Liu et al. 2021)"
    cheap = "it costs a hundredth of a step (docs/TRAINING.md), and helps labels alone, too (Kay et al. 2024, ALDI)"
    averages = now["supervised_ema"] if "supervised_ema" in now.given else True
    start = ("average", "the teacher continues with that average, as in the plans of docs/EVIDENCE.md")
    if not averages:
        start = ("student", "there is no average of the burn-in")
    return [
        Choice("supervised_ema", True, cheap),
        Choice("teacher_start", *start),
        Choice("ema_keep_rate", round(1 - 1 / memory, 5), goes_back),
        Choice("ema_ramp", True, "it goes back no further than the run so far (SoftTeacher's and timm's ramp)"),
    ]


def thresholds(situation: Situation, now: Settings) -> list[Choice]:
    """Which detections of the teacher become pseudo-labels."""
    if not situation.data.unlabelled:
        return []
    score, source = (
        (0.6, "configs/ssd_small_data.yaml") if now["system"] == "ssd" else (0.7, "Liu et al. 2021, section 4")
    )
    ignore = "385 of 750 objects without a pseudo-label lay under a detection with such a score (docs/RESULTS.md)"
    if "bbox_threshold" in now.given:
        score = now["bbox_threshold"]
    return [Choice("bbox_threshold", score, source), Choice("bbox_ignore_threshold", min(0.2, score), ignore)]


def unlabelled_weight(situation: Situation, now: Settings) -> list[Choice]:
    """How much pseudo-labels count."""
    if not situation.data.unlabelled:
        return []
    ramp = min(now["burn_up_iter"], now["max_iter"] - now["burn_up_iter"]) // 2
    own = (
        "own data: as much as the labels (the author's advice in Unbiased Teacher's issue 46; configs/small_data.yaml)"
    )
    return [
        Choice("sup_loss_weight", 1.0, "mean over both views (Liu et al. 2021, equation 1)"),
        Choice("unsup_loss_weight", 1.0, own),
        Choice("unsup_ramp_iter", ramp, "half of burn-in; a young teacher counts for less (not measured)"),
    ]
