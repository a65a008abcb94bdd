"""Which of several answers of one image is taken."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from src.errors import UserError
from src.labelling.answers.answer import LEFT_UNLABELLED, Answer, Asked, NotUsed, State
from src.labelling.difference import is_untouched
from src.labelling.moments import moment

_NO_TIME = "annotations whose time cannot be read, of which the later one in the files counts as the newer: {}"


def check_annotator(wanted: str | None, candidates: Mapping[str, Sequence[Answer]]) -> None:
    """Raise a UserError if nothing is by the ``wanted`` annotator."""
    known = {answer.annotator for answers in candidates.values() for answer in answers if answer.annotator}
    if wanted is None or wanted in known or not candidates:
        return
    there = f"there are those of {', '.join(sorted(known))}" if known else "they do not say who has labelled"
    raise UserError(f"--annotator {wanted}: these labels have no annotation of theirs; {there}")


def choose(key: str, answers: list[Answer], asked: Asked, not_used: list[NotUsed], counts: Counter) -> Answer:
    """The one answer of an image: a label before none, the wanted annotator's before others', then the newest."""
    labels = [answer for answer in answers if answer.is_label]
    if not labels:
        order = (State.SKIPPED, State.UNCLEAR, State.UNUSABLE, State.NOT_DONE)
        return min(answers, key=lambda answer: order.index(answer.state))
    wanted = [answer for answer in labels if asked.annotator and answer.annotator == asked.annotator] or labels
    chosen = _newest(wanted, counts)
    if asked.annotator and chosen.annotator != asked.annotator:
        counts["images without an annotation of --annotator, of which that of another one is taken: {}"] += 1
    others = [answer for answer in labels if answer is not chosen and not is_untouched(answer.shapes, chosen.shapes)]
    if others:
        counts["images with several annotations that differ, of which the newest is taken: {}"] += 1
        reason = "another annotation of this image is taken" + (f", {chosen.place}" if chosen.place else "")
        not_used += [NotUsed(key, answer.place, reason) for answer in others]
    return chosen


def _newest(answers: Sequence[Answer], counts: Counter) -> Answer:
    """The newest of several answers; of equal or unknown times the later one in the files."""
    moments = [None if answer.when is None else moment(answer.when) for answer in answers]
    newest = 0
    for place in range(1, len(answers)):
        if not (moments[place] and moments[newest] and moments[place] < moments[newest]):
            newest = place
    if len(answers) > 1:
        counts[_NO_TIME] += sum(not found and bool(answer.when) for answer, found in zip(answers, moments, strict=True))
    return answers[newest]


def of_this_one(row: NotUsed) -> NotUsed:
    """What is not used of an image that another annotation labels."""
    if not row.reason.startswith(LEFT_UNLABELLED):
        return row
    return replace(
        row,
        reason=f"this annotation is not used, another one of the image is: {row.reason.removeprefix(LEFT_UNLABELLED)}",
    )
