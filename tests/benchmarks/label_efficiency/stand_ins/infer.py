"""Stands in for infer.py: one detection in each unlabelled image, with a score that its name decides."""

import json
import sys
from pathlib import Path

words = dict(zip(sys.argv[1:], sys.argv[2:]))
assert Path(words["--checkpoint_path"]).is_file()
coco = json.loads(Path(words["--train_ann_file"]).read_text())
folder = Path(words["--eval_output_dir"])
folder.mkdir(parents=True, exist_ok=True)
found = {}
for image in coco["images"]:
    if not image.get("labelled", True):
        score = 0.3 + int("".join(filter(str.isdigit, image["file_name"]))) / 100
        row = {"pred box": [1, 1, 9, 9], "confidence score": score, "pred score": [1 - score, score, 0, 0]}
        found[image["file_name"]] = [row | {"pred class": 0, "width": 128, "height": 96}]
(folder / "infer_results.json").write_text(json.dumps(found))
