"""A campaign of labelling for the round scripts: the practice set, a stand-in for Python that plays training and detection, a labeller.

Everything but training, detection, evaluation and the derived settings is real. What is played depends on nothing but its inputs:
weights are a hash of the labels they were trained on, and detections are the true boxes, moved and lost at random, less so the
more labels there were.
"""

import json
import os
import random
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from src.data import synthetic
from src.data.formats.label_states import hide_labels
from tests.labelling.labellers import SKIP, label_studio, manifest_of

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "run_rounds_cpu.sh"

PLAYER = """#!{python} -S
import hashlib, json, os, random, sys, time
words = sys.argv[1:]
name = os.path.basename(words[0])
if words[0] == "-m":
    name = words[1]
played = {{"train.py", "infer.py", "eval.py", "_setting.py", "_requirements.py", *os.environ.get("ALSO_PLAYED", "").split()}}
if name not in played:
    os.execv({python!r}, [{python!r}, *words])
with open({record!r}, "a") as record:
    record.write(name + "\\n")
given = dict(zip(words, words[1:]))
text = lambda path: open(path, encoding="utf-8").read()

def write(path, content):
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(path + ".part", path)

if name == "_setting.py":
    print(given.get("--" + words[1], ""))
elif name == "train.py":
    folder = given["--save_checkpoint_path"]
    os.makedirs(folder, exist_ok=True)
    state, labels = folder + "/state.txt", hashlib.sha256(text(given["--train_ann_file"]).encode()).hexdigest()
    if os.path.exists(folder + "/config.yaml") and given.get("--resume") != "true":
        sys.exit("error: a run is here")
    write(folder + "/config.yaml", "")
    done = int(text(state)) if os.path.exists(state) else 0
    for step in range(done, 3):
        time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
        write(state, str(step + 1))
    write(folder + "/model_0.ckpt", labels)
elif name == "eval.py":
    folder = given["--eval_output_dir"]
    os.makedirs(folder, exist_ok=True)
    number = int(os.path.basename(os.path.dirname(folder)).split("_")[-1])
    write(folder + "/metrics.json", json.dumps({{"AP": 0.62 - 0.3 / number, "AP50": 0.9 - 0.3 / number}}))
elif name == "infer.py":
    folder = given["--eval_output_dir"]
    os.makedirs(folder, exist_ok=True)
    truth = json.loads(text({truth!r}))
    known = json.loads(text(given["--train_ann_file"]))
    labelled = {{image["file_name"] for image in known["images"] if image.get("labelled", True)}}
    lost = 0.4 * 40 / (40 + len(labelled))
    found = {{}}
    for image in truth["images"]:
        if image["file_name"] in labelled:
            continue
        draw = random.Random(image["file_name"] + str(len(labelled)))
        rows = []
        for row in truth["annotations"]:
            if row["image_id"] != image["id"] or draw.random() < lost:
                continue
            box = [value + draw.gauss(0, 1.0) for value in row["bbox"]]
            label = row["category_id"] - 1 if draw.random() > lost / 3 else draw.randrange(3)
            score = round(draw.uniform(0.3, 0.99), 4)
            scores = [round((1 - score) / 3, 4)] * 4
            scores[label + 1] = score
            rows.append({{"pred box": box, "confidence score": score, "pred class": label, "pred score": scores}})
        found[image["file_name"]] = rows
    write(folder + "/infer_results.json", json.dumps(found))
"""


@dataclass(frozen=True)
class Campaign:
    """The folder of a campaign: images/, train.json (the labels of a quarter), full.json; rounds go to `out`."""

    folder: Path
    environment: Path
    record: Path

    def command(self, *options: str) -> list[str]:
        """The command of the first round."""
        return ["bash", str(ROOT / "scripts" / SCRIPT), "images", "train.json", "out", *options]

    def start(self, command: list[str], **variables: str) -> subprocess.Popen:
        """Start a command in the folder, in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "VENV": str(self.environment), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(command, **variables)
        out, err = process.communicate(timeout=900)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def played(self) -> list[str]:
        """What was played so far, without settings."""
        names = self.record.read_text().split("\n") if self.record.exists() else []
        return [name for name in names if name and not name.startswith("_")]

    def tasks(self, number: int) -> Path:
        """The tasks of a round."""
        return self.folder / "out" / f"round_{number}" / "tasks"

    def answers(self, number: int) -> dict:
        """The truth about the tasks of a round, but for the third image, which is skipped."""
        truth = json.loads((self.folder / "full.json").read_text())
        classes = {row["id"]: row["name"] for row in truth["categories"]}
        ids = {image["file_name"]: image["id"] for image in truth["images"]}
        answers = {}
        for place, task in enumerate(manifest_of(self.tasks(number))["tasks"]):
            rows = [row for row in truth["annotations"] if row["image_id"] == ids[task["file_name"]]]
            boxes = [(x, y, x + w, y + h) for x, y, w, h in (row["bbox"] for row in rows)]
            names = [classes[row["category_id"]] for row in rows]
            answers[task["file_name"]] = SKIP if place == 2 else list(zip(names, boxes, strict=True))
        return answers

    def label(self, number: int, seconds: float = 12.5) -> None:
        """Label the tasks of a round in Label Studio, see ``answers``."""
        label_studio(self.tasks(number), self.answers(number), self.tasks(number).with_name("labels"), seconds)


def next_command(said: str) -> list[str]:
    """The last line, as a shell reads it."""
    return shlex.split(said.splitlines()[-1])


def make_campaign(folder: Path, images: int = 40) -> Campaign:
    """Draw the practice set and hide three quarters of its labels."""
    place = folder / "mes données" / "camp"
    synthetic.main(["--out", str(place / "drawn"), "--images", str(images), "--seed", "3"])
    os.rename(place / "drawn" / "images", place / "images")
    full = json.loads((place / "drawn" / "instances.json").read_text())
    full["images"] = [image | {"labelled": True} for image in full["images"]]
    (place / "full.json").write_text(json.dumps(full))
    labelled = set(random.Random(1).sample([image["id"] for image in full["images"]], images // 4))
    (place / "train.json").write_text(json.dumps(hide_labels(full, labelled)))
    (place / "leaf.yaml").write_text("max_iter: 5\nburn_up_iter: 2\nwarmup_step: 1\n")
    interpreter = folder / "env" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    record = folder / "played.txt"
    interpreter.write_text(PLAYER.format(python=sys.executable, record=str(record), truth=str(place / "full.json")))
    interpreter.chmod(0o755)
    return Campaign(place, interpreter.parents[1], record)
