"""Send picked images to a labelling tool, in the order of the pick, with the detector's boxes to correct.

    python export_tasks.py --picked_file selection/train_60_picked.txt --img_dir train/images \\
        --infer_json found/infer_results.json --format label_studio --output_dir tasks

Written is a folder with the tool's files, the images (--image_files), order.csv, README.md that says what to click, and
manifest.json, by which import_labels.py finds the images again. Where the list has a table of reasons beside it (NAME.csv),
each task says why its image was picked.

With --review, labelled images go out whose labels may be wrong, the worst first: those that the detector most confidently
disagrees with (missing box, moved box, wrong class, nothing there). The boxes are the labels of --ann_file; import_labels.py
replaces them by the corrections.

    python export_tasks.py --review --ann_file train_60.json --img_dir train/images --infer_json found/infer_results.json \\
        --format label_studio --output_dir review

Boxes are shown from a score on that gives a precision of 0.8 on validation images, per class: --eval_infer_json and
--eval_ann_file. Without these it is 0.5, which is a guess.
"""

import argparse
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from src.active.picking.pick_list import read_list, reasons_file
from src.active.ranking import read_ranking
from src.active.strategies.reference import CONFIDENT
from src.command_line import NAMES_HELP, parse_names, program_parser, refuse_idle
from src.data.annotations import Annotations
from src.data.checks.consistency import check_labelled
from src.data.classes import alike_names, check_names, foreground, in_class_order, joined_names
from src.data.formats.coco_annotations import from_coco
from src.data.formats.json_file import read_json
from src.data.formats.label_states import unlabelled_ids
from src.data.formats.reading import read_as_coco, read_data
from src.data.image_listing import check_outside
from src.data.provenance import made_from, read_side_file
from src.errors import DataError, UserError, entry_point
from src.evaluation.box_arrays import detection_arrays
from src.evaluation.coco_matching import match
from src.evaluation.doubtful_results import doubts
from src.evaluation.errors.precision_thresholds import precision_thresholds
from src.evaluation.results_file import check_results
from src.labelling.outgoing import IMAGE_FILES, TOOLS, check_folder, write_tasks
from src.labelling.picked import (
    GUESSED_THRESHOLD,
    Reason,
    check_places,
    class_names_of,
    make_tasks,
    prelabels,
    read_detections,
    read_reasons,
)
from src.labelling.review import rank_by_disagreement
from src.labelling.review_tasks import Detections, fill_task, labels_of, pair_with_detections
from src.labelling.task import Manifest
from src.wording import SHOWN_NAMES, as_share, counted

PRECISION = 0.8  # share of the boxes that is to be right
REVIEW_SHARE = 0.15  # of the labelled images, sent out unless --review_count says otherwise


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    help_list = "list of pick_select.py: one file name per line"
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--picked_file", type=Path, help=help_list)
    help_review = "send labelled images of --ann_file out whose labels may be wrong"
    source.add_argument("--review", action="store_true", help=help_review)
    help_count = "images to review at most (default: 15 percent of the labelled ones)"
    parser.add_argument("--review_count", type=int, help=help_count)
    parser.add_argument("--img_dir", type=Path, required=True, help="folder of the images")
    parser.add_argument("--unlabelled_img_dir", type=Path, help="folder of further images of the list")
    help_infer = "infer_results.json of infer.py with the detections of these images (default: no boxes are sent)"
    parser.add_argument("--infer_json", type=Path, help=help_infer)
    parser.add_argument("--format", choices=tuple(TOOLS), required=True, help="the labelling tool")
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to make")
    help_files = "copy the images into the folder (default), link them, or leave them where they are"
    parser.add_argument("--image_files", choices=IMAGE_FILES, default="copy", help=help_files)
    help_names = f"classes in the order of their labels, {NAMES_HELP} (default: as infer.py says beside --infer_json)"
    parser.add_argument("--class_names", nargs="+", default=(), help=help_names)
    parser.add_argument("--ann_file", type=Path, help="annotation file of the training, to take the classes from")
    help_eval = "detections on validation images: eval_results.json of eval.py, or infer_results.json of infer.py"
    parser.add_argument("--eval_infer_json", type=Path, help=help_eval)
    parser.add_argument("--eval_ann_file", type=Path, help="annotations of these validation images")
    parser.add_argument("--eval_img_dir", type=Path, help="their folder, which forms other than COCO need")
    help_precision = "share of the boxes that is to be right on validation images (default 0.8)"
    parser.add_argument("--precision", type=float, default=PRECISION, help=help_precision)
    parser.add_argument("--top_value_file", type=Path, help="ranking of sorted_values.py, for the acquisition scores")
    args = parser.parse_args(argv)
    if (args.eval_infer_json is None) != (args.eval_ann_file is None):
        parser.error("--eval_infer_json and --eval_ann_file belong together: give both or none")
    if args.review and (args.ann_file is None or args.infer_json is None):
        parser.error("--review needs --ann_file, the labels, and --infer_json, detections in the labelled images")
    if args.review and args.class_names:
        parser.error("--class_names goes with --picked_file: with --review the classes are those of --ann_file")
    if args.review_count is not None and (not args.review or args.review_count < 1):
        parser.error("--review_count goes with --review and must be 1 or more")
    of_scores = ("eval_infer_json", "precision", "top_value_file")
    refuse_idle(parser, args, of_scores, "goes with --picked_file; --review sends labels, not detections", args.review)
    refuse_idle(parser, args, ("eval_img_dir",), "goes with --eval_infer_json", args.eval_infer_json is None)
    if not 0 < args.precision <= 1:
        parser.error(f"--precision must lie between 0 and 1, such as 0.8{as_share(args.precision)}")
    return args


