"""Send tasks to a real Label Studio, label them with simulated errors, export them in every format, and read each export back.

    python -m venv ls && ls/bin/pip install label-studio==1.23.2
    python tools/label_studio_round.py --label_studio ls/bin/label-studio --work_dir round --images 40

The server listens on the loopback interface only, keeps its data in --work_dir and is stopped at the end. Label Studio is no
requirement of this project. --golden_dir keeps the exports and the submitted labels, which tests/labelling reads.
"""

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
from src.command_line import program_parser

CLASSES = ("cat", "traffic light")
# Form -> suffix of its export; of all that it has for boxes, CSV and TSV are left out, which import_labels.py refuses by name.
FORMS = {"JSON": "json", "JSON_MIN": "json"} | dict.fromkeys(
    ("COCO", "COCO_WITH_IMAGES", "YOLO", "YOLO_WITH_IMAGES", "YOLO_OBB", "YOLO_OBB_WITH_IMAGES", "VOC"), "zip"
)
TOKEN = "0123456789abcdef0123456789abcdef01234567"  # of a server that only this machine reaches
START_SECONDS = 1800  # the first start makes the database
MISSED, WRONG = 0.05, 0.01  # shares of the boxes that the annotator misses, and labels with a wrong class
JITTER = 3.0  # pixels by which a drawn corner is off at most
FOLDERS = ("", "day 1", "day+2", "größe")


STATES = {  # state in the report of import_labels.py -> state of an answer
    "labelled": "labelled",
    "reviewed and empty": "empty",
    "skipped": "skipped",
    "not done": "not done",
    "came back as sent or without boxes": "not done",
}


