"""Compare the tasks of a round with what has changed beside them since; called by _rounds.sh.

    _round_tasks.py tasks TASKS --list LIST --format TOOL
    _round_tasks.py labels TASKS --new_ann NEW_ANN --labels PATH [PATH ...] [--annotator NAME] [--all_reviewed]

The first refuses tasks of another labelling tool, and tells whether the list of picked images was edited since the tasks were
made. The second tells which labels have changed, or come, since they were imported into NEW_ANN.
"""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

import import_labels
from src.active.picking.pick_list import read_list
from src.data.formats.reading import read_as_coco
from src.errors import UserError, entry_point
from src.labelling.answers.collect import collect
from src.labelling.merge import merge
from src.labelling.returned import read_exports
from src.labelling.task import read_manifest
from src.wording import counted


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    tasks, labels = (kinds.add_parser(name) for name in ("tasks", "labels"))
    for part in (tasks, labels):
        part.add_argument("tasks", type=Path)
    tasks.add_argument("--list", type=Path, required=True)
    tasks.add_argument("--format", required=True)
    labels.add_argument("--new_ann", dest="ann_file", type=Path, required=True)
    labels.add_argument("--labels", type=Path, nargs="+", required=True)
    labels.add_argument("--annotator")
    labels.add_argument("--all_reviewed", action="store_true")
    return parser.parse_args(argv)


def check_tasks(tasks: Path, list_file: Path, tool: str) -> None:
    """Refuse tasks of another tool; print whether the list holds other images than the tasks.

    Raises:
        UserError: the tasks are of another tool.
    """
    manifest = read_manifest(tasks)
    if manifest.format != tool:
        raise UserError(
            f"format: {tasks} holds tasks for {manifest.format}, not for {tool}; give --format {manifest.format}, or move that folder "
            "away to have it made anew, if nobody has labelled in it yet"
        )
    listed, sent = set(read_list(list_file)), {task.file_name for task in manifest.tasks}
    if listed != sent:
        odd = min(listed ^ sent)
        print(
            f"note: {list_file} was edited since its {counted(len(sent), 'image', 'were')} written to {tasks} (such as {odd}); those "
            "of the tasks are labelled. To have the tasks made anew, move that folder away"
        )


def changed_labels(args: argparse.Namespace) -> list[str]:
    """The images of the tasks that ``args.labels`` label otherwise than the file that they were imported into."""
    manifest = read_manifest(args.tasks)
    coco = read_as_coco(args.ann_file, None)
    asked = import_labels.what_is_asked(coco, manifest, args)
    answers = collect(read_exports(args.labels), asked)
    return merge(coco, answers.by_image, asked.sizes, replace=True)[1]


def away_command(new_ann: Path) -> str:
    """What moves the labels of a round, and the later rounds, which were trained on them, into a folder of their own."""
    job, number = new_ann.parent.parent, int(new_ann.parent.name.removeprefix("round_"))
    later = sorted(
        (path for path in job.glob("round_*") if path.name[6:].isdecimal() and int(path.name[6:]) > number),
        key=lambda path: int(path.name[6:]),
    )
    taken = sum(1 for _ in job.glob("without_late_labels_*"))
    kept = job / f"without_late_labels_{taken + 1}"
    return f"mkdir {shlex.quote(str(kept))} && {shlex.join(['mv', *map(str, (new_ann, *later, kept))])}"


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Compare, and tell."""
    args = parse_args(argv)
    if args.kind == "tasks":
        check_tasks(args.tasks, args.list, args.format)
        return
    place = " ".join(map(str, args.labels))
    try:
        changed = changed_labels(args)
    except UserError as error:
        print(f"note: {place}: changed since they were imported into {args.ann_file}, and cannot be compared: {error}")
        return
    if changed:
        print(
            f"note: {place}: {counted(len(changed), 'image')} labelled otherwise than in {args.ann_file}, into which they were "
            f"imported before, such as {changed[0]}; these labels are not read again, and the job goes on without them. To take them, stop "
            "it, type this, which keeps what was made without them, and give the same command again:\n"
            + away_command(args.ann_file)
        )


if __name__ == "__main__":
    main()
