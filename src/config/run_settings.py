"""Settings of device, outputs, evaluation and export."""

from typing import Literal

from pydantic.dataclasses import dataclass

from src.config.setting import Count, OptionalPath, Whole, free_setting, setting


@dataclass(frozen=True)
class DeviceSettings:
    """Device and precision."""

    device_target: Literal["CPU", "GPU", "Ascend"] = setting(
        "CPU", "CPU, GPU or Ascend; GPU and Ascend were never run (README.md)"
    )
    device_id: Whole = free_setting(0, "number of the device, 0 to 7")
    run_distribute: bool = setting(False, "data parallel; start through msrun (scripts/run_distribute_train_*.sh)")
    mixed_precision: Literal["auto"] | bool = setting(
        "auto", "float16 compute, float32 weights, dynamic loss scaling: true, false, or auto (on Ascend only)"
    )
    compile_cache: bool = free_setting(
        True, "keep compiled networks for the next start, in ~/.cache; on one CPU device only (docs/TRAINING.md)"
    )


@dataclass(frozen=True)
class OutputSettings:
    """What a run writes, and how it is resumed."""

    save_checkpoint_path: str = free_setting("./outputs", "folder of the run")
    save_checkpoint_interval: Count = free_setting(1000, "steps between checkpoints")
    keep_checkpoint_max: Count = free_setting(
        3, "step checkpoints kept; the latest, the best and the resume state are always kept"
    )
    print_interval_iter: Count = free_setting(100, "steps between log lines")
    eval_interval_iter: Whole = free_setting(
        1000, "steps between evaluations; 0: only at the end of burn-in and at the end"
    )
    eval_interval_epoch: Count | None = free_setting(
        None, "instead of eval_interval_iter: epochs", instead_of="eval_interval_iter"
    )
    profile_steps: tuple[Whole, ...] = free_setting(
        (),
        ("first and last step, counted from 0, of MindSpore's profiler; its files go to profile/ in the run's folder"),
    )
    resume: bool = free_setting(False, "resume the run in save_checkpoint_path")
    resume_anyway: bool = free_setting(
        False, "resume although settings or images have changed since; the log names the changes"
    )
    overwrite: bool = free_setting(False, "replace existing outputs")


@dataclass(frozen=True)
class EvaluationSettings:
    """What eval.py and infer.py read and write."""

    checkpoint_path: OptionalPath = free_setting(
        None, "checkpoint of the detector to evaluate, to infer with or to export"
    )
    infer_img_dir: OptionalPath = free_setting(
        None, "infer.py: folder of images; without it the unlabelled images of train_ann_file"
    )
    eval_output_dir: str = free_setting("./outputs", "folder of the results")
    test_batch_size: Count = free_setting(1, "images per batch")
    report: OptionalPath = free_setting(
        None, "eval.py: folder of an error report: what is wrong, what it costs, the worst images; null: none"
    )
    draw_pics: bool = free_setting(False, "infer.py: also draw the detections")
    features: bool = free_setting(
        False, "infer.py: also write features of the detections, for the strategies ppal and coverage"
    )
    second_checkpoint: OptionalPath = free_setting(
        None, "infer.py: a second detector for the same images, such as the student, for the strategy disagreement"
    )


@dataclass(frozen=True)
class ExportSettings:
    """What export.py writes, and what else eval.py can score."""

    model: OptionalPath = free_setting(
        None, "eval.py: exported model to evaluate, .mindir or .onnx, with its .json beside it"
    )
    results: OptionalPath = free_setting(None, "eval.py: COCO result records to score, e.g. those of the C++ program")
    file_format: Literal["MINDIR", "ONNX", "AIR"] = free_setting(
        "MINDIR", "export.py: MINDIR, ONNX, or AIR (on Ascend only, never run)"
    )
    file_name: OptionalPath = free_setting(
        None, "export.py: name of the model without suffix; the .json of the same name describes it"
    )
    probabilities: bool = free_setting(False, "export.py: the model also outputs the probability of every class")
    check: Whole = free_setting(
        2, "export.py: images on which the model must detect what the checkpoint detects; 0: none"
    )
    soc_version: OptionalPath = free_setting(
        None, "export.py: chip, e.g. Ascend310; atc also turns the ONNX or AIR model into an .om for it"
    )
