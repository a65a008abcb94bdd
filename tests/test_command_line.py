"""Every program says its version, one that the project's checkpoints and the C++ program share."""

import argparse
import importlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import sorted_values
from src import __version__
from src.command_line import (
    any_count,
    parse_names,
    percent,
    positive_count,
    positive_number,
    program_parser,
    seed,
    spell_names,
    to_paste,
)
from src.data.formats.reading import require_coco
from src.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
FOR_DEVELOPERS = {"src.config.base_file"}  # without options: it writes configs/base.yaml anew
PROGRAMS = (
    *("train", "eval", "infer", "export", "modelarts", "random_select", "sorted_values", "pick_select"),
    *("first_pick", "export_tasks", "import_labels"),
    *("src.split_data", "src.xml2coco", "src.convert_checkpoint", "src.data.doctor", "src.data.synthetic"),
    *("src.evaluation.page", "src.report.rounds.round_page", "src.recipe.__main__", "src.active.learning_curve"),
)


def test_an_error_does_not_drown_in_a_usage_of_hundreds_of_options():
    words = [sys.executable, str(ROOT / "train.py"), "--max_iter"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "train.py: error: argument --max_iter: expected one argument\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_its_version(program, capsys):
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(program).main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_a_real_start_says_it_too():
    done = subprocess.run(
        [sys.executable, "random_select.py", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{__version__}\n"


def test_the_changelog_begins_with_this_version():
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first[1] == __version__


def test_no_program_is_left_out():
    starts = [
        file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for file in (*ROOT.glob("*.py"), *(ROOT / "src").rglob("*.py"))
        if 'if __name__ == "__main__":' in file.read_text(encoding="utf-8")
    ]
    assert sorted(starts) == sorted({*PROGRAMS, *FOR_DEVELOPERS})


def test_a_command_to_paste_names_this_python_and_a_program_that_is_found_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert shlex.split(to_paste("export_tasks.py", "--img_dir", Path("my photos")))[1:] == [
        *("export_tasks.py", "--img_dir", "my photos")
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    python, program = shlex.split(to_paste("export_tasks.py"))
    assert (python, program) == (sys.executable, str(ROOT / "export_tasks.py"))
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert shlex.split(to_paste("export_tasks.py"))[0] == "python"


@pytest.mark.parametrize(
    ("program", "words", "meant"),
    [
        ("random_select", ["--ann-file", "a.json"], "--ann-file: did you mean --ann_file?"),
        ("random_select", ["--ratio=25"], "--ratio: did you mean --label_ratio?"),
        ("pick_select", ["--ann_file", "a.json", "--pick_ratio", "3", "--budget_image", "9"], "--budget_images?"),
        ("export_tasks", ["--eval_json", "a.json"], "--eval_infer_json"),
        ("import_labels", ["--label", "a"], "--label: did you mean --labels?"),
        ("src.data.doctor", ["--annotation_file", "a"], "--ann_file?"),
        ("train", ["--config", "a.yaml"], "unknown key 'config'; did you mean config_path?"),
        ("src.recipe.__main__", ["--output", "a", "--label_ratoi", "a"], "unknown key 'label_ratoi'"),
    ],
)
def test_a_misspelt_option_is_answered_with_the_nearest_one(program, words, meant, capsys):
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(program).main(words)
    assert stopped.value.code == 2
    assert meant in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--infer_json", ""], ["--infer_json", "a.json", "--exp_dir", ""]])
def test_an_empty_path_is_not_the_current_folder(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        sorted_values.main(words)
    assert stopped.value.code == 2
    assert f"argument {words[-2]}: is empty, expected a path" in capsys.readouterr().err


@pytest.mark.parametrize("path", [".", "/"])
def test_a_folder_in_place_of_a_file_is_one_line(path, capsys):
    with pytest.raises(SystemExit) as stopped:
        sorted_values.main(["--infer_json", path])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (positive_number, "0,5", "'0,5': must be a number above 0; decimals have a point"),
        (positive_number, "inf", "inf: must be a finite number above 0"),
        (percent, "half", "'half': must be 0 to 100 percent"),
        (positive_count, "2.5", "'2.5': must be a whole number from 1 to 2147483647"),
    ],
)
def test_what_is_no_number_is_answered_with_what_is(kind, text, words, capsys):
    parser = program_parser("A program.")
    parser.add_argument("--much", type=kind)
    with pytest.raises(SystemExit):
        parser.parse_args(["--much", text])
    assert capsys.readouterr().err.endswith(f"argument --much: {words}\n")


def test_class_names_are_words_lists_or_a_file_of_lines(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_bytes("\ufeffbus, truck\r\ngröße\r\n\n".encode())
    assert parse_names([str(file)]) == ("bus, truck", "größe")
    assert parse_names(["cat,dog", "bird"]) == ("cat", "dog", "bird")
    assert parse_names([spell_names(["a.txt", "b"]).strip("'")]) == ("a.txt", "b")
    with pytest.raises(
        UserError,
        match=r"--classes: .*nowhere\.txt, which should hold a class name per line: cannot be read: No such file",
    ):
        parse_names([str(tmp_path / "nowhere.txt")], "classes")


def test_the_command_that_converts_keeps_names_with_commas(tmp_path):
    (tmp_path / "labels.txt").touch()
    with pytest.raises(UserError) as refused:
        require_coco(tmp_path / "labels.txt", None, ("bus, truck", "car"))
    words = shlex.split(str(refused.value).partition(":  ")[2])
    assert parse_names([words[words.index("--class_names") + 1]]) == ("bus, truck", "car")


@pytest.mark.parametrize("kind", [positive_count, any_count, seed, positive_number, percent])
@pytest.mark.parametrize("text", ["", "x", "\uff13", "1_0", "1e", "\u0663"])
def test_numbers_are_spelt_in_ascii_and_others_are_refused_in_words(kind, text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be "):
        kind(text)
    assert kind("3") == 3


@pytest.mark.parametrize(
    "words",
    [
        (
            "random_select",
            "--ann_file {}/a.json --img_dir {} --label_ratio 50 --output_ann_file {}/b.json --class_names",
        ),
        ("first_pick", "--img_dir {} --output_ann_file {}/b.json --class_names"),
        ("export_tasks", "--picked_file {}/a.txt --img_dir {} --format yolo --output_dir {}/tasks --class_names"),
        ("src.xml2coco", "--data_path {} --save_path {}/b.json --classes"),
    ],
)
def test_the_background_alone_is_no_class_for_any_program(words, tmp_path, capsys):
    program, options = words
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").mkdir()
    image = {"id": 1, "file_name": "a.png", "width": 8, "height": 8}
    coco = {"images": [image], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "a.json").write_text(json.dumps(coco))
    (tmp_path / "a.txt").write_text("a.png\n")
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(program).main([*options.replace("{}", str(tmp_path)).split(), "background"])
    assert stopped.value.code == 2 and "no class to detect; name at least one" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1_0", "0x10", "٣", "yes"])
def test_numbers_of_every_program_are_decimal(text, capsys):
    for program, option in (
        ("random_select", "--label_ratio"),
        ("random_select", "--policy"),
        ("src.split_data", "--val_ratio"),
    ):
        with pytest.raises(SystemExit):
            importlib.import_module(program).main([option, text])
        assert f"argument {option}: '{text}': must be a " in capsys.readouterr().err
