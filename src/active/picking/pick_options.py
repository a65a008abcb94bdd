"""The options of a pick: which files, how many images, and what may be overwritten or resumed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.command_line import names_in_one_word, parse_names
from src.errors import UserError
from src.wording import as_share

_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class PickOptions:
    """The options of pick_select.py, see its ``--help``; files and folders that were not given are None.

    Attributes:
        pick_ratio: percent of all images that are labelled after the pick; budget_images, budget_boxes, budget_hours: what the
            picked images may cost. Exactly one is given, or none with `picked_file`.
        class_names: words that `parse_names` reads; empty: those of `ann_file`.
        labelling_reports: reports of import_labels.py, of earlier rounds.
        policy: 1 or 2, see random_select.py; None: that of `combine_ann_file`.
        at_least: minimum number of objects per class, each as "CLASS=N".
        list_only: the list is written, and no annotation file.
        random_share: 0 to 1, of the picked images; seed: of their draw, -1: not seeded.
    """

    ann_file: Path
    combine_ann_file: Path | None
    img_dir: Path | None
    class_names: Sequence[str]
    pick_ratio: float | None
    budget_images: int | None
    budget_boxes: float | None
    budget_hours: float | None
    labelling_reports: Sequence[Path]
    top_value_file: Path | None
    picked_file: Path | None
    unlabelled_img_dir: Path | None
    policy: int | None
    at_least: Sequence[str]
    random_share: float
    seed: int
    empty_is_reviewed: bool
    output_ann_file: Path | None
    list_only: bool
    resume: bool
    resume_anyway: bool
    used_by: Path | None
    overwrite: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The classes of `class_names`, in the order of their labels."""
        return parse_names(self.class_names)

    @property
    def list_file(self) -> Path:
        """The list of picked images: the given one, or the one beside the output."""
        return self.picked_file or list_beside(self.output_ann_file)

    @property
    def budget(self) -> str:
        """The option that says how much is picked, with its value."""
        names = ("budget_images", "budget_boxes", "budget_hours", "pick_ratio")
        return next(f"--{name} {getattr(self, name):g}" for name in names if getattr(self, name) is not None)

    @property
    def keeps_list(self) -> bool:
        """Whether the list of an earlier pick is used, instead of picking again."""
        return self.picked_file is not None or (self.resume and self.list_file.is_file())

    def floors(self, classes: Sequence[str]) -> dict[str, int]:
        """Class -> minimum number of its objects.

        Raises:
            UserError: not of the form CLASS=N, or a class that is not one of ``classes``; a share that is not within 0 to 1, or that leaves none of the pick to them.
        """
        if not 0 <= self.random_share <= 1:
            raise UserError(
                f"random_share {self.random_share:g}: must lie between 0 and 1, such as 0.1{as_share(self.random_share)}"
            )
        if self.at_least and self.random_share == 1:
            raise UserError(
                "random_share 1: all images are drawn at random, so none is left to pick for --at_least; lower --random_share, such as "
                "to 0.1, or leave --at_least out"
            )
        floors = {}
        for text in self.at_least:
            name, _, least = text.rpartition("=")
            if name in floors:
                raise UserError(
                    f"at_least: {name} is given twice, as {floors[name]} and as {least:.20}; give one number"
                )
            if name not in classes or not _COUNT.fullmatch(least):
                raise UserError(
                    f"at_least {text:.60}: must be CLASS=N with a class of the annotation file: {names_in_one_word(classes)}"
                )
            floors[name] = int(least)
        return floors


def list_beside(output: Path) -> Path:
    """The list of picked images that belongs to an annotation file."""
    return output.with_name(f"{output.stem}_picked.txt")
