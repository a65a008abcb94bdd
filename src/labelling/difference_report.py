"""The report of an import: what became of each image, what the labellers changed, and how long it took."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from src.labelling.answers.answer import Answer, Answers, State
from src.labelling.box_pairs import CHANGES
from src.labelling.difference import Difference, compare, seconds_summary, summary
from src.labelling.returned import Export
from src.labelling.task import Manifest, Task
from src.wording import counted

_NOT_SENT = Answer(State.NOT_DONE)


def make_report(
    exports: Sequence[Export], answers: Answers, manifest: Manifest | None, new: Sequence[str]
) -> dict[str, Any]:
    """The report as JSON values.

    Args:
        manifest: what was sent; None: unknown, so nothing can be compared. new: images whose labels are new in the output.
    """
    tasks = {task.file_name: task for task in manifest.tasks} if manifest else {}
    by_image = {name: answers.by_image.get(name, _NOT_SENT) for name in tasks} | answers.by_image
    report: dict[str, Any] = {
        "exports": [{"path": export.path, "form": export.form, "images": len(export.images)} for export in exports],
        "images": _states(by_image, len(tasks) if manifest else None) | {"new_labels": len(new)},
    }
    differences = {
        name: compare(tasks[name].image.shapes, by_image[name].shapes) for name in tasks if by_image[name].is_label
    }
    if manifest:
        report["boxes"] = _boxes(differences, tasks, manifest.classes)
    seconds = [answer.seconds for answer in by_image.values() if answer.is_label and answer.seconds is not None]
    report["seconds_per_image"] = seconds_summary(seconds)
    report["not_used"] = len(answers.not_used)
    report["notes"] = answers.notes
    report["per_image"] = [_row(name, answer, differences.get(name)) for name, answer in by_image.items()]
    return report


def _states(by_image: Mapping[str, Answer], sent: int | None) -> dict[str, Any]:
    counts = Counter(answer.state for answer in by_image.values())
    return {"sent": sent} | {state.name.lower(): counts[state] for state in State}


def _boxes(differences: Mapping[str, Difference], tasks: Mapping[str, Task], classes: Sequence[str]) -> dict[str, Any]:
    total, sent = Difference(), Counter()
    for name, difference in differences.items():
        total.add(difference)
        sent.update(prelabel.label for prelabel in tasks[name].prelabels)
    return summary(total, classes, sent)


def _row(name: str, answer: Answer, difference: Difference | None) -> dict[str, Any]:
    row: dict[str, Any] = {"file_name": name, "state": answer.state.value, "boxes": len(answer.shapes)}
    row |= {"seconds": answer.seconds, "annotator": answer.annotator}
    return row if difference is None else row | {change: sum(difference.counts[change].values()) for change in CHANGES}


def as_text(report: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    images = report["images"]
    lines = [f"read: {row['path']}: {row['form']}, {counted(row['images'], 'image')}" for row in report["exports"]]
    parts = [f"{images[key]} {words}" for key, words in _STATE_WORDS.items() if images[key]]
    sent = "" if images["sent"] is None else f" of {images['sent']} sent"
    lines.append(f"images{sent}: {', '.join(parts) or 'none'}")
    if "boxes" in report:
        lines += _table(report["boxes"])
    seconds = report["seconds_per_image"]
    if seconds["images"]:
        lines.append(
            f"seconds per image: mean {seconds['mean']:.1f}, median {seconds['median']:.1f}, of {counted(seconds['images'], 'image')}; "
            f"{seconds['total'] / 3600:.2f} hours in all"
        )
    return "\n".join([*lines, *(f"note: {sentence}" for sentence in report["notes"])])


_STATE_WORDS = {
    "labelled": "labelled",
    "empty": "reviewed and empty",
    "skipped": "skipped",
    "not_done": "not done",
    "unusable": "cannot be used",
    "unclear": "came back as sent or without boxes",
}


def _table(boxes: Mapping[str, Any]) -> list[str]:
    """Boxes per class: sent, and what became of them."""
    columns = ("sent", *CHANGES)
    rows = [("class", *columns, "IoU of accepted")]
    for name, numbers in [*boxes["per_class"].items(), ("all", boxes["all"])]:
        iou = numbers["mean_iou_of_accepted"]
        rows.append((name, *(str(numbers[key]) for key in columns), "" if iou is None else f"{iou:.3f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return lines + [
        f"relabelled: {row['from']} as {row['to']}, {counted(row['boxes'], 'box')}" for row in boxes["relabelled"]
    ]
