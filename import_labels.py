"""Take labels back from a labelling tool, and write the annotation file of the next stage.

    python import_labels.py --labels export.json --tasks tasks --ann_file train_25.json --output_ann_file train_40.json

The form of the labels is recognised by their content: Label Studio (JSON, JSON-MIN, COCO, YOLO, VOC), CVAT for images and its
COCO, LabelMe, YOLO, Pascal VOC, COCO; a file, a zip file or a folder, and several at once. Images are matched by their key. Images
that were labelled, or reviewed and found empty, become labels; those that were skipped or not done stay unlabelled. Labels
that --ann_file has already stay, so exports of a part can be given one after the other.

Beside the output go <its stem>_labelling.json, the report of what the labellers changed, and <its stem>_not_used.csv, what
could not be used, each with its reason. Labels that were replaced, after export_tasks.py --review or with --replace_labels, are kept in
<its stem>_replaced.json.
"""

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from src.command_line import nearest_path, program_parser, script_to_paste
from src.csv_file import csv_text
from src.data.annotations import boxes_and_crowds
from src.data.checks.coco.coco_faults import coco_faults
from src.data.formats.coco_rows import write_coco
from src.data.formats.label_states import count_rows, unlabelled_ids
from src.data.formats.reading import read_as_coco
from src.data.formats.tools.image_names import ImageNames
from src.data.provenance import MadeFrom, made_from, origin_of_coco, steps_of, with_origin
from src.errors import DataError, UserError, entry_point
from src.files import all_or_none, check_apart, check_free, write_json, write_text
from src.labelling.answers.answer import Answers, Asked, NotUsed, State
from src.labelling.answers.collect import collect
from src.labelling.difference_report import as_text, make_report
from src.labelling.instructions import IN_PLACE
from src.labelling.merge import merge
from src.labelling.returned import Export, read_exports
from src.labelling.task import MANIFEST, Manifest, read_manifest
from src.wording import counted

_REASONS = 3  # that are printed; the list has all
_UNCLEAR = "came back as sent, or without boxes, perhaps never opened: not labelled yet"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    help_labels = "exports of the labelling tool: files, zip files or folders"
    parser.add_argument("--labels", type=Path, nargs="+", required=True, help=help_labels)
    help_tasks = "folder of export_tasks.py, to match and to compare (default: match the images of --ann_file only)"
    parser.add_argument("--tasks", type=Path, help=help_tasks)
    help_ann = "present annotation file, with labelled and unlabelled images"
    parser.add_argument("--ann_file", type=Path, required=True, help=help_ann)
    parser.add_argument("--img_dir", type=Path, help="folder of its images, which forms other than COCO need")
    parser.add_argument("--output_ann_file", type=Path, required=True, help="COCO file to write")
    help_reviewed = "a human has reviewed every image in the exports, also where nothing was changed or drawn"
    parser.add_argument("--all_reviewed", action="store_true", help=help_reviewed)
    help_annotator = "whose annotation to take where an image has several (default: the newest)"
    parser.add_argument("--annotator", help=help_annotator)
    help_replace = "replace labels that --ann_file has already by those of the exports"
    parser.add_argument("--replace_labels", action="store_true", help=help_replace)
    help_if = "write nothing, without an error, if none of the images is labelled in the exports"
    parser.add_argument("--if_labelled", action="store_true", help=help_if)
    parser.add_argument("--overwrite", action="store_true", help="replace the output files if they exist")
    return parser.parse_args(argv)


def output_files(output: Path) -> tuple[Path, Path, Path]:
    """The report, the list of what is not used, and the labels that were replaced."""
    endings = ("labelling.json", "not_used.csv", "replaced.json")
    report, not_used, replaced = (output.with_name(f"{output.stem}_{ending}") for ending in endings)
    return report, not_used, replaced


def replaced_labels(coco: dict[str, Any], new: Sequence[str]) -> dict[str, Any]:
    """The labels of before of those images of ``coco`` that were labelled and have ``new`` labels now, as a COCO file."""
    names, bare = set(new), unlabelled_ids(coco)
    images = [image for image in coco["images"] if image["file_name"] in names and image["id"] not in bare]
    ids = {image["id"] for image in images}
    return coco | {"images": images, "annotations": [row for row in coco["annotations"] if row["image_id"] in ids]}