def make_data(folder: Path, count: int, rng: random.Random) -> dict[str, list[tuple[str, list[float]]]]:
    """Write blank images with names that tools change, an annotation file, detections, and the list of picked images.

    Returns:
        Name of each image -> its objects: class and (x, y, width, height) in pixels.
    """
    truth = {}
    for number in range(count):
        name = "/".join(
            filter(None, (FOLDERS[number % 4], f"a+b {number // 4}.jpg"))
        )  # equal base names in four folders
        width, height = rng.randint(80, 300), rng.randint(80, 300)
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), "grey").save(path)
        boxes = []
        for _ in range(rng.randint(0, 4)):
            side = rng.uniform(20, 60)
            boxes.append(
                (rng.choice(CLASSES), [rng.uniform(0, width - side), rng.uniform(0, height - side), side, side])
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
            {"pred box": box, "confidence score": rng.uniform(0.3, 1), "pred class": CLASSES.index(label)}
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
    """A Label Studio server that this script starts and stops."""

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
        """Wait until it answers."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=10).close()
                return
            except OSError:
                time.sleep(2)
        raise SystemExit("Label Studio did not start; see server.log")

    def request(self, method: str, path: str, value: Any = None) -> bytes:
        """Body of the reply to one request; `value` is sent as JSON."""
        body = None if value is None else json.dumps(value).encode()
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        message = urllib.request.Request(f"{self.address}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(message, timeout=300) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read()[:500]!r}") from None

    def stop(self) -> None:
        """Stop the process."""
        self.process.terminate()
        self.process.wait(60)


def answer(
    task: dict[str, Any], number: int, truth: list[tuple[str, list[float]]], rng: random.Random
) -> dict[str, Any]:
    """The answer of the simulated annotator to a task: its state, and boxes (x, y, width, height) in pixels by class."""
    width, height = task["data"]["width"], task["data"]["height"]
    state = {3: "skipped", 5: "not done", 7: "empty"}.get(number % 10, "labelled")
    boxes = []
    for label, (x, y, side, _) in truth if state == "labelled" else ():
        if rng.random() < MISSED:
            continue
        label = CLASSES[1 - CLASSES.index(label)] if rng.random() < WRONG else label
        x1, y1 = max(x + rng.uniform(-JITTER, JITTER), 0), max(y + rng.uniform(-JITTER, JITTER), 0)
        boxes.append((label, [x1, y1, min(side, width - x1), min(side, height - y1)]))
    state = "empty" if state == "labelled" and not boxes else state
    before = {"before": boxes[:1]} if number % 10 == 2 and len(boxes) > 1 else {}
    return {"state": state, "boxes": boxes} | before


def submit(server: Server, task: dict[str, Any], answered: dict[str, Any], rng: random.Random) -> None:
    """Submit an answer by the REST API. An answer with "before" becomes two annotations, of which the newer one counts."""
    if answered.get("before"):
        submit(server, task, {"state": "labelled", "boxes": answered["before"]}, rng)
    if answered["state"] == "not done":
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
        for place, (label, (x, y, w, h)) in enumerate(answered["boxes"])
    ]
    seconds = 4 + 7 * len(result) * rng.uniform(0.7, 1.3)
    value = {"result": result, "lead_time": seconds, "was_cancelled": answered["state"] == "skipped"}
    server.request("POST", f"/api/tasks/{task['id']}/annotations/", value)


def run(server: Server, folder: Path, truth: dict[str, list], rng: random.Random) -> dict[str, dict[str, Any]]:
    """Create the project, answer its tasks and export it; returns the answer of each image."""
    tasks = folder / "tasks"
    configuration = (tasks / "labelling_config.xml").read_text(encoding="utf-8")
    settings = {"title": "round", "label_config": configuration}
    project = json.loads(server.request("POST", "/api/projects/", settings))["id"]
    content = json.loads((tasks / "tasks.json").read_text(encoding="utf-8"))
    server.request("POST", f"/api/projects/{project}/import", content)
    storage = {"project": project, "title": "images", "path": str(tasks / "images"), "use_blob_urls": True}
    server.request("POST", "/api/storages/localfiles/", storage)  # as README.md of the tasks says
    for row in content:
        if not server.request("GET", row["data"]["image"]).startswith(b"\xff\xd8"):
            raise SystemExit(f"{row['data']['image']}: no picture comes from there")
    reply = server.request("GET", f"/api/tasks/?project={project}&fields=all&page_size={len(content)}")
    answers = {}
    for number, task in enumerate(sorted(json.loads(reply)["tasks"], key=lambda task: task["id"])):
        name = task["data"]["file_name"]
        answers[name] = answer(task, number, truth[name], rng)
        submit(server, task, answers[name], rng)
    (folder / "exports").mkdir()
    for form, suffix in FORMS.items():
        path = f"/api/projects/{project}/export?exportType={form}&download_all_tasks=true"
        (folder / "exports" / f"{form.lower()}.{suffix}").write_bytes(server.request("GET", path))
    return answers


def compare(folder: Path, form: str, answers: dict[str, dict[str, Any]]) -> str:
    """Read one export back; returns in words how it differs from the answers."""
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
    found: dict[str, list] = {name: [] for name in answers}
    for row in coco["annotations"]:
        found[files[row["image_id"]]].append((names[row["category_id"]], row["bbox"]))
    worst, wrong = 0.0, []
    for name, answered in answers.items():
        if answered.get("before") and form.startswith(("YOLO", "VOC")):  # they keep the older annotation of a task only
            continue
        if [label for label, _ in found[name]] != [label for label, _ in answered["boxes"]]:
            wrong.append(name)
            continue
        for (_, a), (_, b) in zip(found[name], answered["boxes"], strict=True):
            worst = max(worst, *(abs(x - y) for x, y in zip(a, b, strict=True)))
    states = {row["file_name"]: STATES[row["state"]] for row in report["per_image"]}
    total, kept = (dict.fromkeys(STATES.values(), 0) for _ in range(2))
    for name, answered in answers.items():
        total[answered["state"]] += 1
        kept[answered["state"]] += states[name] == answered["state"]
    states_kept = ", ".join(f"{state} {kept[state]} of {total[state]}" for state in kept)
    return f"{form}: boxes differ by {worst:.4f} px at most, {len(wrong)} images with other boxes; states kept: {states_kept}"


def main() -> None:
    """Run the round."""
    parser = program_parser(__doc__)
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
    rng = random.Random(args.seed)
    truth = make_data(folder, args.images, rng)
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
        answers = run(server, folder, truth, rng)
    finally:
        server.stop()
    write(folder / "said.json", answers)
    lines = [compare(folder, form, answers) for form in FORMS]
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
