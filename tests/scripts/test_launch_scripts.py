"""The launch scripts, started as a user starts them, with a stand-in for Python that notes its arguments."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TWO_STAGE = "DATA_ROOT TRAIN_ANN ORI_ANN OUTPUT_DIR [PRE_TRAINED]"
ROUNDS = "DATA_ROOT TRAIN_ANN OUTPUT_DIR [PRE_TRAINED]"
ONE_STAGE = "DATA_ROOT ANN OUTPUT_DIR [PRE_TRAINED]"
SUPERVISED = "PRETRAINED_MODEL BACKBONE COCO_ROOT"
SCORING = "VALIDATION_JSON_FILE CHECKPOINT_PATH BACKBONE COCO_ROOT"
FASTER_RCNN = {
    "run_standalone_train_cpu.sh": f"{SUPERVISED} [MINDRECORD_DIR]",
    "run_standalone_train_gpu.sh": f"{SUPERVISED} DEVICE_ID [MINDRECORD_DIR]",
    "run_standalone_train_ascend.sh": f"{SUPERVISED} DEVICE_ID [MINDRECORD_DIR]",
    "run_distribute_train_cpu.sh": f"DEVICE_NUM {SUPERVISED} [MINDRECORD_DIR]",
    "run_distribute_train_gpu.sh": f"DEVICE_NUM {SUPERVISED} [MINDRECORD_DIR]",
    "run_distribute_train_ascend.sh": f"RANK_TABLE_FILE {SUPERVISED} [MINDRECORD_DIR]",
    "run_eval_cpu.sh": f"{SCORING} [MINDRECORD_DIR]",
    "run_eval_gpu.sh": f"{SCORING} DEVICE_ID [MINDRECORD_DIR]",
    "run_eval_ascend.sh": f"{SCORING} DEVICE_ID [MINDRECORD_DIR]",
    "run_eval_onnx.sh": "ANNO_PATH ONNX_MODEL BACKBONE COCO_ROOT [MINDRECORD_DIR]",
    "run_infer_cpp.sh": "MINDIR_PATH DATA_PATH ANNO_PATH DEVICE_TYPE [IMAGE_WIDTH] [IMAGE_HEIGHT] [KEEP_RATIO] [DEVICE_ID]",
}
MASK_RCNN = {
    "run_standalone_train_cpu.sh": "PRETRAINED_CKPT DATA_PATH",
    "run_standalone_train_gpu.sh": "PRETRAINED_CKPT DATA_PATH [DEVICE_ID]",
    "run_standalone_train_ascend.sh": "PRETRAINED_CKPT DATA_PATH [DEVICE_ID]",
    "run_distribute_train_cpu.sh": "PRETRAINED_CKPT DATA_PATH",
    "run_distribute_train_gpu.sh": "PRETRAINED_CKPT DATA_PATH",
    "run_distribute_train_ascend.sh": "RANK_TABLE_FILE PRETRAINED_CKPT DATA_PATH",
    "run_eval_cpu.sh": "VALIDATION_JSON_FILE CHECKPOINT_PATH DATA_PATH",
    "run_eval_gpu.sh": "VALIDATION_JSON_FILE CHECKPOINT_PATH DATA_PATH [DEVICE_ID]",
    "run_eval_ascend.sh": "VALIDATION_JSON_FILE CHECKPOINT_PATH DATA_PATH [DEVICE_ID]",
    "run_eval_onnx.sh": "ONNX_MODEL_PATH DATA_PATH [DEVICE_TARGET]",
    "run_infer_cpp.sh": "MINDIR_PATH DATA_PATH ANN_FILE_PATH DEVICE_TYPE [DEVICE_ID]",
}
SSD_TRAINING = "DATASET DATASET_PATH MINDRECORD_PATH TRAIN_OUTPUT_PATH [PRE_TRAINED_PATH]"
SSD_SCORING = "DATASET DATASET_PATH CHECKPOINT_PATH MINDRECORD_PATH"
SSD = {
    "run_standalone_train_cpu.sh": SSD_TRAINING,
    "run_standalone_train_gpu.sh": f"DEVICE_ID {SSD_TRAINING}",
    "run_standalone_train_ascend.sh": f"DEVICE_ID {SSD_TRAINING}",
    "run_distribute_train_cpu.sh": f"DEVICE_NUM {SSD_TRAINING}",
    "run_distribute_train_gpu.sh": f"DEVICE_NUM {SSD_TRAINING}",
    "run_distribute_train_ascend.sh": f"RANK_TABLE_FILE {SSD_TRAINING}",
    "run_eval_cpu.sh": SSD_SCORING,
    "run_eval_gpu.sh": f"DEVICE_ID {SSD_SCORING}",
    "run_eval_ascend.sh": f"DEVICE_ID {SSD_SCORING}",
    "run_eval_onnx.sh": "DATASET DATASET_PATH ONNX_MODEL [MINDRECORD_PATH]",
    "run_infer_cpp.sh": "MINDIR_PATH DATA_PATH DVPP ANNO_FILE DEVICE_TYPE [DEVICE_ID]",
}
INTERFACES = {
    "run_standalone_train_cpu.sh": TWO_STAGE,
    "run_standalone_train_gpu.sh": f"DEVICE_ID {TWO_STAGE}",
    "run_standalone_train_ascend.sh": f"DEVICE_ID {TWO_STAGE}",
    "run_distribute_train_cpu.sh": TWO_STAGE,
    "run_distribute_train_gpu.sh": TWO_STAGE,
    "run_distribute_train_ascend.sh": f"RANK_TABLE {TWO_STAGE}",
    "run_rounds_cpu.sh": ROUNDS,
    "run_rounds_gpu.sh": f"DEVICE_ID {ROUNDS}",
    "run_rounds_ascend.sh": f"DEVICE_ID {ROUNDS}",
    "run_standalone_train_model.sh": f"TARGET DEVICE_ID {ONE_STAGE}",
    "run_distribute_train_model_cpu.sh": ONE_STAGE,
    "run_distribute_train_model_gpu.sh": ONE_STAGE,
    "run_distribute_train_model_ascend.sh": f"RANK_TABLE {ONE_STAGE}",
    "run_eval_cpu.sh": "CKPT EVAL_ROOT EVAL_ANN",
    "run_eval_gpu.sh": "DEVICE_ID CKPT EVAL_ROOT EVAL_ANN",
    "run_eval_ascend.sh": "DEVICE_ID CKPT EVAL_ROOT EVAL_ANN",
    "run_eval_onnx.sh": "MODEL EVAL_ROOT EVAL_ANN",
    "run_infer_cpp.sh": "MODEL DATA_ROOT ANN TARGET [IMAGE_WIDTH] [IMAGE_HEIGHT] [KEEP_RATIO] [DEVICE_ID]",
    "run_infer_310.sh": "MODEL DATA_ROOT ANN [IMAGE_WIDTH] [IMAGE_HEIGHT] [DEVICE_ID]",
    **{f"faster_rcnn/{name}": words for name, words in FASTER_RCNN.items()},
    **{f"mask_rcnn/{name}": words for name, words in MASK_RCNN.items()},
    **{f"ssd/{name}": words for name, words in SSD.items()},
    "select_valuable_sample.sh": "CKPT ORI_ANN PICKED_ANN NEW_ANN TARGET DEVICE_ID DATA_ROOT",
}
VALUES = {
    "DATA_ROOT": "images",
    "TRAIN_ANN": "train.json",
    "ANN": "train.json",
    "PICKED_ANN": "train.json",
    "ORI_ANN": "full.json",
    "NEW_ANN": "new labels.json",
    "OUTPUT_DIR": "out put",
    "CKPT": "net.ckpt",
    "MODEL": "net.onnx",
    "PRE_TRAINED": "net.ckpt",
    "RANK_TABLE": "rank table.json",
    "EVAL_ROOT": "eval images",
    "EVAL_ANN": "val.json",
    "DEVICE_ID": "3",
    "PRETRAINED_MODEL": "net.ckpt",
    "BACKBONE": "resnet_v1_18",
    "COCO_ROOT": "coco",
    "MINDRECORD_DIR": "cache",
    "DEVICE_NUM": "2",
    "RANK_TABLE_FILE": "rank table.json",
    "VALIDATION_JSON_FILE": "val.json",
    "CHECKPOINT_PATH": "net.ckpt",
    "ANNO_PATH": "val.json",
    "ONNX_MODEL": "net.onnx",
    "MINDIR_PATH": "net.onnx",
    "DATA_PATH": "images",
    "PRETRAINED_CKPT": "net.ckpt",
    "ONNX_MODEL_PATH": "net.onnx",
    "ANN_FILE_PATH": "val.json",
    "ANNO_FILE": "val.json",
    "DEVICE_TARGET": "CPU",
    "DATASET": "coco",
    "DATASET_PATH": "coco",
    "MINDRECORD_PATH": "cache",
    "TRAIN_OUTPUT_PATH": "out put",
    "PRE_TRAINED_PATH": "net.ckpt",
    "DVPP": "cpu",
    "DEVICE_TYPE": "CPU",
    "IMAGE_WIDTH": "416",
    "IMAGE_HEIGHT": "288",
    "KEEP_RATIO": "true",
    "TARGET": "GPU",
}
MSRUN = "_msrun.py"
MADE = ("OUTPUT_DIR", "NEW_ANN", "MINDRECORD_DIR", "MINDRECORD_PATH", "TRAIN_OUTPUT_PATH")  # so any name will do
CHECKS = ["check sorted_values.py", "check pick_select.py"]  # before anything takes long
EVALUATION = ("--eval_img_dir", "eval images", "--eval_ann_file", "val.json")


def arguments_of(script: str, optional: bool = False) -> list[str]:
    """Good values for the positional arguments, relative to the workshop's folder."""
    return [VALUES[name.strip("[]")] for name in INTERFACES[script].split() if optional or not name.startswith("[")]