def what_is_asked(coco: dict[str, Any], manifest: Manifest | None, args: argparse.Namespace) -> Asked:
    """The images and classes that the exports are read against: those that were sent, else those of --ann_file.

    Raises:
        DataError: images whose size in --ann_file is not that of the picture that was sent.
    """
    sizes = {image["file_name"]: (int(image["width"]), int(image["height"])) for image in coco["images"]}
    names = known = ImageNames(sizes)
    if manifest:
        sent = {task.file_name: (task.width, task.height) for task in manifest.tasks}
        wrong = [name for name, size in sent.items() if sizes.get(name, size) != size]
        if wrong:
            faults = [f"{name}: {sizes[name]} in the file, {sent[name]} is the picture that was sent" for name in wrong]
            raise DataError(f"{args.ann_file}: (width, height) of images", faults)
        names, sizes = manifest.names_among(sizes), sent
    classes = [category["name"] for category in coco["categories"]]
    bare = unlabelled_ids(coco)
    labelled = {image["file_name"] for image in coco["images"] if image["id"] not in bare}
    return Asked(names, sizes, classes, manifest, args.all_reviewed, args.annotator, known, labelled)


def check_belongs(coco: dict[str, Any], manifest: Manifest, args: argparse.Namespace) -> None:
    """Raise a UserError if --ann_file is of other images, such as the evaluation's.

    It may have none of the images of the tasks, as long as it has images of the annotation file that the tasks were made with: the
    picked images then came from a folder beside it. A file without images, or an annotation file that is gone, says nothing.
    """
    place = args.tasks if args.tasks.is_dir() else args.tasks.parent
    before = (place.resolve() / manifest.ann_file).resolve()
    names = {image["file_name"] for image in coco["images"]}
    if not names or not manifest.ann_file or not before.exists() or before.samefile(args.ann_file):
        return
    if names.intersection(task.file_name for task in manifest.tasks):
        return
    images, _ = sent_folders(args.tasks, manifest)
    try:
        known = read_as_coco(before, args.img_dir or (images and Path(images)))
    except UserError:  # it has changed since then, and is not what is asked for here
        return
    if known["images"] and names.isdisjoint(image["file_name"] for image in known["images"]):
        near = nearest_path(before)
        raise UserError(
            f"{args.ann_file}: has none of the images of the tasks, and none of those of {near}, the annotation file that the tasks "
            f"were made with: is it that of other images, such as the evaluation? give --ann_file {near}, or one that was made from it"
        )


def with_near_paths(report: dict[str, Any], file: Path) -> dict[str, Any]:
    """The report in which exports below the folder of its file are told from there, so that the folder can be moved."""
    folder = file.parent.resolve()

    def near(path: str) -> str:
        whole = Path(path).resolve()
        return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)

    return report | {"exports": [row | {"path": near(row["path"])} for row in report["exports"]]}


def common_reasons(rows: Sequence[NotUsed]) -> list[str]:
    """The reasons for which most things are not used, with counts; numbers in brackets do not make a reason another one."""
    kinds = Counter(re.sub(r" \(\d+ objects?\)", "", row.reason) for row in rows)
    return [f"  {count} x {reason}" for reason, count in kinds.most_common(_REASONS)]


def not_used_table(rows: Sequence[NotUsed]) -> str:
    """The list of what is not used, as CSV."""
    return csv_text([("file_name", "place", "reason"), *map(astuple, rows)])


