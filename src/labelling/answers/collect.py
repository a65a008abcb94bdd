"""From the exports of labelling tools to one answer per image."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from src.data.checks.row_marks import mark_doubts
from src.data.classes import renamed_classes
from src.errors import UserError
from src.labelling.answers.annotation import answer_of
from src.labelling.answers.answer import Answer, Answers, Asked, NotUsed
from src.labelling.answers.matching import match
from src.labelling.answers.precedence import check_annotator, choose, of_this_one
from src.labelling.returned import Export
from src.wording import counted


def collect(exports: Sequence[Export], asked: Asked) -> Answers:
    """One answer per image.

    Raises:
        DataError: names that may be any of several images. UserError: nothing is of the wanted annotator, or no class is a known one.
    """
    _check_classes(exports, asked.classes)
    matches = match(exports, asked)
    not_used = [NotUsed("", export.path, reason) for export in exports for reason in export.unread] + matches.not_used
    sent = {task.file_name: task.image.shapes for task in asked.manifest.tasks} if asked.manifest else None
    candidates: dict[str, list[Answer]] = defaultdict(list)
    counts: Counter = Counter()
    for image, key in matches.found:
        answer, left_out = answer_of(image, key, asked, sent, counts)
        not_used += [NotUsed(key, image.place, reason) for reason in left_out]
        candidates[key].append(answer)
    check_annotator(asked.annotator, candidates)
    by_image = {key: choose(key, answers, asked, not_used, counts) for key, answers in candidates.items()}
    labelled = {key for key, answer in by_image.items() if answer.is_label}
    not_used = [of_this_one(row) if row.file_name in labelled else row for row in not_used]
    notes = [doubt for export in exports for doubt in export.doubts]
    if matches.by_end:
        name, key = next(iter(matches.by_end.items()))
        count = counted(len(matches.by_end), "image", "were")
        notes.append(f"{count} matched by the only name that ends alike, such as {name}: {key}")
    notes += [sentence.format(count) for sentence, count in counts.items() if count]
    marks = [(key, mark) for image, key in matches.found for shape in image.shapes for mark in shape.marks]
    notes += mark_doubts(marks, "take them out")
    return Answers(by_image, not_used, notes)


def _check_classes(exports: Sequence[Export], classes: Sequence[str]) -> None:
    """Raise a UserError if all classes of several images have other names: that is one fault, not one of each image."""
    labels = [{shape.label for shape in image.shapes} for export in exports for image in export.images]
    found = sorted(set().union(*labels))
    if sum(map(bool, labels)) < 2 or set(found) & set(classes):
        return
    meant = renamed_classes(found, classes)
    names = ", ".join(f"{name} to {known}" for name, known in meant.items()) if meant else "them"
    remedy = f"rename {names} in the labelling tool and export again, or in the exported files"
    raise UserError(
        f"{', '.join(dict.fromkeys(export.path for export in exports))}: the classes are {', '.join(found)}, and none of them is one of "
        f"{', '.join(classes)}; {remedy}"
    )
