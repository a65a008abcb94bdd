"""Stands in for eval.py: the AP is what the stand-in of train.py wrote as weights."""

import json
import sys
from pathlib import Path

words = dict(zip(sys.argv[1:], sys.argv[2:]))
weights = json.loads(Path(words["--checkpoint_path"]).read_text())
assert Path(words["--eval_ann_file"]).name == "test.json"
folder = Path(words["--eval_output_dir"])
folder.mkdir(parents=True, exist_ok=True)
metrics = weights | {"AP50": weights["AP"] + 0.2, "AP75": weights["AP"] - 0.05, "per_class": {}, "images": 4}
(folder / "metrics.json").write_text(json.dumps(metrics))