def find_classes(args: argparse.Namespace) -> list[str]:
    """The classes: those of the command line, else of the annotation file, else of the detector.

    Raises:
        UserError: they are not known.
    """
    names = list(parse_names(args.class_names))
    check_names(names)
    if not names and args.ann_file:
        names = list(read_data(args.ann_file, args.img_dir, unlabelled_img_dir=args.unlabelled_img_dir).class_names)
    if not names and args.infer_json:
        names = class_names_of(args.infer_json)
    if not names:
        raise UserError(
            "the classes are not known; give --ann_file, the annotation file of the training, or --class_names"
        )
    names = list(foreground(names))
    check_names(names)
    for sentence in (*alike_names(names), *(joined_names(names) if args.class_names else ())):
        print(f"suspicious: {sentence}")
    return names


def detector_classes(path: Path, classes: Sequence[str], given: bool = False) -> list[str]:
    """The classes of a detector in the order of its labels: as infer.py says beside its detections, else ``classes``.

    Args:
        given: ``classes`` are those of --class_names, in the order of the labels; they may be other names of the detector's classes.

    Raises:
        UserError: the order that is given is another one. DataError: naming each of its classes that is not among ``classes``.
    """
    names = list(foreground(class_names_of(path))) or list(classes)
    if given:
        if any(name in names and names[place : place + 1] != [name] for place, name in enumerate(classes)):
            raise UserError(
                f"--class_names: the labels of {path} stand for {', '.join(names)}, in this order; in another one "
                "boxes would get names of other classes. Give them in this order, or leave --class_names out"
            )
        return list(classes)
    if unknown := [name for name in names if name not in classes]:
        title = f"{path}: classes of the detector that are none of {', '.join(classes)}; infer with a detector of these"
        raise DataError(title, unknown)
    return names


def find_thresholds(args: argparse.Namespace, classes: list[str]) -> tuple[dict[str, float | None], str]:
    """The least score of a box per class, and where it comes from; a class that never is right enough gets no boxes."""
    guess: dict[str, float | None] = dict.fromkeys(classes, GUESSED_THRESHOLD)
    if args.eval_infer_json is None:
        unused = "" if args.precision == PRECISION else f", so --precision {args.precision:g} is not used"
        return guess, f"a guess: no validation images were given{unused}"
    truth = in_class_order(read_data(args.eval_ann_file, args.eval_img_dir), classes, args.eval_ann_file)
    check_labelled(truth)
    labels = detector_classes(args.eval_infer_json, classes, bool(args.class_names))
    found = precision_thresholds(match(truth, read_records(args.eval_infer_json, truth, labels)), args.precision)
    never = [name for name, score in found.items() if score is None]
    unknown = [name for name in classes if name not in found]
    source = f"precision {args.precision:g} on {len(truth.images)} validation images"
    source += f"; never reached, so without boxes: {', '.join(never)}" if never else ""
    source += f"; guessed, since no validation image shows them: {', '.join(unknown)}" if unknown else ""
    return guess | found, source