def write_outputs(
    coco: dict[str, Any], exports: Sequence[Export], answers: Answers, asked: Asked, args: argparse.Namespace
) -> tuple[dict[str, Any], list[NotUsed]]:
    """Write the annotation file, the report and the list; returns the report and the list."""
    replaced = args.replace_labels or bool(asked.manifest and asked.manifest.review)
    merged, new, kept = merge(coco, answers.by_image, asked.sizes, replaced)
    if faults := coco_faults(merged):
        raise DataError(f"{args.output_ann_file}, which is not written", faults)
    answers = replace(answers, not_used=[*answers.not_used, *kept])
    report = make_report(exports, answers, asked.manifest, new)
    report_file, list_file, replaced_file = output_files(args.output_ann_file)
    tasks = args.tasks / MANIFEST if args.tasks and args.tasks.is_dir() else args.tasks
    inputs = {"ann_file": args.ann_file if args.ann_file.is_file() else None, "tasks": tasks}
    inputs |= {f"labels_{number}": path for number, path in enumerate(args.labels, start=1) if path.is_file()}
    settings = {key: getattr(args, key) for key in ("all_reviewed", "annotator", "replace_labels")}
    before = {"ann_file": origin_of_coco(args.ann_file) if "info" in coco else None}
    origin = made_from("import_labels.py", inputs, settings, before)
    before_file = replaced_labels(coco, new)
    if before_file["images"]:
        write_coco(replaced_file, before_file, args.overwrite)
        print(
            f"{replaced_file}: the labels of before of {counted(len(before_file['images']), 'image')} with others now"
        )
    write_text(list_file, not_used_table(answers.not_used), args.overwrite)
    write_json(report_file, with_near_paths(report, report_file), args.overwrite, indent=1)
    write_coco(args.output_ann_file, with_origin(merged, origin), args.overwrite)
    labelled = len(merged["images"]) - len(unlabelled_ids(merged))
    print(
        f"{args.output_ann_file}: {counted(len(merged['images']), 'image')}, {labelled} labelled ({len(new)} of them new), with "
        f"{boxes_and_crowds(*count_rows(merged))}"
    )
    return report, answers.not_used


def check_some_label(exports: Sequence[Export], answers: Answers, asked: Asked, if_labelled: bool) -> bool:
    """Whether any image is labelled; otherwise says what came instead, for then nothing is written.

    Raises:
        UserError: none is, and ``if_labelled`` was not given.
    """
    if any(answer.is_label for answer in answers.by_image.values()):
        return True
    none = f"none of the {len(asked.sizes)} images is labelled in these labels"
    listed = [f"{row.place}: {row.reason}" for row in answers.not_used]
    if if_labelled:
        counts = Counter(answer.state.value for answer in answers.by_image.values())
        states = ", ".join(f"{count} {state}" for state, count in counts.items()) or "they are not in it"
        said = f"{none} yet ({states}): nothing is written"
        if not listed and not any(answer.state is State.SKIPPED for answer in answers.by_image.values()):
            said += f"; {_submit(asked.manifest)}"
        print("\n".join([said, *common_reasons(answers.not_used)]))
        return False
    if not answers.by_image:
        title = "none of the images of the tasks is in these labels"
        raise DataError(title, listed or [f"{row.path}: {row.form} without images" for row in exports])
    print(as_text(make_report(exports, answers, asked.manifest, [])))
    if any(answer.state is State.UNCLEAR for answer in answers.by_image.values()):
        print(f"{_UNCLEAR}. If all were reviewed, give the same command with --all_reviewed")
    title = f"{none}, so nothing is written"
    if listed:
        raise DataError(f"{title}; correct this in the labelling tool, and export again", listed)
    raise UserError(f"{title}: {_submit(asked.manifest)}")


def _submit(manifest: Manifest | None) -> str:
    """What is to be done about tasks that nobody has labelled."""
    if manifest and manifest.format in IN_PLACE:
        return "label them in the folder of the tasks, where the tool saves its labels"
    return (
        "submit them in the labelling tool, export again, and give --labels what the tool exports, not the files that "
        "were sent to it"
    )


