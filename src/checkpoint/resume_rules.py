"""What a resumed run must have in common with the stopped one."""

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from src import __version__
from src.errors import UserError

# What a run has reached, as opposed to what it was asked for; it comes back from the state.
REACHED = ("best", "best_of", "evaluated", "ended", "since_log", "watch")


def run_facts(
    config: dict,
    annotations: str,
    class_names: Sequence[str],
    unlabelled: Iterable[str],
    evaluation: str | None,
    devices: int,
    image_files: str | None = None,
    evaluation_files: str | None = None,
) -> dict:
    """What identifies a run, and what it has reached, as JSON values; they are saved with its state.

    Args:
        config: all settings; annotations: hash of those of training; class_names: without background; unlabelled: file names
            of the unlabelled images; evaluation: hash of its annotations, if there are any; devices: their number;
            image_files, evaluation_files: hashes of the files, see `files_hash`.

    Returns:
        Beside the arguments: "version" of the project; "best", the score of the best network so far; "best_of", the same of
        each kind of network by name, None if they are not all known; "evaluated", the step of the last evaluation; "ended",
        the step at which the guard ended the run, or None; "since_log", what gathered for the next line of the log; "watch",
        what the watchers of a run remember.
    """
    return {
        "version": __version__,
        "config": config,
        "annotations": annotations,
        "classes": list(class_names),
        "unlabelled": hashlib.sha256("\n".join(unlabelled).encode()).hexdigest(),
        "evaluation": evaluation,
        "devices": devices,
        "image_files": image_files,
        "evaluation_files": evaluation_files,
        "best": None,
        "best_of": {},
        "evaluated": 0,
        "ended": None,
        "since_log": {},
        "watch": {},
    }


def carried_on(saved: dict, now: dict, free_keys: AbstractSet[str], anyway: bool) -> tuple[dict, list[str]]:
    """The facts of a run that goes on.

    Args:
        saved: facts of the stopped run; now: facts of the run as it was started again.
        free_keys: settings in which a resumed run may differ.
        anyway: go on although something changed that decides what is learnt.

    Returns:
        `now` with what the stopped run had reached, and sentences for the log: what changed.

    Raises:
        UserError: naming everything that changed, unless `anyway`.
    """
    changed = changes(saved, now, free_keys)
    if changed and not anyway:
        raise UserError(
            "resume: the run was started otherwise:\n  {}\nstart it as before, or go on all the same with "
            "--resume_anyway".format("\n  ".join(changed))
        )
    said = ["resume_anyway: this run is not the one that was stopped:", *changed] if changed else []
    if "best_of" not in saved:  # written by a version that kept the best network only
        saved = saved | {"best_of": None if saved["best"] else {}}
    facts = now | {key: saved[key] for key in REACHED}
    if saved["best"] and saved["best"]["AP"] is None:  # the same version took what was not measured for 0
        said.append(f"the best network so far is void, for its AP was not measured: {saved['best']}")
        facts |= {"best": None, "best_of": {}}
    elif saved["best"] and now["evaluation"] is not None and _evaluated_otherwise(saved, now):
        said.append(f"the evaluation images are others, so the best score so far is void: {saved['best']}")
        facts |= {"best": None, "best_of": {}}
    return facts, said


def settings_changes(saved: dict, now: dict, free: AbstractSet[str]) -> list[str]:
    """Sentences on the settings that differ, but for those of ``free``."""
    return [
        f"{key}: was {saved.get(key)!r}, is {value!r}"
        for key, value in now.items()
        if key not in free and saved.get(key) != value
    ]


def changes(saved: dict, now: dict, free_keys: AbstractSet[str]) -> list[str]:
    """Sentences on everything that decides what is learnt and is another than it was."""
    # The guard acts at evaluations.
    free = free_keys - ({"eval_interval_iter"} if now["config"].get("guard_share") else set())
    found = settings_changes(saved["config"], now["config"], free)
    for key, sentence in (
        ("annotations", "train_ann_file: its content is another one"),
        ("classes", f"classes: were {', '.join(saved['classes'])}, are {', '.join(now['classes'])}"),
        ("unlabelled", "unlabelled images: they are others, or were renamed"),
        ("devices", f"number of devices: was {saved['devices']}, is {now['devices']}"),
    ):
        if saved[key] != now[key]:
            found.append(sentence)
    same_images = all(saved[key] == now[key] for key in ("annotations", "unlabelled"))
    if same_images and _differ("image_files", saved, now):
        found.append("image files: some have another content")
    return found


def _evaluated_otherwise(saved: dict, now: dict) -> bool:
    return now["evaluation"] != saved["evaluation"] or _differ("evaluation_files", saved, now)


def _differ(key: str, saved: dict, now: dict) -> bool:
    """Whether a hash is another one; states of older versions do not have it."""
    return None not in (saved.get(key), now[key]) and saved[key] != now[key]