def options_of(call: list[str]) -> dict[str, str]:
    """The values of `--key value`; the last one counts, as in argparse."""
    return {key: value for key, value in pairwise(call) if key.startswith("--")}


def device_of(script: str) -> str:
    """The device_target that a name tells."""
    return {"cpu": "CPU", "gpu": "GPU", "ascend": "Ascend"}[script.split("_")[-1][:-3]]


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file below a folder and the hash of its contents."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_every_launch_script_has_an_entry_here():
    files = (ROOT / "scripts").rglob("*.sh")
    names = {str(file.relative_to(ROOT / "scripts")) for file in files if not file.name.startswith("_")}
    assert names - {"run_tests.sh", "run_demo_cpu.sh", "docker_start.sh"} == set(INTERFACES)


@pytest.mark.parametrize("script", INTERFACES)
def test_usage_is_shown_without_starting_anything_by_a_link_too(workshop, script):
    link = workshop.folder / "a link"
    link.symlink_to(ROOT / "scripts" / script)
    bare, help_text = workshop.run(script), workshop.run(str(link), "--help")
    assert (bare.returncode, help_text.returncode, help_text.stderr) == (2, 0, "")
    assert bare.stdout.replace(str(ROOT / "scripts" / script), str(link)) == help_text.stdout
    assert f"{script} {INTERFACES[script]} [--key value ...]" in bare.stdout
    assert ("Never run" in bare.stdout) != script.endswith(("_cpu.sh", "_onnx.sh"))
    assert not workshop.calls()


