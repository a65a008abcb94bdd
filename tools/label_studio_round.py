"""Send tasks to the real Label Studio, answer them as an annotator with faults, export them in every form, and read each back.

    python -m venv ls && ls/bin/pip install label-studio==1.23.2
    python tools/label_studio_round.py --label_studio ls/bin/label-studio --work_dir round --images 40

The server listens on the loopback interface only, keeps its data in --work_dir and is ended at the end. Label Studio is no
requirement of this project. With --golden_dir its exports are kept, with what was answered; tests/labelling reads them.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import export_tasks
import import_labels

CLASSES = ("cat", "traffic light")
FORMS = {"JSON": "json", "JSON_MIN": "json", "COCO": "zip", "YOLO": "zip", "VOC": "zip"}
TOKEN = "0123456789abcdef0123456789abcdef01234567"  # of a server that only this machine reaches
START_SECONDS = 1800  # the first start makes the database
MISSED, JITTER, WRONG = 0.05, 3.0, 0.01  # share of boxes that are missed, pixels, share of wrong classes
FOLDERS = ("", "day 1", "day+2", "größe")


STATES = {  # words of the report -> ours
    "labelled": "labelled",
    "reviewed and empty": "empty",
    "skipped": "skipped",
    "not done": "not done",
    "came back as sent or without boxes": "not done",
}


def make_data(folder: Path, count: int, draw: random.Random) -> dict[str, list[tuple[str, list[float]]]]:
    """Blank images with names that tools mangle, and what is in each: class and (x, y, width, height)."""
    truth = {}
    for number in range(count):
        name = "/".join(
            filter(None, (FOLDERS[number % 4], f"a+b {number // 4}.jpg"))
        )  # equal base names in four folders
        width, height = draw.randint(80, 300), draw.randint(80, 300)
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), "grey").save(path)
        boxes = []
        for _ in range(draw.randint(0, 4)):
            side = draw.uniform(20, 60)
            boxes.append(
                (draw.choice(CLASSES), [draw.uniform(0, width - side), draw.uniform(0, height - side), side, side])
            )
        truth[name] = boxes
    images = [
        {"id": number, "file_name": name, "width": size[0], "height": size[1], "labelled": False}
        for number, (name, size) in enumerate(((name, Image.open(folder / "images" / name).size) for name in truth), 1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)]
    write(folder / "now.json", {"images": images, "annotations": [], "categories": categories})
    found = {
        name: [
            {"pred box": box, "confidence score": draw.uniform(0.3, 1), "pred class": CLASSES.index(label)}
            for label, box in boxes
        ]
        for name, boxes in truth.items()
    }
    write(folder / "infer_results.json", found)
    (folder / "picked.txt").write_text("".join(f"{name}\n" for name in truth), encoding="utf-8")
    return truth


def write(path: Path, value: Any) -> None:
    """Write JSON."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class Server:
    """A Label Studio of this script alone."""

    def __init__(self, program: Path, folder: Path, documents: Path, port: int):
        self.address = f"http://127.0.0.1:{port}"
        settings = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
            "LABEL_STUDIO_USERNAME": "annotator@example.com",
            "LABEL_STUDIO_PASSWORD": TOKEN,
            "LABEL_STUDIO_USER_TOKEN": TOKEN,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(documents),
            "COLLECT_ANALYTICS": "false",
        }
        folder.mkdir(parents=True, exist_ok=True)
        command = [program, "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"]
        with (folder / "server.log").open("w") as log:
            self.process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)

    def wait(self) -> None:
        """Return when it answers."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=10).close()
                return
            except OSError:
                time.sleep(2)
        raise SystemExit("Label Studio did not start; see server.log")

    def ask(self, method: str, path: str, value: Any = None) -> bytes:
        """One request."""
        body = None if value is None else json.dumps(value).encode()
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read()[:500]!r}") from None

    def end(self) -> None:
        """Stop the process."""
        self.process.terminate()
        self.process.wait(60)


def answer(
    task: dict[str, Any], number: int, truth: list[tuple[str, list[float]]], draw: random.Random
) -> dict[str, Any]:
    """What the annotator says of a task: a state, and boxes in pixels."""
    width, height = task["data"]["width"], task["data"]["height"]
    state = {3: "skipped", 5: "not done", 7: "empty"}.get(number % 10, "labelled")
    boxes = []
    for label, (x, y, side, _) in truth if state == "labelled" else ():
        if draw.random() < MISSED:
            continue
        label = CLASSES[1 - CLASSES.index(label)] if draw.random() < WRONG else label
        x1, y1 = max(x + draw.uniform(-JITTER, JITTER), 0), max(y + draw.uniform(-JITTER, JITTER), 0)
        boxes.append((label, [x1, y1, min(side, width - x1), min(side, height - y1)]))
    state = "empty" if state == "labelled" and not boxes else state
    before = {"before": boxes[:1]} if number % 10 == 2 and len(boxes) > 1 else {}
    return {"state": state, "boxes": boxes} | before


def submit(server: Server, task: dict[str, Any], said: dict[str, Any], draw: random.Random) -> None:
    """Answer one task by the REST API; where something was said before, there are two annotations, of which the newer counts."""
    if said.get("before"):
        submit(server, task, {"state": "labelled", "boxes": said["before"]}, draw)
    if said["state"] == "not done":
        return
    width, height = task["data"]["width"], task["data"]["height"]
    result = [
        {
            "id": f"{task['id']}-{place}",
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "x": 100 * x / width,
                "y": 100 * y / height,
                "width": 100 * w / width,
                "height": 100 * h / height,
                "rotation": 0,
                "rectanglelabels": [label],
            },
        }
        for place, (label, (x, y, w, h)) in enumerate(said["boxes"])
    ]
    seconds = 4 + 7 * len(result) * draw.uniform(0.7, 1.3)
    value = {"result": result, "lead_time": seconds, "was_cancelled": said["state"] == "skipped"}
    server.ask("POST", f"/api/tasks/{task['id']}/annotations/", value)


def run(server: Server, folder: Path, truth: dict[str, list], draw: random.Random) -> dict[str, dict[str, Any]]:
    """Make the project, answer its tasks, export it; returns what was said of each image."""
    tasks = folder / "tasks"
    configuration = (tasks / "labelling_config.xml").read_text(encoding="utf-8")
    project = json.loads(server.ask("POST", "/api/projects/", {"title": "round", "label_config": configuration}))["id"]
    content = json.loads((tasks / "tasks.json").read_text(encoding="utf-8"))
    server.ask("POST", f"/api/projects/{project}/import", content)
    storage = {"project": project, "title": "images", "path": str(tasks / "images"), "use_blob_urls": True}
    server.ask("POST", "/api/storages/localfiles/", storage)  # as README.md of the tasks says
    for row in content:
        if not server.ask("GET", row["data"]["image"]).startswith(b"\xff\xd8"):
            raise SystemExit(f"{row['data']['image']}: no picture comes from there")
    reply = server.ask("GET", f"/api/tasks/?project={project}&fields=all&page_size={len(content)}")
    said = {}
    for number, task in enumerate(sorted(json.loads(reply)["tasks"], key=lambda task: task["id"])):
        name = task["data"]["file_name"]
        said[name] = answer(task, number, truth[name], draw)
        submit(server, task, said[name], draw)
    (folder / "exports").mkdir()
    for form, suffix in FORMS.items():
        path = f"/api/projects/{project}/export?exportType={form}&download_all_tasks=true"
        (folder / "exports" / f"{form.lower()}.{suffix}").write_bytes(server.ask("GET", path))
    return said


def compare(folder: Path, form: str, said: dict[str, dict[str, Any]]) -> str:
    """Read one export back, and say in words how it goes with what was said."""
    export, output = folder / "exports" / f"{form.lower()}.{FORMS[form]}", folder / f"next_{form.lower()}.json"
    words = [
        "--labels",
        export,
        "--tasks",
        folder / "tasks",
        "--ann_file",
        folder / "now.json",
        "--output_ann_file",
        output,
    ]
    import_labels.main([str(word) for word in words])
    coco, report = (
        json.loads(path.read_text(encoding="utf-8"))
        for path in (output, output.with_name(f"{output.stem}_labelling.json"))
    )
    names, files = (
        {row["id"]: row[key] for row in coco[rows]} for rows, key in (("categories", "name"), ("images", "file_name"))
    )
    found: dict[str, list] = {name: [] for name in said}
    for row in coco["annotations"]:
        found[files[row["image_id"]]].append((names[row["category_id"]], row["bbox"]))
    worst, wrong = 0.0, []
    for name, told in said.items():
        if told.get("before") and form in ("YOLO", "VOC"):  # they keep the older annotation of a task only
            continue
        if [label for label, _ in found[name]] != [label for label, _ in told["boxes"]]:
            wrong.append(name)
            continue
        for (_, a), (_, b) in zip(found[name], told["boxes"], strict=True):
            worst = max(worst, *(abs(x - y) for x, y in zip(a, b, strict=True)))
    states = {row["file_name"]: STATES[row["state"]] for row in report["per_image"]}
    of, kept = (dict.fromkeys(STATES.values(), 0) for _ in range(2))
    for name, told in said.items():
        of[told["state"]] += 1
        kept[told["state"]] += states[name] == told["state"]
    told = ", ".join(f"{state} {kept[state]} of {of[state]}" for state in kept)
    return f"{form}: boxes differ by {worst:.4f} px at most, {len(wrong)} images with other boxes; states kept: {told}"


def main() -> None:
    """The whole round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label_studio", type=Path, required=True, help="the program label-studio")
    parser.add_argument("--work_dir", type=Path, required=True, help="folder to make")
    help_server = "where the server keeps its data; one of an earlier run starts faster (default: within --work_dir)"
    parser.add_argument("--server_dir", type=Path, help=help_server)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--golden_dir", type=Path, help="folder to keep the exports in")
    args = parser.parse_args()
    folder = args.work_dir.absolute()
    folder.mkdir(parents=True)
    draw = random.Random(args.seed)
    truth = make_data(folder, args.images, draw)
    words = ["--picked_file", folder / "picked.txt", "--img_dir", folder / "images", "--ann_file", folder / "now.json"]
    words += [
        "--infer_json",
        folder / "infer_results.json",
        "--format",
        "label_studio",
        "--output_dir",
        folder / "tasks",
    ]
    export_tasks.main([str(word) for word in words])
    server = Server(args.label_studio, (args.server_dir or folder / "server").absolute(), folder / "tasks", args.port)
    try:
        server.wait()
        said = run(server, folder, truth, draw)
    finally:
        server.end()
    write(folder / "said.json", said)
    lines = [compare(folder, form, said) for form in FORMS]
    print("\n".join(lines))
    if args.golden_dir:
        args.golden_dir.mkdir(parents=True, exist_ok=True)
        for file in (
            folder / "said.json",
            folder / "now.json",
            folder / "tasks" / "manifest.json",
            *(folder / "exports").iterdir(),
        ):
            shutil.copy(file, args.golden_dir)


if __name__ == "__main__":
    main()
