import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src import split_data
from src.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def make_voc(folder, count=10, same=()):
    """``count`` noise pictures in two sub-folders; ``same`` maps an index to the one whose pixels it repeats."""
    for index in range(count):
        name = f"{'ab'[index % 2]}/{index // 2:03d}"
        for kind in ("images", "annotations"):
            (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(dict(same).get(index, index)).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.{('png', 'bmp')[index % 3 == 0]}")
        (folder / "annotations" / f"{name}.xml").write_text("<annotation/>")


def stems(folder):
    return {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_image_is_copied_to_exactly_one_side(tmp_path, capsys):
    make_voc(tmp_path / "voc", 10, {9: 0})
    split_data.main(
        ["--data_path", str(tmp_path / "voc"), "--output_path", str(tmp_path / "out"), "--val_ratio", "0.3"]
    )
    train, val = (stems(tmp_path / "out" / side / "images") for side in ("train", "val"))
    assert not train & val
    assert train | val == stems(tmp_path / "voc" / "images") and len(val) == 3
    for side in ("train", "val"):
        assert stems(tmp_path / "out" / side / "annotations") == stems(tmp_path / "out" / side / "images")
    assert ("a/000" in val) == ("b/004" in val), "equal pictures on two sides"
    assert len(stems(tmp_path / "voc" / "images")) == 10, "the input was touched"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["split.json", "train", "val"], "rubbish left"
    assert "10 images: 7 in" in capsys.readouterr().out


def test_many_pictures_that_occur_twice_are_shown_in_part_and_listed_whole(tmp_path, capsys):
    make_voc(tmp_path / "voc", 16, {index + 8: index for index in range(8)})
    split_data.main(["--data_path", str(tmp_path / "voc"), "--output_path", str(tmp_path / "out")])
    said = capsys.readouterr().out.splitlines()
    shown = [line for line in said if line.startswith("same picture, kept together in ")]
    place = said.index("... and 3 more")
    assert said[place - 5 : place] == shown and len(shown) == 5
    listed = Path(said[place + 1].removeprefix("the whole list: ")).read_text().splitlines()
    assert len(listed) == 8 and listed[:5] == shown


def test_a_real_start_as_a_file_with_the_defaults(tmp_path):
    make_voc(tmp_path, 5)
    command = [sys.executable, str(ROOT / "src" / "split_data.py"), "--data_path", str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 0
    assert len(stems(tmp_path / "val" / "images")) == 1
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert again.returncode == 2 and "--overwrite" in again.stderr and "Traceback" not in again.stderr
    assert subprocess.run([*command, "--overwrite"], check=False).returncode == 0


def test_another_split_is_not_mixed_in(tmp_path, capsys):
    make_voc(tmp_path, 12)
    split_data.main(["--data_path", str(tmp_path)])
    before = stems(tmp_path / "val")
    with pytest.raises(SystemExit):
        split_data.main(["--data_path", str(tmp_path), "--seed", "3", "--overwrite"])
    assert "holds another split" in capsys.readouterr().err
    assert stems(tmp_path / "val") == before


def test_what_a_killed_split_left_is_removed_by_the_next_one(tmp_path):
    make_voc(tmp_path / "data", 4)
    program = """import os, sys
from src import split_data
os.replace = lambda *names: os.kill(os.getpid(), 9)
split_data.main(sys.argv[1:])"""
    words = ["--data_path", str(tmp_path / "data"), "--output_path", str(tmp_path / "out"), "--val_ratio", "0.5"]
    killed = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, check=False)
    assert killed.returncode == -9 and len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 8
    split_data.main(words)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["split.json", "train", "val"]


def test_choice_depends_on_the_seed_alone_and_keeps_groups():
    groups = [[0, 5], [1], [2], [3], [4], [6, 7, 8], [9]]
    chosen = [split_data.choose_val(order, 0.4, 7) for order in (groups, groups[::-1])]
    assert chosen[0] == chosen[1] and len(chosen[0]) <= 4
    assert all(set(group) <= chosen[0] or not set(group) & chosen[0] for group in groups)
    assert len({frozenset(split_data.choose_val(groups, 0.4, seed)) for seed in range(10)}) > 1


@pytest.mark.parametrize("ratio", [0, 1, -0.2, 20])
def test_a_ratio_outside_0_to_1_is_refused(ratio):
    with pytest.raises(UserError, match="between 0 and 1"):
        split_data.choose_val([[0], [1]], ratio, 1)


def test_percent_in_place_of_a_share_are_answered_with_the_share():
    with pytest.raises(
        UserError, match="--val_ratio 20: must lie between 0 and 1, such as 0.2; for 20 percent pass 0.2"
    ):
        split_data.choose_val([[0], [1]], 20, 1)


def test_at_least_one_on_each_side():
    assert len(split_data.choose_val([[0], [1]], 0.001, 1)) == 1
    assert len(split_data.choose_val([[0], [1]], 0.999, 1)) == 1
    with pytest.raises(UserError, match="at least 2"):
        split_data.choose_val([[0]], 0.5, 1)


def test_one_large_group_is_explained():
    with pytest.raises(UserError, match="9 of 10 images look like one picture.*--same_from 2"):
        split_data.choose_val([list(range(9)), [9]], 0.5, 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--same_from", "nan"], "--same_from: nan: must be -1 to 1, or 2"),
        (["--same_from", "inf"], "--same_from: inf: must be -1 to 1, or 2"),
        (["--seed", "-1"], "--seed: -1: must be 0 to"),
        (["--leave_out_faulty", "--faulty_at_most", "nan"], "--faulty_at_most: nan: must be 0 to 100 percent"),
        (["--leave_out_faulty", "--faulty_at_most", "-1"], "--faulty_at_most: -1: must be 0 to 100 percent"),
        (["--output_path", "voc/images"], "voc/images: lies in voc/images, whose files are split"),
        (["--output_path", "voc/annotations/split"], "lies in voc/annotations, whose files are split"),
    ],
)
def test_numbers_and_folders_that_would_spoil_the_split_are_refused(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    make_voc(tmp_path / "voc", 4)
    before = stems(tmp_path)
    with pytest.raises(SystemExit) as ended:
        split_data.main(["--data_path", "voc", *words])
    assert ended.value.code == 2 and told in capsys.readouterr().err and stems(tmp_path) == before