@pytest.mark.parametrize(
    "script", [".ci/run", "scripts/run_tests.sh", "ascend310_infer/get_dependencies.sh", "ascend310_infer/build.sh"]
)
def test_a_link_to_a_script_of_developers_finds_what_lies_beside_it(tmp_path, script):
    (tmp_path / "link").symlink_to(os.path.relpath(ROOT / script, tmp_path.resolve()))
    nowhere = {"MINDSPORE_LITE_HOME": str(tmp_path / "nowhere"), "OPENVINO_DIR": str(tmp_path / "nowhere")}
    result = subprocess.run(
        ["bash", "link"], cwd=tmp_path, env={**os.environ, **nowhere}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert re.match(r"error: (there is no folder |missing: |OPENVINO_DIR=)", result.stderr), result.stderr


@pytest.mark.parametrize("script", INTERFACES)
def test_arguments_that_are_wrong_are_named_together(workshop, script):
    wrong = ["no/such/thing" if name == "[PRE_TRAINED]" else "-1" for name in INTERFACES[script].split()]
    result = workshop.run(script, *wrong, "surplus")
    assert result.returncode == 2
    names = [name.strip("[]") for name in INTERFACES[script].split()]
    faults = [*(name for name in names if name not in MADE), "unexpected argument: surplus"]
    assert re.findall(r"^error: (unexpected .*|\w+)", result.stderr, re.MULTILINE) == faults
    assert not workshop.calls()


def test_weights_that_are_missing_are_answered_with_how_to_make_them(workshop):
    script = "run_standalone_train_cpu.sh"
    result = workshop.run(script, *arguments_of(script), "resnet18.ckpt")
    assert result.returncode == 2 and not workshop.calls()
    assert re.search(
        r"error: PRE_TRAINED: there is no file .*/resnet18\.ckpt; .*python -m src\.convert_checkpoint", result.stderr
    )


@pytest.mark.parametrize("script", INTERFACES)
def test_a_missing_argument_is_named(workshop, script):
    result = workshop.run(script, *arguments_of(script)[:-1])
    required = [name for name in INTERFACES[script].split() if not name.startswith("[")]
    assert result.returncode == 2
    assert f"error: {required[-1]} is missing" in result.stderr


@pytest.mark.parametrize(
    "name", ["*", "?", "[", "-", "-n", "two words", "two\nlines\n", "[PRE_TRAINED]", "back\\slash", "$(id)"]
)
def test_any_name_is_taken_as_it_is(workshop, name):
    (workshop.folder / name).mkdir(exist_ok=True)
    words = ["--class_names", name, f"--system={name}", "--overwrite"]
    result = workshop.run("run_eval_onnx.sh", "net.onnx", name, "val.json", "--eval_output_dir", name, *words)
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert (options["--eval_img_dir"], options["--eval_output_dir"]) == (workshop.path(name), workshop.path(name))
    assert call[1:6] == ["--class_names", name, "--system", name, "--overwrite"]
    assert (workshop.folder / name / "console.log").read_text() == "eval.py speaks\n"


@pytest.mark.parametrize("name", ["eval *", "two\nlines\n"])
def test_any_name_is_taken_from_the_options(workshop, name):
    (workshop.folder / name).mkdir(exist_ok=True)
    script = "run_standalone_train_cpu.sh"
    words = ["--unlabelled_img_dir", name, "--eval_img_dir", name, "--eval_ann_file", "val.json"]
    result = workshop.run(script, *arguments_of(script), *words)
    assert result.returncode == 0, result.stderr
    _, check, _, score, *_ = map(options_of, workshop.calls())
    assert (check["--unlabelled_img_dir"], score["--eval_img_dir"]) == (name, name)


@pytest.mark.parametrize("script", [name for name in INTERFACES if "train_model" in name])
def test_a_single_training_run(workshop, script):
    device = {"cpu": "CPU", "gpu": "GPU", "ascend": "Ascend"}.get(script.split("_")[-1][:-3], "GPU")
    result = workshop.run(script, *arguments_of(script, optional=True), "--max_iter=7", "--milestones", "3,5")
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert options["--device_target"] == device
    assert options["--train_img_dir"] == workshop.path("images")
    assert options["--train_ann_file"] == workshop.path("train.json")
    assert options["--save_checkpoint_path"] == workshop.path("out put")
    assert options["--pre_trained"] == workshop.path("net.ckpt")
    assert options["--max_iter"] == "7"
    assert options["--milestones"] == "3,5"
    assert "speaks" in (workshop.folder / "out put" / "console.log").read_text()
    if "standalone" in script:
        assert call[0] == "train.py"
        assert options["--device_id"] == "3"
    else:
        assert call[0] == MSRUN
        assert {"--worker_num=8", "--local_worker_num=8"} < set(call)
        assert f"--log_dir={workshop.path('out put/worker_logs')}" in call
        assert (f"--rank_table_file={workshop.path('rank table.json')}" in call) == (device == "Ascend")
        assert call.index(str(ROOT / "train.py")) < call.index("--device_target")
        assert options["--run_distribute"] == "true"


@pytest.mark.parametrize("script", [name for name in INTERFACES if "TRAIN_ANN ORI_ANN" in INTERFACES[name]])
def test_both_stages_in_order(workshop, script):
    train = "train.py" if "standalone" in script else MSRUN
    device = "3" if "DEVICE_ID" in INTERFACES[script] else "0"
    before = fingerprint(workshop.folder)
    options = ("--unlabelled_img_dir", "more", "--max_iter", "9", "--burn_up_iter", "3", "--warmup_step", "2")
    result = workshop.run(script, *arguments_of(script), *EVALUATION, *options)
    assert result.returncode == 0, result.stderr

    programs = [*CHECKS, train, "eval.py", "infer.py", "sorted_values.py", "pick_select.py", train, "eval.py"]
    assert workshop.programs() == programs
    _, check, first, first_eval, infer, rank, pick, second, second_eval = map(options_of, workshop.calls())
    assert check == {
        "--ann_file": workshop.path("full.json"),
        "--combine_ann_file": workshop.path("train.json"),
        "--pick_ratio": "60",
        "--img_dir": workshop.path("images"),
        "--unlabelled_img_dir": "more",
    }
    stage_1, stage_2 = workshop.path("out put/first_stage"), workshop.path("out put/second_stage")
    for options, folder in ((first, stage_1), (second, stage_2)):
        assert options["--save_checkpoint_path"] == folder
        assert options["--max_iter"] == "9"
        assert options["--eval_img_dir"] == "eval images"
        assert options["--unlabelled_img_dir"] == "more"
    assert first["--train_ann_file"] == infer["--train_ann_file"] == workshop.path("train.json")
    assert second["--train_ann_file"] == pick["--output_ann_file"] == f"{stage_1}/new_ann_file.json"
    for options, folder in ((first_eval, stage_1), (second_eval, stage_2)):
        assert options["--checkpoint_path"] == f"{folder}/model_0.ckpt"
        assert (options["--eval_img_dir"], options["--eval_ann_file"]) == ("eval images", "val.json")
        assert options["--eval_output_dir"] == f"{folder}/eval"
    assert infer["--checkpoint_path"] == f"{stage_1}/model_0.ckpt"
    assert infer["--train_img_dir"] == workshop.path("images")
    assert infer["--unlabelled_img_dir"] == "more"
    assert infer["--device_id"] == first_eval["--device_id"] == device
    assert infer["--max_iter"] == first_eval["--max_iter"] == "9"  # one configuration for all programs
    assert rank["--infer_json"] == infer["--eval_output_dir"] + "/infer_results.json"
    assert pick["--top_value_file"] == rank["--exp_dir"] + "/top_value_data.json"
    assert (pick["--ann_file"], pick["--combine_ann_file"]) == (workshop.path("full.json"), workshop.path("train.json"))
    assert (pick["--pick_ratio"], pick["--img_dir"]) == ("60", workshop.path("images"))
    assert result.stdout.splitlines()[-2:] == ["first_stage      0.250     n/a", "second_stage     0.250     n/a"]

    after = fingerprint(workshop.folder)
    assert before.items() <= after.items()  # nothing deleted, nothing changed
    assert all(name.startswith("out put/") for name in after.keys() - before.keys())


@pytest.mark.parametrize("script", ["run_standalone_train_cpu.sh", "run_rounds_cpu.sh"])
def test_a_stopped_job_says_how_to_continue_all_of_it(workshop, tmp_path, script):
    words = arguments_of(script)
    if "rounds" in script:
        words += ["--ori_ann", "full.json", "--pick_ratio", "40"]
    stopped = workshop.run(script, *words, STUB_STOPS="train.py")
    assert stopped.returncode == 128 + 15, stopped.stderr
    *_, sentence, command = stopped.stdout.splitlines()
    assert sentence == "the whole job, not only its training, is continued with"
    before = workshop.programs()
    assert before[-1] == "train.py"
    environment = {**os.environ, "VENV": str(workshop.environment)}
    again = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert workshop.programs()[len(before) :].count("train.py") == 2
    assert command.endswith(" --resume") == ("rounds" not in script)


def test_a_job_that_the_demonstration_sources_names_the_script_that_continues_it(workshop):
    script = ROOT / "scripts" / "run_standalone_train_cpu.sh"
    demo = workshop.folder / "demo.sh"
    demo.write_text(f'set -- {" ".join(map(shlex.quote, arguments_of(script.name)))}\nsource {script} "$@"\n', "utf-8")
    stopped = workshop.run(str(demo), STUB_STOPS="train.py")
    words = shlex.split(stopped.stdout.splitlines()[-1])
    assert words == ["cd", str(workshop.folder), "&&", "bash", str(script), *arguments_of(script.name), "--resume"]


def test_a_demonstration_that_was_stopped_is_continued_with_its_page(workshop, tmp_path):
    root = tmp_path / "a tree"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    for path in (ROOT / "src", ROOT / "configs", *ROOT.glob("*.py")):
        (root / path.name).symlink_to(path)
    data = root / "demo_output" / "data"
    for folder in ("train/images", "val/images"):
        (data / folder).mkdir(parents=True)
    for name in ("train.json", "train_25.json", "val.json"):
        (data / name).write_text("{}")
    demo = str(root / "scripts/run_demo_cpu.sh")
    assert workshop.run(demo, "--resume", "elsewhere").returncode == 2
    stopped = workshop.run(demo, "--resume", "demo_output", STUB_STOPS="train.py")
    assert stopped.returncode == 128 + 15, stopped.stderr
    command = stopped.stdout.splitlines()[-1]
    assert shlex.split(command)[2:] == ["&&", "bash", "scripts/run_demo_cpu.sh", "--resume", "demo_output"]
    environment = {**os.environ, "VENV": str(workshop.environment)}
    again = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert workshop.programs()[-1] == "src.evaluation.page" and (root / "demo_output/run/report.html").exists()
    assert again.stdout.splitlines()[-1] == f"Open it in a browser: {root}/demo_output/run/report.html"


def test_the_demonstration_takes_no_arguments(workshop):
    result = workshop.run("run_demo_cpu.sh", "demo_output/data/train/images", "--resume")
    assert result.returncode == 2
    assert result.stderr.startswith(
        "error: unexpected argument: demo_output/data/train/images; the demonstration takes none"
    )
    assert not (workshop.folder / "demo_output").exists() and not workshop.programs()


def test_a_resumed_job_goes_on_where_it_stopped(workshop):
    script = "run_standalone_train_cpu.sh"
    first = workshop.folder / "out put" / "first_stage"

    def programs(*options: str, fails: str = "") -> list[str]:
        """Run the job again; what was started, with a + for --resume and a ! for --overwrite."""
        for output in ("model_0.ckpt", "eval/metrics.json"):  # the stand-in refuses to write twice
            (first / output).unlink(missing_ok=True)
        done = len(workshop.calls())
        result = workshop.run(script, *arguments_of(script), *EVALUATION, *options, STUB_FAILS=fails)
        assert (result.returncode == 0) == (not fails), result.stderr
        marks = {"--resume": "+", "--overwrite": "!"}
        return [call[0] + "".join(marks.get(word, "") for word in call) for call in workshop.calls()[done:]]

    assert programs(fails="infer.py") == [*CHECKS, "train.py", "eval.py", "infer.py"]
    (first / "config.yaml").write_text("")
    stopped = programs("--resume", fails="pick_select.py")
    assert stopped == [*CHECKS, "train.py+", "eval.py!", "infer.py!", "sorted_values.py!", "pick_select.py+!"]
    assert programs("--resume", fails="pick_select.py") == ["pick_select.py+!"]  # trained and ranked: kept
    options = options_of(workshop.calls()[-1])
    assert options["--top_value_file"] == str(first / "new_ann_file_selection" / "top_value_data.json")
    assert options["--used_by"] == workshop.path("out put/second_stage") and options["--pick_ratio"] == "60"
    assert "--resume_anyway" not in workshop.calls()[-1]

    assert programs("--resume", "--resume_anyway") == ["pick_select.py+!", "eval.py!", "train.py", "eval.py!"]
    assert "--resume_anyway" in workshop.calls()[-4]


def test_without_evaluation_data_nothing_is_scored(workshop):
    script = "run_standalone_train_cpu.sh"
    result = workshop.run(script, *arguments_of(script), "--pick_ratio", "40", "--strategy", "entropy", "--policy=2")
    assert result.returncode == 0, result.stderr
    assert "eval.py" not in workshop.programs()
    assert "pass --eval_img_dir and --eval_ann_file" in result.stdout
    check_rank, check_pick, train, _, rank, pick, _ = map(options_of, workshop.calls())
    assert check_pick["--pick_ratio"] == pick["--pick_ratio"] == "40"
    assert check_rank["--strategy"] == rank["--strategy"] == "entropy"
    assert check_pick["--policy"] == pick["--policy"] == "2"
    assert not {"--pick_ratio", "--strategy", "--policy"} & set(train)


def test_strategies_get_the_files_they_need(workshop):
    script = "run_standalone_train_cpu.sh"
    more = ("--strategy", "ppal", "--seed", "4", "--at_least", "cat=3", "dog=2")
    assert workshop.run(script, *arguments_of(script), *more).returncode == 0
    _, _, train, infer, rank, pick, _ = map(options_of, workshop.calls())
    assert (
        infer["--features"] == "true" and rank["--features_file"] == infer["--eval_output_dir"] + "/infer_features.npz"
    )
    assert rank["--seed"] == pick["--seed"] == "4" and rank["--pick_ratio"] == pick["--pick_ratio"]
    assert rank["--combine_ann_file"] == infer["--train_ann_file"]
    assert not {"--features", "--at_least", "--seed"} & set(train)

    done = len(workshop.calls())
    again = (*arguments_of(script)[:-1], "again", "--strategy", "disagreement")
    refused = workshop.run(script, *again)
    assert refused.returncode == 2 and "pass --second_checkpoint FILE" in refused.stderr
    assert all(call[0].startswith("check") for call in workshop.calls()[done:])
    done = len(workshop.calls())
    assert workshop.run(script, *again, "--second_checkpoint", "student.ckpt").returncode == 0
    _, _, _, infer, rank, *_ = map(options_of, workshop.calls()[done:])
    assert infer["--second_checkpoint"] == "student.ckpt"
    assert rank["--second_infer_json"] == infer["--eval_output_dir"] + "/infer_results_second.json"


def test_evaluation_data_of_the_config_file_are_used(workshop):
    script, leaf = "run_standalone_train_cpu.sh", workshop.folder / "leaf.yaml"
    leaf.write_text("eval_img_dir: eval images\neval_ann_file: val.json\n")
    result = workshop.run(script, *arguments_of(script), "--config_path", "leaf.yaml")
    assert result.returncode == 0, result.stderr
    scored = [options_of(call) for call in workshop.calls() if call[0] == "eval.py"]
    assert [(call["--eval_img_dir"], call["--eval_ann_file"]) for call in scored] == [("eval images", "val.json")] * 2
    assert result.stdout.splitlines()[-1].split() == ["second_stage", "0.250", "n/a"]

    done = len(workshop.calls())
    leaf.write_text("eval_img_dir: nowhere\neval_ann_file: val.json\n")
    result = workshop.run(script, *arguments_of(script)[:-1], "again", "--config_path", "leaf.yaml")
    assert (result.returncode, len(workshop.calls())) == (2, done)
    assert "eval_img_dir: there is no folder nowhere" in result.stderr


def test_a_file_in_place_of_the_folder_of_images_is_told_with_the_order_of_the_arguments(workshop):
    result = workshop.run("run_standalone_train_model.sh", "CPU", "0", "val.json", "eval images", "out")
    assert (result.returncode, workshop.calls()) == (2, [])
    assert "DATA_ROOT: " in result.stderr and "val.json is a file, not the folder of the images" in result.stderr
    assert "TARGET DEVICE_ID DATA_ROOT ANN OUTPUT_DIR" in result.stderr


@pytest.mark.parametrize(
    ("script", "left_out"),
    [("run_standalone_train_gpu.sh", 0), ("run_eval_ascend.sh", 0), ("run_standalone_train_model.sh", 1)],
)
def test_a_device_that_is_forgotten_is_one_error(workshop, script, left_out):
    """The arguments behind it would be taken for others."""
    words = arguments_of(script)
    name = INTERFACES[script].split()[left_out]
    value = words[left_out + 1]
    result = workshop.run(script, *words[:left_out], *words[left_out + 1 :])
    assert (result.returncode, workshop.calls()) == (2, [])
    assert result.stderr.startswith(f"error: {name} is missing: '{value}' is a file or folder\nusage: bash ")
    assert result.stderr.count("error: ") == 1


def test_a_folder_in_the_place_of_a_checkpoint_is_told_with_the_one_in_it(workshop):
    (workshop.folder / "first").mkdir()
    (workshop.folder / "first/best_model.ckpt").write_text("")
    words = arguments_of("run_eval_cpu.sh")
    words[INTERFACES["run_eval_cpu.sh"].split().index("CKPT")] = "first"
    trained = arguments_of("run_standalone_train_cpu.sh")
    for name, script, given in (("CKPT", "eval", words), ("PRE_TRAINED", "standalone_train", [*trained, "first"])):
        result = workshop.run(f"run_{script}_cpu.sh", *given)
        first = workshop.path("first")
        told = f"error: {name}: {first} is a folder, not a file; give a checkpoint in it, such as {first}/best_model.ckpt\n"
        assert result.returncode == 2 and result.stderr.startswith(told) and result.stderr.count("error: ") == 1


def test_the_best_network_is_preferred(workshop):
    first = workshop.folder / "out put" / "first_stage"
    first.mkdir(parents=True)
    (first / "best_model.ckpt").write_text("")
    script = "run_standalone_train_cpu.sh"
    workshop.run(script, *arguments_of(script), *EVALUATION)
    checkpoints = [options_of(call).get("--checkpoint_path", "") for call in workshop.calls()]
    assert [Path(path).name for path in checkpoints if path] == ["best_model.ckpt", "best_model.ckpt", "model_0.ckpt"]


@pytest.mark.parametrize("script", ["run_standalone_train_cpu.sh", "run_distribute_train_ascend.sh"])
@pytest.mark.parametrize(
    "failing", ["check pick_select.py", "train", "eval.py", "infer.py", "sorted_values.py", "pick_select.py"]
)
def test_a_failure_stops_the_job(workshop, script, failing):
    if failing == "train":
        failing = "train.py" if "standalone" in script else MSRUN
    result = workshop.run(script, *arguments_of(script), *EVALUATION, STUB_FAILS=failing)
    assert result.returncode != 0
    assert workshop.programs()[-1] == failing
    assert workshop.programs().count(failing) == 1


def test_a_failure_on_several_devices_has_the_status_of_the_launcher_and_old_logs_stay(workshop):
    script = "run_distribute_train_model_cpu.sh"
    for name in ("worker_logs", "worker_logs_2"):
        result = workshop.run(script, *arguments_of(script), STUB_FAILS=MSRUN, DEVICE_NUM="2")
        assert (result.returncode, result.stderr) == (3, "")
        assert f"--log_dir={workshop.path(f'out put/{name}')}" in workshop.calls()[-1]
        assert (workshop.folder / "out put" / name).is_dir()
    assert "--worker_num=2" in workshop.calls()[0]


@pytest.mark.parametrize("number", ["none", "0", "-1", "1.0", "10000", "9" * 30])
def test_device_number_is_checked(workshop, number):
    script = "run_distribute_train_model_gpu.sh"
    result = workshop.run(script, *arguments_of(script), DEVICE_NUM=number)
    assert (result.returncode, workshop.calls()) == (2, [])
    assert result.stderr == f"error: DEVICE_NUM must be a whole number from 1 to 9999, not '{number}'\n"


@pytest.mark.parametrize("script", ["run_eval_cpu.sh", "run_eval_gpu.sh", "run_eval_ascend.sh"])
def test_evaluation(workshop, script):
    result = workshop.run(script, *arguments_of(script), "--draw_pics", "true")
    assert result.returncode == 0, result.stderr
    (call,) = workshop.calls()
    options = options_of(call)
    assert options["--device_target"].lower() == script[len("run_eval_") : -len(".sh")]
    assert options["--device_id"] == ("0" if "cpu" in script else "3")
    assert options["--checkpoint_path"] == workshop.path("net.ckpt")
    assert options["--eval_img_dir"] == workshop.path("eval images")
    assert options["--eval_ann_file"] == workshop.path("val.json")
    assert options["--eval_output_dir"] == workshop.path("net_eval")
    assert options["--draw_pics"] == "true"


def test_evaluation_of_an_exported_model(workshop):
    workshop.run("run_eval_onnx.sh", *arguments_of("run_eval_onnx.sh"), "--num_parallel_workers", "3")
    (call,) = workshop.calls()
    options = options_of(call)
    assert call[0] == "eval.py" and not {"--checkpoint_path", "--device_target"} & set(call)
    assert options["--model"] == workshop.path("net.onnx")
    assert options["--eval_img_dir"] == workshop.path("eval images")
    assert options["--eval_ann_file"] == workshop.path("val.json")
    assert options["--eval_output_dir"] == workshop.path("net_eval")
    assert options["--num_parallel_workers"] == "3"


def test_full_stops_of_folders_are_no_endings(workshop):
    folder = workshop.folder / "v1.2 of me"
    folder.mkdir()
    (folder / "net").touch()
    workshop.run("run_eval_onnx.sh", str(folder / "net"), *arguments_of("run_eval_onnx.sh")[1:])
    (call,) = workshop.calls()
    assert options_of(call)["--eval_output_dir"] == str(folder / "net_eval")


@pytest.mark.parametrize(
    "script", [name for name in INTERFACES if "distribute_train" in name and "ascend" not in name and "/" not in name]
)
def test_what_the_environment_exports_is_no_argument(workshop, script):
    names = ("RANK_TABLE", "RANK_TABLE_FILE", "PRE_TRAINED", "DEVICE_ID")
    result = workshop.run(script, *arguments_of(script), **dict.fromkeys(names, "/from/elsewhere"))
    assert result.returncode == 0, result.stderr
    assert "elsewhere" not in str(workshop.calls())


@pytest.mark.parametrize("place", range(3))
def test_the_new_annotation_file_never_replaces_an_input(workshop, place):
    script = "select_valuable_sample.sh"
    words = arguments_of(script)
    words[3] = words[place]
    result = workshop.run(script, *words, "--overwrite")
    assert result.returncode == 2 and "is an input, which would be replaced" in result.stderr
    words[3] = "images"
    result = workshop.run(script, *words, "--overwrite")
    assert result.returncode == 2 and "images is a folder" in result.stderr
    assert not workshop.calls()


def test_a_folder_in_place_of_the_log_or_a_file_in_place_of_the_folder_is_told(workshop):
    words = [workshop.path(name) for name in ("net.ckpt", "eval images", "val.json")]
    for name in ("full.json", "out"):
        (workshop.folder / "out" / "console.log").mkdir(parents=True, exist_ok=True)
        result = workshop.run("run_eval_cpu.sh", *words, "--eval_output_dir", name)
        assert result.returncode == 2 and result.stderr.startswith(f"error: {workshop.path(name)}")
        assert not workshop.calls() and "\n" not in result.stderr.removesuffix("\n")


def test_selection_alone(workshop):
    script = "select_valuable_sample.sh"
    result = workshop.run(script, *arguments_of(script), "--pick_ratio", "35")
    assert result.returncode == 0, result.stderr
    _, check, infer, _, pick = map(options_of, workshop.calls())
    assert check["--pick_ratio"] == "35"
    assert infer["--train_img_dir"] == workshop.path("images")
    assert (infer["--device_target"], infer["--device_id"]) == ("GPU", "3")
    assert pick["--output_ann_file"] == workshop.path("new labels.json")
    assert pick["--pick_ratio"] == "35"

    again = workshop.run(script, *arguments_of(script))
    assert again.returncode == 2
    assert "new labels.json already exists" in again.stderr
    assert len(workshop.calls()) == 5

    resumed = workshop.run(script, *arguments_of(script), "--resume")
    assert resumed.returncode == 0, resumed.stdout
    (last,) = workshop.calls()[5:]
    assert last[0] == "pick_select.py" and "--resume" in last and "--used_by" not in last
    assert f"kept from before: {workshop.path('new labels_selection/top_value_data.json')}" in resumed.stdout


@pytest.mark.parametrize(("words", "wanted"), [(["--overwrite"], True), (["--overwrite", "FALSE"], False)])
def test_overwriting_is_told_to_every_program(workshop, words, wanted):
    script = "select_valuable_sample.sh"
    workshop.run(script, *arguments_of(script), *words)
    *checks, infer, rank, pick = workshop.calls()
    assert not any("--overwrite" in check for check in checks)
    assert infer[1 : 1 + len(words)] == words
    assert (rank[-1] == "--overwrite") == (pick[-1] == "--overwrite") == wanted


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        ("run_standalone_train_cpu.sh", ["--pick_ratio", "--max_iter", "3"], "--pick_ratio needs a value"),
        ("run_standalone_train_cpu.sh", ["--eval_img_dir", "images"], "give both or neither, got eval_img_dir images"),
        ("run_standalone_train_cpu.sh", ["--eval_ann_file", "val.json"], "give both or neither, got eval_ann_file"),
        ("run_standalone_train_cpu.sh", [*EVALUATION, "--eval_img_dir=nowhere"], "there is no folder nowhere"),
        ("run_standalone_train_cpu.sh", ["--resume", "out put"], "--resume must be true or false, not 'out put'"),
        ("run_rounds_cpu.sh", ["--budget_images", "2", "--labels"], "--labels needs a value"),
        (
            "run_rounds_cpu.sh",
            ["--budget_images", "2", "--labels", "images", "--labels", "nowhere"],
            "no file or folder nowhere",
        ),
        ("run_rounds_cpu.sh", ["--budget_images", "2", "--annotator", "--all_reviewed"], "--annotator needs a value"),
    ],
)
def test_options_that_cannot_be_right(workshop, script, options, message):
    result = workshop.run(script, *arguments_of(script), *options)
    assert result.returncode == 2
    assert message in result.stderr
    assert not workshop.calls()


