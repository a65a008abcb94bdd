"""What labelling has cost so far: the reports of import_labels.py (``*_labelling.json``), image by image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from src.data.formats.json_file import read_json
from src.errors import DataError
from src.wording import counted

_LABELLED = ("labelled", "reviewed and empty")
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
_Seconds = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]  # what tools write; only those above 0 are taken


class Row(msgspec.Struct):
    """An image of a report; the numbers of changes are missing where import_labels.py did not know what was sent."""

    file_name: str
    state: str
    boxes: _Count = 0
    seconds: _Seconds | None = None
    accepted: _Count | None = None
    moved: _Count | None = None
    relabelled: _Count | None = None
    deleted: _Count | None = None
    added: _Count | None = None


class Report(msgspec.Struct):
    """A report of import_labels.py, as far as it says what labelling has cost."""

    per_image: list[Row]

    @property
    def labelled(self) -> list[Row]:
        """The images that somebody has labelled."""
        return [row for row in self.per_image if row.state in _LABELLED]

    @property
    def seconds(self) -> list[float]:
        """The seconds of each labelled image of which the tool tells them."""
        return [row.seconds for row in self.labelled if row.seconds is not None]


@dataclass(frozen=True)
class LabelledImage:
    """An image that somebody has labelled.

    Attributes:
        sent: boxes of the detector that it was sent with; moved, relabelled, deleted: what became of them, the others were accepted.
        added: boxes that were drawn. seconds: the time it took, None where the tool does not tell it.
        report: place of its report among all, from 0.
    """

    sent: int
    moved: int
    relabelled: int
    deleted: int
    added: int
    seconds: float | None
    report: int = 0

    @property
    def corrected(self) -> int:
        """Boxes that were changed or taken out."""
        return self.moved + self.relabelled + self.deleted

    @property
    def boxes(self) -> int:
        """Boxes that it has in the end."""
        return self.sent - self.deleted + self.added


@dataclass(frozen=True)
class PastRounds:
    """The labelled images of the reports, each once; left_out: how many others are of no use, in words."""

    images: tuple[LabelledImage, ...] = ()
    left_out: tuple[str, ...] = ()


def read_past_rounds(paths: Sequence[Path]) -> PastRounds:
    """Read reports in their order. Of an image that is in several, the last counts, for exports may overlap.

    Raises:
        UserError: a file is missing. DataError: it is no such report.
    """
    found: dict[str, LabelledImage] = {}
    uncompared = 0
    for place, path in enumerate(paths):
        for row in read_report(path).labelled:
            if None in (row.accepted, row.moved, row.relabelled, row.deleted, row.added):
                uncompared += 1
                continue
            sent = row.accepted + row.moved + row.relabelled + row.deleted
            seconds = row.seconds if row.seconds and row.seconds > 0 else None
            found[row.file_name] = LabelledImage(
                sent,
                moved=row.moved,
                relabelled=row.relabelled,
                deleted=row.deleted,
                added=row.added,
                seconds=seconds,
                report=place,
            )
    sentences = [
        f"imported without --tasks, so what was corrected is not known: {counted(uncompared, 'image')}"
    ] * bool(uncompared)
    untimed = sum(image.seconds is None for image in found.values())
    sentences += [f"the tool does not record the seconds of {counted(untimed, 'image')}"] * bool(untimed)
    return PastRounds(tuple(found.values()), tuple(sentences))


def read_report(path: Path) -> Report:
    """A report of import_labels.py; raises as `read_past_rounds`."""
    try:
        return msgspec.convert(read_json(path), Report)
    except msgspec.ValidationError as error:
        raise DataError(str(path), [f"no report of import_labels.py (NAME_labelling.json): {error}"]) from None
