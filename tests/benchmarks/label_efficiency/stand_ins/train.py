"""Stands in for train.py: a step is a line of a file, and --resume goes on after the last one. Notes each of its starts.

It stays at the step STAND_IN_HOLD until it is stopped.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

words = dict(zip(sys.argv[1:], sys.argv[2:])) | dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
run, steps = Path(words["--save_checkpoint_path"]), int(words["--max_iter"])
steps_file = run / "steps.txt"
with Path(os.environ["STAND_IN_STARTS"]).open("a") as starts:
    starts.write(f"{run.parent.name} {os.getpid()}{' --resume' if '--resume' in sys.argv else ''}\n")
if steps_file.is_file() and "--resume" not in sys.argv:
    sys.exit(2)
if words.get("--base_lr") == "666":
    sys.exit("a fault")
run.mkdir(parents=True, exist_ok=True)
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(143))
done = len(steps_file.read_text().splitlines()) if steps_file.is_file() else 0
with steps_file.open("a") as file:
    for step in range(done, steps):
        if stopped:
            sys.exit(stopped[0])
        while step == int(os.environ.get("STAND_IN_HOLD", "-1")) and not stopped:
            time.sleep(0.02)
        file.write(f"{step}\n")
        file.flush()
# The longer it trains, the better it is; the average is better than the student.
interval = int(words["--eval_interval_iter"])
scored = sorted({*range(interval, steps + 1, interval), steps})
rows = [{"step": step, "loss": 1.0, "iter_time": 100.0 if step == 0 else 0.5} for step in range(steps)]
rows += [{"step": step - 1, "student/AP": step / 1024, "average/AP": step / 512} for step in scored]
(run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
coco = json.loads(Path(words["--train_ann_file"]).read_text())
labelled = sum(image.get("labelled", True) for image in coco["images"])
is_semi = words["--burn_up_iter"] != words["--max_iter"]
ap = 0.1 + 0.01 * labelled + 0.001 * steps + 0.02 * is_semi + 0.005 * int(words["--global_seed"])
(run / "best_model.ckpt").write_text(json.dumps({"step": steps, "AP": ap}))
for name in ("config.yaml", "log.txt", "state.ckpt", f"model_step_{steps}.ckpt"):
    (run / name).write_text("of a stand-in")