def test_a_folder_of_temporary_files_that_is_full_is_no_matter(workshop):
    script = "run_standalone_train_model.sh"
    result = workshop.run(script, *arguments_of(script), TMPDIR="/nowhere")
    assert (result.returncode, result.stderr) == (0, "") and workshop.programs() == ["train.py"]


OF_GROUPS = {"selection": "--budget_hours", "labelling": "--annotator", "cpp": "--threads"}


def groups_of(script: str) -> set[str]:
    """The groups of options that a script takes beside the settings of the programs."""
    if "infer" in script:
        return {"cpp"}
    if "_rounds_" in script:
        return {"selection", "labelling"}
    return {"selection"} if INTERFACES[script].endswith(TWO_STAGE) or script.startswith("select") else set()


@pytest.mark.parametrize("script", [name for name in INTERFACES if not name.endswith(("_gpu.sh", "_ascend.sh"))])
def test_options_of_another_launch_script_are_refused_at_once(workshop, coco, script):
    others = [option for group, option in OF_GROUPS.items() if group not in groups_of(script)]
    words = [word for option in OF_GROUPS.values() for word in (option, "1")]
    result = workshop.run(script, *arguments_of(script), *words, STUB_REAL_OPTIONS="1")
    assert result.returncode == 2 and not workshop.calls()
    told = re.findall(r"command line: (--\w+) is an option of .*, not of this script; leave it out", result.stderr)
    assert told == others


