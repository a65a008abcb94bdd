"""What a resumed run must have in common with the stopped one."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from src.errors import UserError
from src.training.checkpoint import read_facts

# A resumed run may differ in these: they do not change what is learnt.
FREE_KEYS = {"resume", "overwrite", "num_parallel_workers", "print_interval_iter", "save_checkpoint_interval"}
FREE_KEYS |= {"keep_checkpoint_max", "eval_interval_iter", "eval_img_dir", "eval_ann_file", "device_id"}
FREE_KEYS |= {"save_checkpoint_path", "checkpoint_path", "infer_img_dir", "eval_output_dir", "test_batch_size"}
FREE_KEYS |= {"report", "draw_pics", "pre_trained", "max_skipped_steps", "mindrecord_dir", "mindrecord_wait"}
FREE_KEYS |= {"profile_steps", "eval_interval_epoch"}
FREE_KEYS |= {"model", "results", "file_format", "file_name", "probabilities", "check", "soc_version"}


def run_facts(config: dict, annotations: str, unlabelled: Iterable[str], devices: int) -> dict:
    """What identifies a run, and what it has reached: best AP, steps of the last evaluation and of an early end, and its watch.

    Args:
        config: all settings; annotations: hash of those of training; unlabelled: file names of the unlabelled images;
        devices: their number.
    """
    return {
        "config": config,
        "annotations": annotations,
        "unlabelled": hashlib.sha256("\n".join(unlabelled).encode()).hexdigest(),
        "devices": devices,
        "best": None,
        "evaluated": 0,
        "ended": None,
        "watch": None,
    }


def saved_facts(path: Path, now: dict) -> dict:
    """The facts of a stopped run.

    Args:
        path: its state file; now: the facts of the run that is to go on.

    Raises:
        UserError: naming everything that changed since.
    """
    saved = read_facts(path)
    changed = [
        f"{key}: was {saved['config'].get(key)!r}, is {value!r}"
        for key, value in now["config"].items()
        if key not in FREE_KEYS and saved["config"].get(key) != value
    ]
    for key, sentence in (
        ("annotations", "train_ann_file: its content is another one"),
        ("unlabelled", "unlabelled images: they are others, or were renamed"),
        ("devices", f"number of devices: was {saved['devices']}, is {now['devices']}"),
    ):
        if saved[key] != now[key]:
            changed.append(sentence)
    if changed:
        raise UserError("resume: the run of {} was started otherwise:\n  {}".format(path, "\n  ".join(changed)))
    return saved
