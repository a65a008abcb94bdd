"""Checks what changed before a run is resumed, and upgrades run states of older versions.

A setting may change if its field is marked `may_change_on_resume` (src/config); other settings and data that affect
training may not. Batches and random samples are functions of seed and step, so a run state needs no random number
generator state.
"""

import hashlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import replace

from src import __version__
from src.config.load import Config, default_settings
from src.config.schema import FREE_KEYS
from src.data.annotations import ImageEntry, content_hash, image_path
from src.data.checks.image_files import files_hash
from src.data.training_data import TrainingData
from src.errors import UserError

# The progress of a new run, by key of its metadata:
# "best": score of the best network so far; "best_of": the same per key of `evaluation.KINDS`, None if it is not known;
# "evaluated": step of the last evaluation; "ended": step at which the guard ended the run;
# "since_log": sums since the last log line; "rows": number of rows in metrics.jsonl, None if it is not known;
# "watch": the memory of the watchers.
NO_PROGRESS = {"best": None, "best_of": {}, "evaluated": 0, "ended": None, "since_log": {}, "rows": None, "watch": {}}


def run_metadata(config: Config, data: TrainingData, devices: int) -> dict:
    """The metadata of a run state, JSON values: settings and hashes of the data, and the progress of the run.

    Args:
        devices: number of processes.

    Returns:
        "version" of the project; "config", all settings; "classes", their names; "devices"; "annotations", "unlabelled" (file
        names), "evaluation" (annotations), "image_files" and "evaluation_files": SHA-256, None without evaluation; and the keys
        of NO_PROGRESS.
    """
    annotations, evaluation = data.annotations, data.evaluation
    in_folders = [entry for entry in data.unlabelled if entry.path is not None]
    return {
        "version": __version__,
        "config": config.as_dict(),
        "annotations": content_hash(annotations),
        "classes": list(annotations.class_names),
        "unlabelled": unlabelled_hash(data),
        "evaluation": content_hash(evaluation) if evaluation else None,
        "devices": devices,
        "image_files": _files_hash([*annotations.images, *in_folders], config.train_img_dir),
        "evaluation_files": _files_hash(evaluation.images, config.eval_img_dir) if evaluation else None,
        **deepcopy(NO_PROGRESS),
    }


def unlabelled_hash(data: TrainingData) -> str:
    """SHA-256 of the names of the unlabelled images."""
    return hashlib.sha256("\n".join(entry.file_name for entry in data.unlabelled).encode()).hexdigest()


def _files_hash(entries: Iterable[ImageEntry], img_dir: str) -> str:
    return files_hash((entry.file_name, image_path(entry, img_dir)) for entry in entries)


def upgrade_settings(config: Config, saved: dict) -> tuple[Config, dict, list[str]]:
    """Convert the settings of a run that was started by an older version to their meaning in this version.

    Missing settings take their defaults. Before 0.2.0, which did not write a version, sup_loss_weight multiplied the
    sum of the losses of both views; now it multiplies their mean.

    Args:
        saved: metadata of the run state.

    Returns:
        Configuration, metadata, and messages for the log.
    """
    settings = default_settings() | saved["config"]
    messages = []
    if "version" not in saved and settings["strong_view"]:
        old = settings["sup_loss_weight"]
        settings["sup_loss_weight"] = 2 * old
        if config.sup_loss_weight == old:
            config = replace(config, sup_loss_weight=2 * old)
        messages = [
            f"sup_loss_weight: {old:g} times the sum of both views is {2 * old:g} times their mean, as it is now"
        ]
    return config, saved | {"config": settings}, messages


def resumed_metadata(saved: dict, now: dict, anyway: bool) -> tuple[dict, list[str]]:
    """The metadata of a resumed run.

    Args:
        saved, now: metadata of the stopped run, and of this start of it.
        anyway: resume although something changed that affects training.

    Returns:
        `now` with the progress of the stopped run, and log messages about what changed.

    Raises:
        UserError: something changed and `anyway` is False; the message lists the changes.
    """
    changed = changes(saved, now)
    if changed and not anyway:
        raise UserError(
            "resume: the run was started with other settings or data:\n  {}\nstart it with the same settings and "
            "data, or pass --resume_anyway to "
            "resume it with these".format("\n  ".join(changed))
        )
    messages = ["resume_anyway: this run differs from the one that was stopped:", *changed] if changed else []
    if "best_of" not in saved:  # written by a version that only stored "best"
        saved = saved | {"best_of": None if saved["best"] else {}}
    metadata = now | {key: saved[key] for key in NO_PROGRESS if key in saved}
    discarded = None
    if saved["best"] and saved["best"]["AP"] is None:  # that version took an AP that could not be computed for 0
        discarded = "the AP of the best network so far could not be computed"
    elif saved["best"] and now["evaluation"] is not None and _evaluation_changed(saved, now):
        discarded = "the evaluation images have changed"
    if discarded:
        messages.append(f"{discarded}, so the best score so far is discarded: {saved['best']}")
        metadata |= {"best": None, "best_of": {}}
    return metadata, messages


def changes(saved: dict, now: dict) -> list[str]:
    """A message per difference between the metadata of two runs that affects training."""
    # The guard acts at evaluations, so their interval affects training.
    fixed = {"eval_interval_iter"} if now["config"].get("guard_share") else set()
    found = settings_changes(saved["config"], now["config"], FREE_KEYS - fixed)
    for key, message in (
        ("annotations", "train_ann_file: its content has changed"),
        ("classes", f"classes: were {', '.join(saved['classes'])}, are {', '.join(now['classes'])}"),
        ("unlabelled", "unlabelled images: some are new, missing or renamed; put them back as they were"),
        ("devices", f"number of devices: was {saved['devices']}, is {now['devices']}"),
    ):
        if saved[key] != now[key]:
            found.append(message)
    same_images = all(saved[key] == now[key] for key in ("annotations", "unlabelled"))
    if same_images and _hash_changed("image_files", saved, now):
        found.append("image files: the content of some has changed")
    return found


def settings_changes(saved: dict, now: dict, free_keys: AbstractSet[str]) -> list[str]:
    """A message per setting that differs, except `free_keys`."""
    return [
        f"{key}: was {saved.get(key)!r}, is {value!r}"
        for key, value in now.items()
        if key not in free_keys and saved.get(key) != value
    ]


def _evaluation_changed(saved: dict, now: dict) -> bool:
    return now["evaluation"] != saved["evaluation"] or _hash_changed("evaluation_files", saved, now)


def _hash_changed(key: str, saved: dict, now: dict) -> bool:
    """Whether a hash differs; states of older versions do not have it."""
    return None not in (saved.get(key), now[key]) and saved[key] != now[key]