def read_records(path: Path, truth: Annotations, labels: Sequence[str]) -> list[dict]:
    """COCO result records of the validation images, from either file of detections.

    Args:
        labels: the detector's classes in the order of its labels, each one of ``truth``.
    """
    value = read_json(path)
    if isinstance(value, dict):
        known = [entry for entry in truth.images if entry.file_name in value]
        found = read_detections(path, [entry.file_name for entry in known], labels)
        check_places(path, known, found, labels, dict.fromkeys(labels, GUESSED_THRESHOLD))
        category_of = dict(zip(truth.class_names, truth.category_ids, strict=True))
        value = [
            {
                "file_name": name,
                "image_id": name,
                "category_id": category_of[labels[row.label]],
                "bbox": list(row.box),
                "score": row.score,
            }
            for name, rows in found.items()
            for row in rows
        ]
    return check_results(value, truth, str(path))


def find_reasons(args: argparse.Namespace, names: list[str]) -> list[Reason]:
    """Why each image was picked, as far as it is known."""
    known = read_reasons(reasons_file(args.picked_file))
    values = read_ranking(args.top_value_file) if args.top_value_file else {}
    reasons = []
    for rank, name in enumerate(names, start=1):
        reason = known.get(name, Reason())
        score = values.get(name) if reason.score is None else reason.score
        of_score = f"acquisition score {score:.4g}" if score is not None and reason.telling else ""
        words = [f"{rank} of {len(names)}", of_score, reason.words]
        reasons.append(Reason(score, "; ".join(filter(None, words))))
    return reasons


def print_review_doubts(path: Path, records: list[dict], truth: Annotations) -> None:
    """What speaks against reviewing labels by these detections."""
    for sentence in doubts(records, truth):
        print(f"suspicious: {sentence}")
    if not records:
        print(
            f"suspicious: {path} has no detection in any of {counted(len(truth.labelled), 'labelled image')}, so every label counts as one of "
            "nothing; is it of a trained detector, and of these images?"
        )
    elif all(row["score"] <= CONFIDENT for row in records):
        print(
            f"note: no detection has a score above {CONFIDENT}: the detector knows little yet, so a disagreement says little about a label; "
            "after a longer training the review finds more"
        )


def review(args: argparse.Namespace) -> None:
    """Rank labelled images by disagreement, write the folder, report."""
    coco = read_as_coco(args.ann_file, args.img_dir, unlabelled_img_dir=args.unlabelled_img_dir)
    labels, crowded = labels_of(coco, unlabelled_ids(coco))
    truth = from_coco(coco)
    classes = list(truth.class_names)
    records = read_records(args.infer_json, truth, detector_classes(args.infer_json, classes))
    image, label, score, box, _, _ = detection_arrays(truth, records)
    ids = np.array([entry.image_id for entry in truth.images], np.int64)
    check_detected(args.infer_json, labels)
    ranking = rank_by_disagreement(pair_with_detections(coco, labels, Detections(ids[image], label, score, box)))
    doubted = [name for name, rows in ranking.items() if rows]
    if not doubted:
        raise UserError(f"the detector agrees with the labels of all {len(labels)} images: there is nothing to review")
    most = max(math.ceil(REVIEW_SHARE * len(labels)), 1) if args.review_count is None else args.review_count
    names = doubted[:most]
    tasks, paths = make_tasks(names, args.img_dir, args.unlabelled_img_dir, renamed=args.image_files != "none")
    for task in tasks:
        fill_task(task, labels[task.file_name], ranking[task.file_name], coco, TOOLS[args.format].polygons)
    masks = any(prelabel.segmentation for task in tasks for prelabel in task.prelabels)
    inputs = {"ann_file": args.ann_file if args.ann_file.is_file() else None, "infer_json": args.infer_json}
    origin = made_from("export_tasks.py", inputs, {"format": args.format, "review": True}, {})
    manifest = Manifest(
        args.format,
        classes,
        {},
        "labels to review",
        tasks,
        masks,
        review=True,
        **places_of_inputs(args),
        made_from=origin,
    )
    write_tasks(manifest, paths, args.output_dir, args.image_files, args.ann_file)
    print_review_doubts(args.infer_json, records, truth)
    kinds = Counter(ranking[name][0].kind for name in names)
    print(
        f"{args.output_dir}: {counted(len(tasks), 'image')} to review for {args.format}, of {len(doubted)} with a disagreement and "
        f"{len(labels)} labelled ones: {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}"
    )
    if crowded:
        listed = ", ".join(crowded[:SHOWN_NAMES]) + (" and others" if len(crowded) > SHOWN_NAMES else "")
        print(
            f"{counted(len(crowded), 'labelled image')} with crowds left out, for tools do not bring crowds back: {listed}"
        )
    print(f"what to do next: {args.output_dir / 'README.md'}")


