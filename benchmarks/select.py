"""Time and memory of image selection: the programs sorted_values.py and pick_select.py on 100,000 images.

python benchmarks/select.py --json select.json
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import json
import os
import random
import subprocess
import tempfile

from benchmarks import command, measure
from src.errors import UserError, entry_point

ROOT = Path(__file__).resolve().parents[1]
LABELLED = 4  # every fourth image is labelled


def write_detections(file: Path, images: int, detections: int) -> None:
    """Write infer_results.json of the unlabelled images, image by image, because the file has hundreds of megabytes.

    Args:
        images: number of all images, of which `LABELLED` - 1 in `LABELLED` are unlabelled; detections: mean number per image.
    """
    rng = random.Random(0)
    with file.open("w") as out:
        separator = "{"
        for number in range(images):
            if number % LABELLED:
                rows = [_detection(rng) for _ in range(rng.randint(0, 2 * detections))]
                out.write(f"{separator}{json.dumps(_name(number))}: {json.dumps(rows)}")
                separator = ",\n"
        out.write("}\n")


def _detection(rng: random.Random) -> dict:
    score = rng.random()
    rest = (1 - score) / 3
    box = [rng.uniform(0, 600), rng.uniform(0, 400), rng.uniform(1, 200), rng.uniform(1, 200)]
    size = {"width": 1280, "height": 768}
    return {"pred box": box, "confidence score": score, "pred score": [rest, score, rest, rest], "pred class": 0} | size


def write_annotations(all_labels: Path, some_labels: Path, images: int) -> None:
    """Write two COCO files: one with all labels, three objects per image, and one in which three of four images are unlabelled."""
    for file, hidden in ((all_labels, False), (some_labels, True)):
        with file.open("w") as out:
            out.write(
                '{"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}], "images": ['
            )
            for number in range(images):
                entry = {"id": number + 1, "file_name": _name(number), "width": 1280, "height": 768}
                entry |= {"labelled": False} if hidden and number % LABELLED else {}
                out.write((",\n" if number else "") + json.dumps(entry))
            out.write('], "annotations": [')
            numbers = range(0, images, LABELLED if hidden else 1)
            for number in numbers:
                rows = [_annotation(3 * number + index, number + 1, index) for index in range(3)]
                out.write((",\n" if number else "") + ",\n".join(map(json.dumps, rows)))
            out.write("]}\n")


def _annotation(number: int, image: int, index: int) -> dict:
    box = [100 * index, 50, 40, 60]
    return {"id": number + 1, "image_id": image, "category_id": index + 1, "bbox": box, "area": 2400, "iscrowd": 0}


def _name(number: int) -> str:
    return f"day {number // 1000}/image_{number:06d}.jpg"


def measured(arguments: list[str]) -> tuple[float, float]:
    """Time of a program in seconds, and its peak memory in MB.

    Linux gives a child the peak memory of its parent as a start, so this process must need less memory than the program.
    """

    def run() -> None:
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise UserError(f"{arguments[0]} exited with status {process.returncode}; see its message above")
        memory.append(used.ru_maxrss / 1024)

    memory: list[float] = []
    return measure.timed(run), memory[0]


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Measure both programs."""
    parser = command.options(__doc__, "repeats", "warmup", repeats=3, warmup=1)
    parser.add_argument("--images", type=int, default=100_000, help="number of images (default 100000)")
    parser.add_argument("--detections", type=int, default=10, help="mean number per image (default 10)")
    args = command.start(parser, argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, all_labels, some_labels = (folder / file for file in ("infer_results.json", "all.json", "so_far.json"))
        write_detections(found, args.images, args.detections)
        write_annotations(all_labels, some_labels, args.images)
        values = folder / "top_value_data.json"
        commands = {
            "sorted_values": ["sorted_values.py", "--infer_json", found, "--exp_dir", folder],
            "pick_select": ["pick_select.py", "--ann_file", all_labels, "--combine_ann_file", some_labels]
            + ["--top_value_file", values, "--pick_ratio", "60", "--output_ann_file", folder / "picked.json"],
        }
        result = {"runs": {}, "infer_results_MB": found.stat().st_size / 2**20}
        for tool, arguments in commands.items():
            runs = [measured([*map(str, arguments), "--overwrite"]) for _ in range(args.warmup + args.repeats)]
            seconds, memory = zip(*runs[args.warmup :], strict=True)
            result["runs"][tool] = {"seconds": measure.summary(seconds), "peak_memory_MB": max(memory)}
    command.finish(args, result)


if __name__ == "__main__":
    main()
