"""`python -m src.recipe` and --config_path auto, as users meet them."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import first_pick
from src.config.load import default_settings, load_config
from src.data.synthetic import main as draw
from src.errors import UserError
from src.recipe.__main__ import main
from src.recipe.automatic import AutomaticLeaf
from src.xml2coco import main as convert

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> tuple[str, ...]:
    """Options that name a small set of drawn images."""
    folder = tmp_path_factory.mktemp("data")
    draw(["--out", str(folder), "--images", "8"])
    convert(["--data_path", str(folder), "--save_path", str(folder / "train.json"), "--overwrite"])
    return "--train_ann_file", str(folder / "train.json"), "--train_img_dir", str(folder / "images")


def test_the_leaf_is_read_by_train_with_the_given_options_in_it(data, tmp_path, capsys):
    leaf = tmp_path / "my.yaml"
    main([*data, "--output", str(leaf), "--hours", "0.5", "--anchor_scales", "5"])
    text = leaf.read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    config = load_config("", ["--config_path", str(leaf)])
    assert config.train_ann_file == data[1] and config.anchor_scales == (5,) and config.hours == 0.5
    assert config.burn_up_iter == config.max_iter  # nothing is unlabelled
    assert "8 labelled and 0 unlabelled images" in text and "COCO" in text


def test_too_few_hours_are_told_after_the_recipe_and_in_the_log_of_a_run(data, tmp_path, capsys):
    main([*data, "--output", str(tmp_path / "my.yaml"), "--hours", "0.0001"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("warning: max_iter: 1 of the ") and "Give more --hours" in last
    leaf = AutomaticLeaf()
    words = ["--config_path", "auto", *data, "--save_checkpoint_path", str(tmp_path / "run"), "--hours", "0.0001"]
    load_config("", words, automatic_leaf=leaf)
    assert leaf.write()[1:] == [last]


def test_nothing_is_overwritten_and_mistakes_are_named_together(data, tmp_path, capsys):
    leaf = tmp_path / "my.yaml"
    leaf.write_text("mine: 1\n")
    for words, told in (
        (["--output", str(leaf)], "exists already"),
        (["--output", str(tmp_path / "b.yaml"), "--hours", "-1", "--num_gt", "3"], "2 errors"),
        (["--output", str(tmp_path / "b.yaml"), "--config_path", "a.yaml"], "takes no leaf"),
        (["--output", str(tmp_path / "b.yaml"), "--eval_ann_file", data[1]], "eval_img_dir: missing; give the folder"),
        (["--output", str(tmp_path / "b.yaml"), "--pre_trained", "none.npz"], "none.npz: there is no such file"),
        (["--output", str(tmp_path / "b.yaml"), "--keep", "none.yaml"], "no file none.yaml"),
    ):
        with pytest.raises(SystemExit):
            main([*data, *words])
        assert told in capsys.readouterr().err
    assert leaf.read_text() == "mine: 1\n" and not (tmp_path / "b.yaml").exists()


def test_a_kept_recipe_that_somebody_has_edited_is_read_as_numbers(data, tmp_path):
    kept, leaf = tmp_path / "kept.yaml", tmp_path / "my.yaml"
    main([*data, "--output", str(kept)])
    text = kept.read_text(encoding="utf-8")
    kept.write_text(f"hours: '2'\nbase_lr: 1e-3\n{without(text, 'hours', 'base_lr')}", encoding="utf-8")
    main([*data, "--output", str(leaf), "--keep", str(kept)])
    config = load_config("", ["--config_path", str(leaf)])
    assert (config.hours, config.base_lr) == (2, 0.001)


def without(text: str, *keys: str) -> str:
    """A leaf without these keys."""
    return "\n".join(line for line in text.split("\n") if line.split(":")[0] not in keys)


def test_numbers_beyond_all_bounds_and_inputs_as_output_are_refused(data, tmp_path, capsys):
    labels, kept = Path(data[1]).read_bytes(), str(tmp_path / "kept.yaml")
    picture = str(next(path for path in sorted(Path(data[3]).rglob("*")) if path.is_file()))
    Path(kept).write_text("img_width: 64\n")
    for words, told in (
        (
            ["--output", str(tmp_path / "b.yaml"), "--runs", "1" + "0" * 400],
            "--runs: 10000000000000000000: must be 1 to",
        ),
        (["--output", str(tmp_path / "b.yaml"), "--devices", "0"], "--devices: 0: must be 1 to"),
        (["--output", data[1], "--overwrite"], "is the file of --train_ann_file, which would be replaced"),
        (["--output", picture, "--overwrite"], "is the file of --train_img_dir, which would be replaced"),
        (["--output", kept, "--keep", kept, "--overwrite"], "is the file of --keep, which would be replaced"),
        (["--output", str(tmp_path / "b.yaml"), "--pre_trained", kept], "is no file of weights by its suffix"),
    ):
        with pytest.raises(SystemExit):
            main([*data, *words])
        assert told in capsys.readouterr().err
    assert Path(data[1]).read_bytes() == labels


def test_without_labels_it_is_said_how_to_get_some(data, tmp_path, capsys):
    first_pick.main(["--img_dir", data[3], "--class_names", "face", "--output_ann_file", str(tmp_path / "all.json")])
    with pytest.raises(SystemExit):
        main(["--train_ann_file", str(tmp_path / "all.json"), *data[2:], "--output", str(tmp_path / "a.yaml")])
    assert "no labelled image; training needs at least one: first_pick.py chooses" in capsys.readouterr().err
    assert not (tmp_path / "a.yaml").exists()


def test_two_runs_share_the_hours_and_the_second_keeps_the_network(data, tmp_path, capsys):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    main([*data, "--output", str(first), "--hours", "2", "--runs", "2"])
    assert "batch_size: " in capsys.readouterr().out
    main([*data, "--output", str(second), "--keep", str(first), "--max_iter", "70"])
    said = capsys.readouterr().out
    assert said.startswith(f"written: {second}, with other values of ") and f" than in {first}\n" in said
    assert "max_iter 70 (was " in said and "batch_size" not in said, "what stays is not printed again"
    one, two = (yaml.safe_load(path.read_text()) for path in (first, second))
    assert one["hours"] == two["hours"] == 1 and "2 h, as given, for 2 runs" in first.read_text()
    assert two["max_iter"] == 70 and two["img_width"] == one["img_width"]


def test_a_fresh_interpreter_starts_without_mindspore():
    code = "import sys, src.recipe.__main__; sys.exit('mindspore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def call(data: tuple[str, ...], folder: Path, leaf: AutomaticLeaf, **more) -> dict:
    """The leaf of --config_path auto for a run in a folder."""
    given = {"train_ann_file": data[1], "train_img_dir": data[3]} | more
    return leaf(default_settings() | given | {"save_checkpoint_path": str(folder)}, given)


def test_a_run_writes_its_recipe_once_and_reads_it_when_it_is_resumed(data, tmp_path):
    leaf = AutomaticLeaf()
    chosen = call(data, tmp_path, leaf, max_iter=50)
    assert not (tmp_path / "recipe.yaml").exists()  # the run may be refused yet
    assert leaf.write() == [f"settings from the data, each with its reason: {tmp_path / 'recipe.yaml'}"]
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text())["max_iter"] == 50
    edited = "max_iter: 60\n"
    (tmp_path / "recipe.yaml").write_text(edited)
    resumed = AutomaticLeaf()
    assert call(data, tmp_path, resumed, resume=True) == {"max_iter": 60}
    assert resumed.write() == []
    assert (tmp_path / "recipe.yaml").read_text() == edited
    with pytest.raises(UserError, match="holds another run .* continue that run with --resume"):
        call(data, tmp_path, AutomaticLeaf())
    again = call(data, tmp_path, AutomaticLeaf(), overwrite=True, max_iter=50)
    assert again.keys() == chosen.keys() and "overwrite" not in again


def test_several_processes_need_one_recipe(data, tmp_path):
    with pytest.raises(UserError, match="python -m src.recipe --output my.yaml"):
        call(data, tmp_path, AutomaticLeaf(), run_distribute=True)


def test_auto_takes_the_command_line_first_and_says_what_is_missing(data, tmp_path):
    words = ["--config_path", "auto", *data, "--save_checkpoint_path", str(tmp_path), "--img_width", "64"]
    config = load_config("", [*words, "--anchor_ratios", "1"], automatic_leaf=AutomaticLeaf())
    assert config.img_width == 64 and config.anchor_ratios == (1,)
    with pytest.raises(UserError, match="missing: --train_img_dir"):
        load_config("", [*words[:4], "--save_checkpoint_path", str(tmp_path)], automatic_leaf=AutomaticLeaf())


def test_for_a_checkpoint_auto_is_what_the_checkpoint_says():
    saved = {"img_width": 96, "max_iter": 3}
    words = ["--config_path", "auto", "--checkpoint_path", "a.ckpt"]
    config = load_config("", words, saved_settings=lambda path: saved)
    assert config.img_width == 96 and config.max_iter == default_settings()["max_iter"]


@pytest.mark.parametrize(
    "text", ["hours: x", "backbone: nope", "batch_size: 0", "fpn_out_channels: {}", "img_width: null"]
)
def test_a_recipe_that_somebody_edited_is_checked_before_it_is_kept(data, tmp_path, capsys, text):
    (tmp_path / "kept.yaml").write_text(f"{text}\n")
    with pytest.raises(SystemExit) as stopped:
        main([*data, "--output", str(tmp_path / "b.yaml"), "--keep", str(tmp_path / "kept.yaml")])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and f"{text.partition(':')[0]}: " in error and "Traceback" not in error
    assert not (tmp_path / "b.yaml").exists()