@pytest.mark.parametrize(
    ("script", "options"),
    [
        (
            "run_standalone_train_cpu.sh",
            {
                "train_img_dir": "the argument DATA_ROOT of this",
                "train_ann_file": "the argument TRAIN_ANN of this",
                "save_checkpoint_path": "the argument OUTPUT_DIR of this",
                "checkpoint_path": "the argument OUTPUT_DIR of this",
                "device_target": "the choice of the launch",
            },
        ),
        (
            "run_standalone_train_model.sh",
            {"device_target": "the argument TARGET of this", "device_id": "the argument DEVICE_ID of this"},
        ),
        (
            "run_rounds_cpu.sh",
            {"train_ann_file": "the argument TRAIN_ANN of this", "run_distribute": "the choice of the launch"},
        ),
        (
            "select_valuable_sample.sh",
            {"checkpoint_path": "the argument CKPT of this", "eval_output_dir": "the argument NEW_ANN of this"},
        ),
        ("run_eval_cpu.sh", {"eval_ann_file": "the argument EVAL_ANN of this"}),
        ("run_eval_onnx.sh", {"model": "the argument MODEL of this"}),
    ],
)
def test_options_that_would_contradict_the_arguments_are_refused_at_once(workshop, script, options):
    words = [word for option in options for word in (f"--{option}", "1")]
    result = workshop.run(script, *arguments_of(script), *words, STUB_REAL_OPTIONS="1")
    assert result.returncode == 2 and not workshop.calls()
    told = [f"command line: --{option} is set by {by} script; leave it out" for option, by in options.items()]
    assert result.stderr == "error: " + "\n".join(told) + "\n"


