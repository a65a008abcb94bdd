"""A ranking or a list of picked images is there only when what belongs to it is: a resumed job takes them as they are."""

import json

import pytest

import pick_select
import sorted_values
from src import files

ROWS = [{"pred box": [1, 1, 9, 9], "confidence score": 0.6, "pred class": 0, "pred score": [0.4, 0.6]}]


@pytest.fixture
def pool(tmp_path):
    """Detections in five images, none of which is labelled."""
    images = [{"id": k, "file_name": f"{k}.png", "width": 40, "height": 30, "labelled": False} for k in range(1, 6)]
    coco = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "train.json").write_text(json.dumps(coco))
    (tmp_path / "found.json").write_text(json.dumps({image["file_name"]: ROWS for image in images}))
    return tmp_path


def rank(pool):
    sorted_values.main(["--infer_json", str(pool / "found.json"), "--exp_dir", str(pool / "ranks"), "--overwrite"])


def pick(pool):
    words = {"ann_file": "train.json", "top_value_file": "ranks/top_value_data.json", "output_ann_file": "new.json"}
    named = [word for key, name in words.items() for word in (f"--{key}", str(pool / name))]
    pick_select.main([*named, "--budget_images", "2", "--list_only", "--overwrite"])


@pytest.mark.parametrize(("program", "last"), [(rank, "top_value_data.json"), (pick, "new_picked.txt")])
def test_what_a_resumed_job_looks_for_is_written_last(pool, monkeypatch, program, last):
    if program is pick:
        rank(pool)
    replace, names = files.os.replace, []

    def noted(source, target):
        names.append(target.name)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", noted)
    program(pool)
    assert len(names) == 3 and names[-1] == last
    belonging = [path for path in pool.rglob(f"{last.partition('.')[0]}*") if path.name in names]
    assert len(belonging) == 3