def next_command(args: argparse.Namespace, manifest: Manifest | None, origin: MadeFrom | None, names: set[str]) -> str:
    """What to do next: the command that trains on the labels. Hours are the user's, and so is where the weights lie.

    Args:
        origin: what the annotation file before was made from; names: of the images of the file that was written.
    """
    output = args.output_ann_file
    run = output.with_name(f"{output.stem}_run")
    images, more = sent_folders(args.tasks, manifest)
    holding, lacking = folders_holding(names, [args.img_dir, images, more])
    first = next((folder for folder in holding if folder != more), images or more or "IMAGES")
    where = ""
    if lacking:
        first, where = "IMAGES", f", with the folder of {lacking_in_words(lacking, holding)} as IMAGES"
    others = [folder for folder in holding if folder != first] or [more] * (more is not None)
    if len(others) > 1:
        where += f", when the images of {' and '.join(others[1:])} have been copied into {others[0]}, for it takes two folders"
    words = ["CPU", "0", first, output, run, "--config_path", "auto"]
    words += ["--unlabelled_img_dir", others[0]] if others else []
    command = script_to_paste("run_standalone_train_model.sh", *words)
    names_before = [step["inputs"].get("pre_trained", {}).get("name") for step in steps_of(origin)] if origin else []
    weights = next(filter(None, names_before), "resnet18.ckpt, see README.md")
    return (
        f"to start from weights (such as {weights}), add them after {run} in the command; without them far more labels are needed\n"
        f"what to do next: train on it{where}:  {command}"
    )


def folders_holding(names: set[str], folders: Sequence[str | Path | None]) -> tuple[list[str], list[str]]:
    """The folders that hold images which the ones before do not, and the names of the images that are in none."""
    holding, lacking = [], names
    for folder in folders:
        left = {name for name in lacking if not (Path(folder) / name).is_file()} if folder else lacking
        if len(left) < len(lacking):
            holding.append(str(folder))
        lacking = left
    return holding, sorted(lacking)


def lacking_in_words(lacking: Sequence[str], holding: Sequence[str]) -> str:
    """The images whose folder is not known."""
    if not holding:
        return "its images"
    return f"the images that are not in {' or '.join(holding)} ({len(lacking)}, such as {lacking[0]})"


def sent_folders(tasks: Path | None, manifest: Manifest | None) -> tuple[str | None, str | None]:
    """The folder of the images, and that of further ones, which export_tasks.py was given; None where they are not known or not there."""
    if not manifest:
        return None, None
    place = tasks if tasks.is_dir() else tasks.parent
    folders = [name and (place.resolve() / name).resolve() for name in (manifest.img_dir, manifest.unlabelled_img_dir)]
    images, more = (nearest_path(folder) if folder and folder.is_dir() else None for folder in folders)
    return images, more


@entry_point
@all_or_none()
def main(argv: Sequence[str] | None = None) -> None:
    """Read, match, merge, write, report."""
    args = parse_args(argv)
    check_free(args.output_ann_file, args.overwrite)  # before others are named after it: "." has no name
    outputs = (args.output_ann_file, *output_files(args.output_ann_file))
    for path in outputs:
        check_free(path, args.overwrite)
    tasks = args.tasks and (args.tasks / MANIFEST if args.tasks.is_dir() else args.tasks)
    check_apart(outputs, {"ann_file": args.ann_file, "labels": args.labels, "tasks": tasks})
    manifest = read_manifest(args.tasks) if args.tasks else None
    coco = read_as_coco(args.ann_file, args.img_dir)
    if manifest:
        check_belongs(coco, manifest, args)
    asked = what_is_asked(coco, manifest, args)
    exports = read_exports(args.labels)
    answers = collect(exports, asked)
    if not check_some_label(exports, answers, asked, args.if_labelled):
        return
    report, not_used = write_outputs(coco, exports, answers, asked, args)
    print(as_text(report))
    unclear = report["images"][State.UNCLEAR.name.lower()]
    if unclear:
        remedy = (
            ""
            if args.if_labelled
            else ". If all were reviewed, give the same command with --all_reviewed and --overwrite"
        )
        print(f"{counted(unclear, 'image')} {_UNCLEAR}{remedy}")
    if report["not_used"]:
        for sentence in common_reasons(not_used):
            print(sentence)
        print(f"{counted(report['not_used'], 'thing')} could not be used, each with its reason in {outputs[2]}")
    if not args.if_labelled:  # the script of the rounds goes on by itself
        names = {image["file_name"] for image in coco["images"]}
        names |= {name for name, answer in answers.by_image.items() if answer.is_label}
        print(next_command(args, manifest, origin_of_coco(args.ann_file) if "info" in coco else None, names))


if __name__ == "__main__":
    main()
