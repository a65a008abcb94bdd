"""Splits and picks tell what they were made from; the same inputs and seed give the same bytes wherever the files lie."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pick_select
import random_select
import sorted_values
from src import split_data, xml2coco
from src.data.checks.changed_inputs import changed_inputs
from src.data.provenance import (
    is_still,
    made_from,
    read_side_file,
    side_file,
    with_origin,
    write_side_file,
)
from src.data.training_data import Sources, examine
from src.errors import UserError
from src.files import file_hash


def coco(count: int = 8) -> dict:
    images = [{"id": i, "file_name": f"{i}.png", "width": 9, "height": 9} for i in range(count)]
    rows = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 4, 4], "iscrowd": 0} for i in range(count)]
    return {"info": {"year": 2026}, "images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}


def detections(count: int = 8) -> dict:
    found = {"pred box": [1, 1, 4, 4], "pred class": 0}
    return {
        f"{i}.png": [found | {"confidence score": i / 10, "pred score": [1 - i / 10, i / 10]}] for i in range(count)
    }


def chain(folder: Path) -> dict[str, bytes]:
    """Every label tool in turn in a folder; the bytes of all outputs by name."""
    folder.mkdir(parents=True)
    (folder / "all.json").write_text(json.dumps(coco()))
    (folder / "infer_results.json").write_text(json.dumps(detections()))
    random_select.main(words(folder, "--ann_file all.json --label_ratio 25 --output_ann_file part.json"))
    sorted_values.main(words(folder, "--infer_json infer_results.json --exp_dir ."))
    pick_select.main(
        words(
            folder,
            "--ann_file all.json --combine_ann_file part.json --pick_ratio 50 --top_value_file top_value_data.json "
            "--output_ann_file new.json",
        )
    )
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def words(folder: Path, line: str) -> list[str]:
    """A command line whose files lie in the folder."""
    return [str(folder / word) if word.endswith((".json", ".txt", ".")) else word for word in line.split()]


def test_the_same_inputs_give_the_same_bytes_wherever_they_lie(tmp_path):
    here, there = chain(tmp_path / "here"), chain(tmp_path / "quite" / "another place")
    assert here == there
    assert set(here) > {"part.json", "top_value_data.made_from.json", "new.json", "new_picked.made_from.json"}
    assert str(tmp_path).encode() not in b"".join(here.values())


def test_every_file_tells_its_program_inputs_and_settings(tmp_path):
    chain(tmp_path / "a")
    part = json.loads((tmp_path / "a/part.json").read_text())["info"]
    assert part["year"] == 2026
    assert part["made_from"] == {
        "program": "random_select.py",
        "inputs": {"ann_file": {"name": "all.json", "sha256": file_hash(tmp_path / "a/all.json")}},
        "settings": {"label_ratio": 25, "policy": 1, "seed": 10},
        "before": {},
    }
    new = json.loads((tmp_path / "a/new.json").read_text())["info"]["made_from"]
    assert {option: told["name"] for option, told in new["inputs"].items()} == {
        "ann_file": "all.json",
        "combine_ann_file": "part.json",
        "picked_file": "new_picked.txt",
    }
    ranking, picked = (read_side_file(tmp_path / "a" / name) for name in ("top_value_data.json", "new_picked.txt"))
    assert new["before"] == {"picked_file": picked} and picked["before"] == {"top_value_file": ranking}
    assert set(picked["inputs"]) == {"ann_file", "combine_ann_file", "top_value_file"}
    assert ranking["inputs"]["infer_json"]["sha256"] == file_hash(tmp_path / "a/infer_results.json")


def test_a_ranking_of_another_annotation_file_is_noticed(tmp_path, capsys):
    folder = tmp_path / "a"
    chain(folder)
    assert "note:" not in capsys.readouterr().out
    told = made_from("infer.py", {"train_ann_file": folder / "part.json"}, {})
    write_side_file(folder / "infer_results.json", told, overwrite=False)
    sorted_values.main([*words(folder, "--infer_json infer_results.json --exp_dir ."), "--overwrite"])
    line = "--ann_file all.json --combine_ann_file part.json --pick_ratio 50 --output_ann_file new.json "
    rank = words(folder, line + "--top_value_file top_value_data.json")
    pick_select.main([*rank, "--overwrite"])
    assert "note:" not in capsys.readouterr().out, "ranked by what is labelled now"
    part = json.loads((folder / "part.json").read_text())
    (folder / "part.json").write_text(json.dumps(part, indent=2))
    pick_select.main([*rank, "--overwrite"])
    assert (
        f"note: {folder / 'top_value_data.json'} was made before {folder / 'part.json'} changed"
        in capsys.readouterr().out
    )


def test_a_file_that_was_edited_is_not_what_was_told_of_any_more(tmp_path):
    (tmp_path / "a.txt").write_text("1.png\n2.png\n")
    origin = made_from("x.py", {"b": None}, {"seed": 1})
    write_side_file(tmp_path / "a.txt", origin, overwrite=False)
    assert read_side_file(tmp_path / "a.txt") == origin
    (tmp_path / "a.txt").write_text("1.png\n")
    assert read_side_file(tmp_path / "a.txt") is None
    side_file(tmp_path / "a.txt").write_text("{}")
    with pytest.raises(UserError, match=r"a\.made_from\.json: does not say what a\.txt was made from"):
        read_side_file(tmp_path / "a.txt")


def test_inputs_are_found_through_all_steps(tmp_path):
    (tmp_path / "a").write_text("1")
    first = made_from("one.py", {"train": tmp_path / "a"}, {})
    last = made_from("two.py", {}, {}, {"x": None, "y": made_from("three.py", {}, {}, {"z": first})})
    assert is_still(last, "train", tmp_path / "a") and is_still(last, "unknown", tmp_path / "a")
    (tmp_path / "a").write_text("2")
    assert not is_still(last, "train", tmp_path / "a")


def test_an_input_that_was_mended_since_is_noticed_where_it_lies_beside(tmp_path):
    folder = tmp_path / "a"
    chain(folder)
    assert changed_inputs(folder / "new.json") == changed_inputs(folder / "all.json") == []
    (folder / "all.json").write_text(json.dumps(coco(), indent=1))
    (said,) = changed_inputs(folder / "part.json")
    assert said.startswith("part.json was made from all.json, whose content has changed; if that was a fix, make part")
    assert said.endswith("(random_select.py: label_ratio 25.0, policy 1, seed 10)")
    (folder / "all.json").unlink()
    assert changed_inputs(folder / "part.json") == []
    (folder / "odd.json").write_text('{"info": {"made_from": "hand"}}')
    assert changed_inputs(folder / "odd.json") == []


XML = """<annotation><size><width>32</width><height>32</height></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>9</ymax></bndbox></object></annotation>"""


def test_the_labels_of_the_round_before_have_the_same_name_and_have_not_changed(tmp_path):
    """In each round a list is picked from new.json of the round before, and from the list come labels in a new.json beside it."""
    before, here = tmp_path / "round_1" / "new.json", tmp_path / "round_2"
    here.mkdir()
    before.parent.mkdir()
    before.write_text("{}")
    picked = made_from("pick_select.py", {"combine_ann_file": before}, {})
    (here / "picked.txt").write_text("a.jpg")
    origin = made_from("pick_select.py", {"picked_file": here / "picked.txt"}, {}, {"picked_file": picked})
    (here / "new.json").write_text(json.dumps(coco() | {"info": {"made_from": origin}}))
    assert changed_inputs(here / "new.json") == []
    (here / "picked.txt").write_text("b.jpg")
    (said,) = changed_inputs(here / "new.json")
    assert said.startswith("new.json was made from picked.txt, whose content has changed")


@pytest.fixture
def converted(tmp_path):
    """images/ and annotations/ of six pictures, split, converted to train.json, of which part.json hides half."""
    for i in range(6):
        for kind in ("images", "annotations"):
            (tmp_path / kind).mkdir(exist_ok=True)
        picture = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"images/{i}{'-b' if i % 2 else ''}.png")
        (tmp_path / f"annotations/{i}{'-b' if i % 2 else ''}.xml").write_text(XML.format(5))
    split_data.main(["--data_path", str(tmp_path)])
    convert = ["--data_path", str(tmp_path / "train"), "--save_path", str(tmp_path / "train.json")]
    xml2coco.main(convert)
    random_select.main(words(tmp_path, "--ann_file train.json --label_ratio 50 --output_ann_file part.json"))
    return tmp_path


def test_a_mended_xml_file_does_not_mend_what_was_converted_from_it(converted, capsys):
    told = json.loads((converted / "train.json").read_text())["info"]["made_from"]
    assert told["inputs"]["annotations"]["name"] == "train/annotations" and told["settings"] == {"classes": ["cat"]}
    for name in ("train.json", "part.json", "train/annotations"):
        assert changed_inputs(converted / name) == []
    mended = next((converted / "train/annotations").iterdir())
    mended.write_text(XML.format(8))
    for name in ("train.json", "part.json"):
        (said,) = changed_inputs(converted / name)
        assert said.startswith("train.json was made from train/annotations, whose content has changed")
        assert "make train.json again (xml2coco.py: " in said
    data, _ = examine(Sources(converted / "part.json", converted / "train/images"))
    assert said in data.suspicions, "the doctor and training say it"


def test_a_mended_xml_file_does_not_mend_the_split(converted, capsys):
    mended = next((converted / "train/annotations").iterdir()).name
    (converted / "annotations" / mended).write_text(XML.format(8))
    (said,) = changed_inputs(converted / "train/annotations")
    assert f"was split from {converted / 'annotations'}, whose content has changed" in said
    data, _ = examine(Sources(converted / "train/annotations", converted / "train/images"))
    assert said in data.suspicions
    capsys.readouterr()
    again = ["--data_path", str(converted / "train"), "--save_path", str(converted / "train.json"), "--overwrite"]
    xml2coco.main(again)
    assert f"suspicious: {said}" in capsys.readouterr().out

    split_data.main(["--data_path", str(converted), "--overwrite"])  # as the sentence says
    xml2coco.main(again)
    assert "suspicious" not in capsys.readouterr().out
    assert XML.format(8) == (converted / "train/annotations" / mended).read_text()


def test_names_of_inputs_do_not_lead_elsewhere(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b.json").write_text("{}")
    told = {"program": "x", "settings": {}, "before": {}}
    for name in ("../b.json", str(tmp_path / "b.json")):
        origin = told | {"inputs": {"o": {"name": name, "sha256": "0"}}}
        (tmp_path / "a/c.json").write_text(json.dumps({"info": {"made_from": origin}}))
        assert changed_inputs(tmp_path / "a/c.json") == []


def test_an_info_that_is_no_object_makes_room():
    origin = made_from("x.py", {}, {})
    assert with_origin({"info": "old", "images": []}, origin) == {"info": {"made_from": origin}, "images": []}


def test_a_split_tells_its_pictures_and_is_the_same_anywhere(tmp_path):
    for place in ("here", "there/deep"):
        for i in range(6):
            for kind in ("images", "annotations"):
                (tmp_path / place / kind).mkdir(parents=True, exist_ok=True)
            picture = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(picture).save(tmp_path / place / f"images/{i}.png")
            (tmp_path / place / f"annotations/{i}.xml").write_text("<annotation/>")
        split_data.main(["--data_path", str(tmp_path / place), "--val_ratio", "0.5"])
    here, there = ((tmp_path / place / "split.json").read_bytes() for place in ("here", "there/deep"))
    assert here == there
    told = json.loads(here)
    assert sorted(told["train"] + told["val"]) == [f"{i}.png" for i in range(6)] and len(told["val"]) == 3
    assert told["made_from"]["settings"]["seed"] == 10
    for side in ("train", "val"):
        shutil.rmtree(tmp_path / "there/deep" / side)
    (tmp_path / "there/deep/annotations/0.xml").write_text("<annotation></annotation>")
    split_data.main(["--data_path", str(tmp_path / "there/deep"), "--val_ratio", "0.5", "--overwrite"])
    assert (tmp_path / "there/deep/split.json").read_bytes() != here
