"""The options of a pick: which files, how many images, and what may be overwritten or resumed."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PickOptions:
    """The options of pick_select.py, see its ``--help``; files and folders that were not given are None.

    Attributes:
        pick_ratio: percent of all images that are labelled after the pick.
        policy: 1 or 2, see random_select.py; None: that of `combine_ann_file`.
    """

    ann_file: Path
    combine_ann_file: Path | None
    img_dir: Path | None
    pick_ratio: float | None
    top_value_file: Path | None
    picked_file: Path | None
    unlabelled_img_dir: Path | None
    policy: int | None
    empty_is_reviewed: bool
    output_ann_file: Path | None
    resume: bool
    resume_anyway: bool
    used_by: Path | None
    overwrite: bool

    @property
    def list_file(self) -> Path:
        """The list of picked images: the given one, or the one beside the output."""
        return self.picked_file or self.output_ann_file.with_name(f"{self.output_ann_file.stem}_picked.txt")

    @property
    def keeps_list(self) -> bool:
        """Whether the list of an earlier pick is used, instead of picking again."""
        return self.picked_file is not None or (self.resume and self.list_file.is_file())
