"""Settings of the device, outputs, evaluation and export."""

from typing import Annotated, Literal

from pydantic import Field
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
    """Output files and intervals of a run, and resuming it."""

    save_checkpoint_path: str = free_setting("./outputs", "folder of the run")
    save_checkpoint_interval: Count = free_setting(1000, "steps between checkpoints")
    keep_checkpoint_max: Count = free_setting(
        3, "step checkpoints kept per network; latest and best weights and the run state are always kept"
    )
    print_interval_iter: Count = free_setting(100, "steps between log lines")
    eval_interval_iter: Whole = free_setting(
        1000, "steps between evaluations; 0: only at the end of burn-in and of training"
    )
    eval_interval_epoch: Count | None = free_setting(
        None, "epochs between evaluations, instead of eval_interval_iter", instead_of="eval_interval_iter"
    )
    profile_steps: tuple[Whole, ...] = free_setting(
        (),
        ("first and last step to profile, counted from 0; MindSpore's profiler writes to profile/ in the run's folder"),
    )
    resume: bool = free_setting(False, "resume the run in save_checkpoint_path")
    resume_anyway: bool = free_setting(
        False, "resume although settings or images have changed since; the log names the changes"
    )
    overwrite: bool = free_setting(False, "replace existing outputs")


@dataclass(frozen=True)
class EvaluationSettings:
    """Inputs and outputs of eval.py and infer.py."""

    checkpoint_path: OptionalPath = free_setting(None, "checkpoint of the detector to evaluate, run or export")
    infer_img_dir: OptionalPath = free_setting(
        None, "infer.py: folder of images; without it the unlabelled images of train_ann_file"
    )
    eval_output_dir: str = free_setting("./outputs", "folder of the results")
    test_batch_size: Count = free_setting(4, "images per batch")
    report: OptionalPath = free_setting(
        None, "eval.py: folder of an error report: types of errors, their cost in AP, worst images; null: none"
    )
    draw_pics: bool = free_setting(False, "infer.py: also draw the detections")
    features: bool = free_setting(
        False, "infer.py: also write features of the detections, for the strategies ppal and coverage"
    )
    second_checkpoint: OptionalPath = free_setting(
        None, "infer.py: checkpoint of a second detector, such as the student, for the strategy disagreement"
    )


@dataclass(frozen=True)
class ExportSettings:
    """Outputs of export.py, and exported models and result files for eval.py."""

    model: OptionalPath = free_setting(
        None, "eval.py, infer.py: exported model to run, .mindir or .onnx; needs its .json in the same folder"
    )
    results: OptionalPath = free_setting(None, "eval.py: COCO result file to evaluate, e.g. of the C++ program")
    file_format: Literal["MINDIR", "ONNX", "AIR"] = free_setting(
        "MINDIR", "export.py: MINDIR, ONNX, or AIR (on Ascend only, never run)"
    )
    file_name: OptionalPath = free_setting(
        None, "export.py: path of the model without suffix; its metadata is written to the .json of the same name"
    )
    probabilities: bool = free_setting(False, "export.py: the model also outputs the probability of every class")
    check: Annotated[int, Field(ge=0, le=1000)] = free_setting(
        2, "export.py: number of images on which model and checkpoint must agree; 0: no check"
    )
    soc_version: OptionalPath = free_setting(
        None, "export.py: chip, e.g. Ascend310, for which atc also compiles the ONNX or AIR model to an .om"
    )
