"""From data, machine and weights to settings: the rules in their order, and the leaf that states what they chose."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import ceil

import yaml

from src.errors import UserError
from src.recipe.anchor_rules import anchors, ground_truth_rows, roi_level
from src.recipe.choice import Choice, Rule, Settings, Situation
from src.recipe.input_size import crops, input_size
from src.recipe.length_rules import batch, burn_in, images_per_step, intervals, learning_rate, steps
from src.recipe.network_rules import class_loss, detector, frozen_parts, kept_by_weights, start, widths
from src.recipe.teacher_rules import average, thresholds, unlabelled_weight

# A rule may read what those before it chose.
RULES: tuple[Rule, ...] = (
    *(start, kept_by_weights(detector), frozen_parts, kept_by_weights(widths), class_loss),
    *(input_size, kept_by_weights(anchors), kept_by_weights(roi_level), ground_truth_rows, crops),
    *(batch, steps, burn_in, learning_rate, average, thresholds, unlabelled_weight, intervals),
)
# What follows the number of labels in later stages; network, input size and batch stay.
LENGTHS = frozenset(
    {
        *("max_iter", "burn_up_iter", "warmup_step", "milestones", "ema_keep_rate", "unsup_ramp_iter"),
        *("eval_interval_iter", "save_checkpoint_interval", "print_interval_iter"),
        *("num_gts", "test_max_per_img"),  # newly labelled images may be fuller
    }
)
GIVEN = "as given"
_EPOCHS = {"max_epoch": "max_iter", "burn_up_epoch": "burn_up_iter", "eval_interval_epoch": "eval_interval_iter"}
_LENGTH_KEYS = {**_EPOCHS, "milestone_epochs": "milestones"}


def decide(
    situation: Situation, defaults: Mapping, given: Mapping, earlier: Mapping | None = None
) -> dict[str, Choice]:
    """Every setting that was given or that a rule chose, by key.

    Args:
        defaults: every setting with its default; given: settings of the user, which win, and which the rules follow.
        earlier: settings of an earlier stage; all but LENGTHS stay as they are there.

    Raises:
        UserError: there is no labelled object to decide from.
    """
    data = situation.data
    if not len(data.boxes):
        raise UserError(
            f"no recipe: none of the {data.labelled} labelled images has an object, so nothing is known of their sizes; label "
            "some images first"
        )
    kept = {key: value for key, value in (earlier or {}).items() if key not in LENGTHS and key not in given}
    fixed = kept | dict(given)
    choices = {key: Choice(key, value, GIVEN) for key, value in given.items()}
    choices |= {key: Choice(key, value, "as in the stage before") for key, value in kept.items()}
    now = Settings(dict(defaults) | fixed, set(fixed))
    in_epochs = {steps for epochs, steps in _LENGTH_KEYS.items() if fixed.get(epochs) not in (None, [])}
    for rule in RULES:
        for choice in rule(situation, now):
            if choice.key in fixed or choice.key in in_epochs:
                continue
            if choice.key == "num_gts" and earlier and "num_gts" in earlier:
                choice = replace(choice, value=max(choice.value, earlier["num_gts"]))  # the detector before has as many
            if choice.key == "max_iter" and earlier and "hours" not in given:
                choice = _no_shorter(choice, earlier.get("max_iter"))
            choices[choice.key] = choice
            now[choice.key] = choice.value
        if rule is batch:  # what is given in epochs is known in steps now
            images = images_per_step(situation, now)
            for epochs, in_steps in _EPOCHS.items():
                if fixed.get(epochs) is not None:
                    now[in_steps] = ceil(fixed[epochs] * data.labelled / images)
    return choices


def _no_shorter(choice: Choice, before: int | None) -> Choice:
    """As many steps as in the stage before, where fewer fit into the same hours because the machine is busier than it was then.

    Stages are compared, and one that was trained for a shorter time is worse whatever the labels are.
    """
    if before is None or before <= choice.value:
        return choice
    reason = f"as in the stage before, so that both can be compared; this machine now has time for {choice.value}"
    warning = f"max_iter: {before} steps, as in the stage before, so that both can be compared. This machine is busier now: {choice.value} would fit into the hours"
    return Choice("max_iter", before, reason, warning)


def leaf_text(head: Iterable[str], choices: Mapping[str, Choice]) -> str:
    """A leaf file: comments, then a setting per line with its reason.

    Args:
        head: lines of the comment that it opens with.
    """
    lines = [f"# {line}" for line in head]
    for choice in choices.values():
        stated = f"{choice.key}: {_on_one_line(choice.value)}"
        lines.append(f"{stated:<33} # {choice.reason}" if len(stated) < 34 else f"{stated}  # {choice.reason}")
    return "\n".join(lines) + "\n"


def _on_one_line(value: object) -> str:
    """A value as YAML writes it within a line."""
    value = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump([value], default_flow_style=True, width=float("inf"), allow_unicode=True).strip()[1:-1]
