"""What of a data set cannot be used and is left out when that is asked for (--leave_out_faulty): counted, listed, and bounded.

A box without area goes, and its image stays. An image goes whole when it cannot be decoded, or when one of its objects is visible
and cannot be used (its class or its place is wrong): without the object the image would teach that nothing is there.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.command_line import percent
from src.errors import SHOWN_FAULTS, DataError, Summary
from src.files import write_json
from src.wording import counted, examples, kind_of

FILE_NAME = "left_out.json"  # beside the output
AT_MOST = 5.0  # percent, of the images and of the boxes


@dataclass
class LeftOut:
    """What is left out of one data set.

    Attributes:
        source: the annotation file or folder; at_most: percent of the images, and of the boxes, that may be left out.
        images: {"image", "reason"} of each image; boxes: {"image", "box", "reason"} of each box of an image that stays; fields:
            the same of values beside a box that nothing is trained on.
        of_images, of_boxes: how many there were, the boxes without those of images that go whole, see `check`.
    """

    source: str
    at_most: float = AT_MOST
    images: list[dict[str, str]] = field(default_factory=list)
    boxes: list[dict[str, str]] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    of_images: int = 0
    of_boxes: int = 0

    def image(self, name: str, reasons: Sequence[str]) -> None:
        """Note an image that goes whole."""
        self.images.append({"image": name, "reason": "; ".join(reasons)})

    def box(self, image: str, box: str, reason: str = "has no area") -> None:
        """Note a box of an image that stays."""
        self.boxes.append({"image": image, "box": box, "reason": reason})

    def check(self, kept_images: int, kept_boxes: int) -> None:
        """Count what there was.

        Raises:
            DataError: more is left out than may be.
        """
        self.of_images, self.of_boxes = kept_images + len(self.images), kept_boxes + len(self.boxes)
        counts = (
            (len(self.images), self.of_images, "images"),
            (len(self.boxes), self.of_boxes, f"boxes{self._of_others}"),
        )
        over = [f"{some} of {all_} {what}" for some, all_, what in counts if 100 * some > self.at_most * all_]
        if over:
            percent = max(-(-100 * some // all_) for some, all_, _ in counts if some)
            remedy = (
                f", or leave them out with --faulty_at_most {percent}" if percent < 50 else ""
            )  # else it is the folder
            raise DataError(
                f"{self.source}: {' and '.join(over)} cannot be used, more than --faulty_at_most {self.at_most:g} percent; "
                f"correct them{remedy}",
                LeftOut(self.source, images=self.images, boxes=self.boxes).shown(),
            )

    def shown(self) -> list[str]:
        """A sentence for each row, or, of many, for each reason."""
        sentences = [sentence_on(row) for row in self.rows]
        return sentences if len(sentences) <= SHOWN_FAULTS else rows_by_reason(self)

    def __str__(self) -> str:
        text = f"{self.source}: left out {len(self.images)} of {counted(self.of_images, 'image')}"
        text += f" and {len(self.boxes)} of {counted(self.of_boxes, 'box')}{self._of_others}" if self.of_boxes else ""
        return text + (f"; {len(self.fields)} areas are taken from their boxes" if self.fields else "")

    @property
    def _of_others(self) -> str:
        """Whose the counted boxes are: those of images that go whole are not among them."""
        return " of the other images" if self.images else ""

    @property
    def rows(self) -> list[dict[str, str]]:
        """Everything that was noted."""
        return [*self.images, *self.boxes, *self.fields]


def note_image(left_out: LeftOut | None, faults: list[str], image: str, reasons: Sequence[str]) -> None:
    """Leave an image out, or, where nothing may be left out, add the reasons to the faults."""
    if left_out is None:
        faults += reasons
    else:
        left_out.image(image, reasons)


def add_options(parser: argparse.ArgumentParser) -> None:
    """--leave_out_faulty and --faulty_at_most of a program that is no training run."""
    help_faulty = "leave out what cannot be used instead of stopping: boxes without area, images that are broken or have an object "
    parser.add_argument("--leave_out_faulty", action="store_true", help=help_faulty + "that cannot be used; list them")
    parser.add_argument(
        "--faulty_at_most",
        type=percent,
        default=AT_MOST,
        metavar="PERCENT",
        help=f"of the images, and of the boxes, that may be left out (default {AT_MOST:g})",
    )


def describe(left_out: Iterable[LeftOut], path: Path | None = None) -> list[str]:
    """Sentences on what was left out, and where its list is, if there is one; none where nothing was."""
    sentences = [str(one) for one in left_out if one.rows]
    return [*sentences, f"what was left out, and why: {path}"] if sentences and path else sentences


def write_left_out(path: Path, left_out: Iterable[LeftOut], overwrite: bool) -> list[str]:
    """Write the list with the reasons, if anything was left out; returns sentences that say the counts and where it is."""
    some = [one for one in left_out if one.rows]
    if not some:
        return []
    write_json(path, [_as_json(one) for one in some], overwrite, indent=1)
    return describe(some, path)


def _as_json(left_out: LeftOut) -> dict[str, Any]:
    counts = {"images_left_out": len(left_out.images), "of_images": left_out.of_images}
    counts |= {"boxes_left_out": len(left_out.boxes), "of_boxes": left_out.of_boxes}
    lists = {"images": left_out.images, "boxes": left_out.boxes, "areas_of_boxes": left_out.fields}
    return {"source": left_out.source, **counts, **lists}


def sentence_on(row: dict[str, str]) -> str:
    """What is left out, and why."""
    return f"{row['image']}: {'box ' + row['box'] + ' ' if 'box' in row else ''}{_reason(row)}"


def rows_by_reason(left_out: LeftOut) -> list[Summary]:
    """One sentence per reason: how many images or boxes it holds for, some of their names, and the reason in its shortest form."""
    sentences = []
    for noun, rows in (("image", left_out.images), ("box", left_out.boxes), ("area", left_out.fields)):
        kinds: dict[frozenset[str], list[dict[str, str]]] = {}
        for row in rows:
            # One reason may hold for several objects of an image.
            kinds.setdefault(frozenset(map(kind_of, _reason(row).split("; "))), []).append(row)
        for alike in kinds.values():
            names = examples(list(dict.fromkeys(row["image"] for row in alike)), SHOWN_FAULTS)
            sentence = f"{counted(len(alike), noun)} ({names}): {min(map(_reason, alike), key=len)}"
            sentences.append(Summary(sentence, map(sentence_on, alike)))
    return sentences


def _reason(row: dict[str, str]) -> str:
    """Why it is left out; a reason that begins with the name of the image, or with its path, without that."""
    name, reason = row["image"], row["reason"]
    place, colon, rest = reason.partition(": ")
    return rest if colon and (place == name or place.endswith(f"/{name}")) else reason
