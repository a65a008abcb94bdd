"""Faults in real runs of a toy, and the watcher that warns of each; a run without faults has no warning."""

import json
import shutil
from pathlib import Path

import pytest

# 60 steps with the teacher: what lasts 20 steps lasts long.
LENGTH = ("--max_iter", 80, "--burn_up_iter", 20, "--print_interval_iter", 5, "--save_checkpoint_interval", 80)
SURE = ("--bbox_threshold", 0.3)
FAULTS = {
    "no_pseudo_boxes": ("--bbox_threshold", 1.0),
    "unlabelled_loss_zero": (*SURE, "--unsup_loss_weight", 0.0),
}


def told(folder: Path) -> set[str]:
    """Watchers that had something to say, besides those of the data."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    warnings = {row["watcher"]: row["warning"] for row in rows if "watcher" in row}
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert all(sentence in log for sentence in warnings.values())
    return {name for name in warnings if not name.startswith("data_")}


@pytest.fixture(scope="module")
def healthy(toys, tmp_path_factory) -> Path:
    """The folder of a run without faults; read only."""
    folder = tmp_path_factory.mktemp("healthy") / "run"
    assert toys.run(folder, *LENGTH, *SURE) == 0
    return folder


def test_nothing_is_told_of_a_healthy_run(healthy):
    assert not told(healthy) & (FAULTS.keys() | {"slow_data"})


@pytest.mark.parametrize("watcher", FAULTS)
def test_a_fault_is_told(toys, tmp_path, watcher):
    assert toys.run(tmp_path / "run", *LENGTH, *FAULTS[watcher]) == 0
    assert watcher in told(tmp_path / "run")


def test_data_that_arrive_more_slowly_than_they_are_learnt_from(toys, tmp_path):
    assert toys.run(tmp_path / "run", *LENGTH, *SURE, reading=0.2) == 0
    assert "slow_data" in told(tmp_path / "run")


def test_boxes_of_one_size(healthy, tiny_data):
    coco = json.loads(tiny_data.train_file.read_text(encoding="utf-8"))
    assert len({tuple(row["bbox"][2:]) for row in coco["annotations"]}) == 1, "so the tiny data are drawn"
    said = (healthy / "log.txt").read_text(encoding="utf-8")
    assert "WARNING" in said and "size" in said


def twice(tiny_data, folder: Path, ids: dict[int, int], names: dict[int, str]) -> tuple:
    """Options to evaluate on every image of the tiny data and a copy of it, with other category ids and names."""
    coco = json.loads(tiny_data.val_file.read_text(encoding="utf-8"))
    images, rows = [], []
    for shift, copy in ((0, "a"), (100, "b")):
        shutil.copytree(tiny_data.img_dir, folder / "images" / copy)
        images += [
            image | {"id": image["id"] + shift, "file_name": f"{copy}/{image['file_name']}"} for image in coco["images"]
        ]
        rows += [
            row | {"id": row["id"] + shift, "image_id": row["image_id"] + shift, "category_id": ids[row["category_id"]]}
            for row in coco["annotations"]
        ]
    categories = [{"id": identity, "name": name} for identity, name in names.items()]
    file = folder / "val.json"
    file.write_text(json.dumps({"images": images, "annotations": rows, "categories": categories}))
    return "--eval_img_dir", folder / "images", "--eval_ann_file", file


def test_names_in_another_order(toys, tiny_data, tmp_path):
    mixed = twice(tiny_data, tmp_path, {4: 5, 5: 4}, {4: "square", 5: "circle"})
    assert toys.run(tmp_path / "run", *LENGTH, *SURE, *mixed) == 0
    assert "class_order" in told(tmp_path / "run")


def test_held_out_images_without_objects_judge_nothing(toys, tiny_data, tmp_path):
    coco = json.loads(tiny_data.train_file.read_text(encoding="utf-8"))
    last = coco["annotations"][-1]["image_id"]  # the only image with objects, so it stays to train on
    coco["annotations"] = [row for row in coco["annotations"] if row["image_id"] == last]
    (tmp_path / "train.json").write_text(json.dumps(coco))
    guard = ("--guard_share", 0.5, "--guard_precision", 0.9, "--bbox_threshold", 0.1)
    assert toys.run(tmp_path / "run", *LENGTH, *guard, "--train_ann_file", tmp_path / "train.json") == 0
    assert "probe_without_objects" in told(tmp_path / "run") and "guard" not in told(tmp_path / "run")
    log = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    assert "guard: none of the 2 held-out images has an object" in log


def test_labels_that_are_shifted_by_one(toys, tiny_data, tmp_path):
    coco = json.loads(tiny_data.train_file.read_text(encoding="utf-8"))
    names = {4: "square", 5: "circle", 6: "star"}
    coco["categories"] = [{"id": identity, "name": name} for identity, name in names.items()]
    (tmp_path / "train.json").write_text(json.dumps(coco))
    shifted = twice(tiny_data, tmp_path, {4: 5, 5: 6}, names)
    assert toys.run(tmp_path / "run", *LENGTH, *SURE, "--train_ann_file", tmp_path / "train.json", *shifted) == 0
    assert "labels_shifted" in told(tmp_path / "run")


def test_a_teacher_that_has_gone_bad(toys, tmp_path):
    stays = ("--ema_ramp", "false", "--ema_keep_rate", 0.99999, "--unsup_loss_weight", 0.0)
    assert toys.run(tmp_path / "run", *LENGTH, *SURE, *stays, upside_down=True) == 0
    assert "teacher_worse" in told(tmp_path / "run")