def places_of_inputs(args: argparse.Namespace) -> dict[str, str]:
    """The folders of the images and the annotation file, seen from that of the tasks, so that all can be moved together."""
    places = {"img_dir": args.img_dir, "unlabelled_img_dir": args.unlabelled_img_dir, "ann_file": args.ann_file}
    tasks = args.output_dir.resolve()
    return {key: os.path.relpath(place.resolve(), tasks) for key, place in places.items() if place}


def check_detected(path: Path, labels: Mapping[str, object]) -> None:
    """Raise a DataError if labelled images are not in infer_results.json, so that nothing would be seen in them."""
    content = read_json(path)
    if isinstance(content, dict) and (lacking := [name for name in labels if name not in content]):
        title = (
            f"{path}: labelled images without detections; run infer.py with --infer_img_dir, the folder of all images"
        )
        raise DataError(title, lacking)


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Read the list and the detections, choose thresholds, write the folder, report."""
    args = parse_args(argv)
    check_folder(args.output_dir)
    if args.image_files != "none":
        check_outside(args.output_dir, {"unlabelled_img_dir": args.unlabelled_img_dir})
    if args.review:
        review(args)
        return
    names = read_list(args.picked_file)
    classes = find_classes(args)
    thresholds, thresholds_from = find_thresholds(args, classes)
    tasks, paths = make_tasks(names, args.img_dir, args.unlabelled_img_dir, renamed=args.image_files != "none")
    found, labels = {}, classes  # --class_names are those of the detector's labels
    if args.infer_json:
        labels = detector_classes(args.infer_json, classes, bool(args.class_names))
        found = read_detections(args.infer_json, names, labels)
        check_places(args.infer_json, tasks, found, labels, thresholds)
    for task, reason in zip(tasks, find_reasons(args, names), strict=True):
        rows = found.get(task.file_name, [])
        task.score, task.reason = reason.score, reason.words
        task.prelabels = prelabels(rows, labels, thresholds, TOOLS[args.format].polygons)
    masks = any(prelabel.segmentation for task in tasks for prelabel in task.prelabels)
    inputs = {"picked_file": args.picked_file, "infer_json": args.infer_json, "eval_infer_json": args.eval_infer_json}
    before = {"picked_file": read_side_file(args.picked_file)}
    origin = made_from("export_tasks.py", inputs, {"format": args.format, "precision": args.precision}, before)
    places = places_of_inputs(args)
    manifest = Manifest(args.format, classes, thresholds, thresholds_from, tasks, masks, **places, made_from=origin)
    write_tasks(manifest, paths, args.output_dir, args.image_files, args.ann_file)
    boxes = sum(len(task.prelabels) for task in tasks)
    print(
        f"{args.output_dir}: {counted(len(tasks), 'image')} for {args.format}, {counted(boxes, 'box')} of the detector"
    )
    if args.infer_json:
        shown = ", ".join(
            f"{name} {'none' if score is None else format(score, '.3f')}" for name, score in thresholds.items()
        )
        print(f"least scores of the boxes: {shown} ({thresholds_from})")
    print(f"what to do next: {args.output_dir / 'README.md'}")


if __name__ == "__main__":
    main()