@pytest.mark.parametrize("script", ["faster_rcnn/run_standalone_train_cpu.sh", "run_eval_cpu.sh"])
def test_options_in_place_of_defaults_are_taken(workshop, coco, script):
    option = "--train_ann_file" if "train" in script else "--eval_output_dir"
    result = workshop.run(script, *arguments_of(script), option, "some.json", STUB_REAL_OPTIONS="1")
    assert result.returncode == 0 and workshop.calls()


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("run_rounds_cpu.sh", ("images", "train.json", "val.json/out", "--budget_images", "2")),
        ("run_standalone_train_model.sh", ("CPU", "0", "images", "train.json", "val.json/out")),
    ],
)
def test_an_output_folder_that_cannot_be_made_is_named_with_the_reason_of_the_system_at_once(
    workshop, script, arguments
):
    result = workshop.run(script, *arguments)
    assert result.returncode == 2 and workshop.calls() == []
    folder = workshop.folder / "val.json/out"
    assert result.stderr == f"error: {folder}: cannot be made: Not a directory; choose another folder\n"


@pytest.mark.parametrize("there", [True, False], ids=["the folder", "a folder above it"])
@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("run_rounds_cpu.sh", ("images", "train.json", "mounted/out", "--budget_images", "2")),
        ("run_standalone_train_cpu.sh", ("images", "train.json", "full.json", "mounted/out")),
    ],
)
def test_a_folder_that_is_mounted_read_only_is_refused_at_once_for_root_too(workshop, script, arguments, there):
    """Permissions do not bind root, who may write to any other folder."""
    mounted = workshop.folder / "mounted"
    (mounted / "out" if there else mounted).mkdir(parents=True)
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    apart = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, mounted]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounts are not allowed here")
    result = workshop.run(script, *arguments, before=apart)
    assert result.returncode == 2 and workshop.calls() == []
    fault = "written" if there else "made"
    assert (
        result.stderr == f"error: {mounted / 'out'}: cannot be {fault}: Read-only file system; choose another folder\n"
    )
