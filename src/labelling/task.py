"""The images that are sent to a labelling tool, with the detector's boxes; and the manifest that remembers what was sent.

The manifest is ``manifest.json`` in the tasks folder. It keeps the order, our key of each image beside its name in the tool,
its size, and the pre-labels, so that what comes back can be matched and compared. See docs/LABELLING.md.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from src.data.formats.json_file import read_json
from src.data.formats.tools.annotated import AnnotatedImage, Shape
from src.data.formats.tools.image_names import ImageNames
from src.data.provenance import MadeFrom
from src.errors import UserError

MANIFEST = "manifest.json"


_Pixels = Annotated[float, msgspec.Meta(ge=-(2**21), le=2**21)]  # twice the longest side of a picture
_Side = Annotated[float, msgspec.Meta(ge=0, le=2**21)]


class Prelabel(msgspec.Struct, omit_defaults=True):
    """A detection that a human is to accept, to correct or to delete.

    Attributes:
        label: class; bbox: (x, y, width, height) in pixels; score: 0 to 1, None for a label that is reviewed.
        segmentation: in COCO's form, None without a mask.
    """

    label: str
    bbox: tuple[_Pixels, _Pixels, _Side, _Side]
    score: float | None = None
    segmentation: Any = None

    @property
    def shape(self) -> Shape:
        """The same, as a tool's reader would give it."""
        x, y, width, height = self.bbox
        polygons = tuple(map(tuple, self.segmentation)) if isinstance(self.segmentation, list) else None
        rle = self.segmentation if isinstance(self.segmentation, dict) else None
        return Shape(self.label, (x, y, x + width, y + height), polygons, rle, score=self.score)


class Task(msgspec.Struct):
    """One image to label.

    Attributes:
        file_name: our key; name: what the tool is given in its place.
        width, height: pixels as shown (after EXIF rotation).
        score: acquisition score, None if unknown; reason: why the image was picked.
        prelabels: the detector's boxes, highest score first.
    """

    file_name: str
    name: str
    width: int
    height: int
    score: float | None = None
    reason: str = ""
    prelabels: list[Prelabel] = []

    @property
    def image(self) -> AnnotatedImage:
        """The task as a reader of its format gives it back."""
        shapes = tuple(prelabel.shape for prelabel in self.prelabels)
        return AnnotatedImage(self.name, shapes, (self.width, self.height), key=self.file_name)


class Manifest(msgspec.Struct):
    """What was sent, in the order of the pick; with review, most suspicious image first.

    Attributes:
        format: the labelling tool; classes: in the order of their labels; masks: whether pre-labels have outlines.
        thresholds: least score of a pre-label, per class; None: the class gets none. thresholds_from: their origin.
        tasks: the images. review: their labels were known and are to be corrected, so what comes back replaces them.
        img_dir, unlabelled_img_dir: folders of the images, seen from the tasks folder; empty: not known, or there is none.
        ann_file: annotation file that was given, seen from there, too.
        made_from: see ``src.data.provenance``.
    """

    format: str
    classes: list[str]
    thresholds: dict[str, float | None]
    thresholds_from: str
    tasks: list[Task]
    masks: bool = False
    review: bool = False
    img_dir: str = ""
    unlabelled_img_dir: str = ""
    ann_file: str = ""
    made_from: MadeFrom | None = None

    @property
    def names(self) -> ImageNames:
        """Finds the images by what tools make of their names."""
        return self.names_among(())

    def names_among(self, known: Iterable[str]) -> ImageNames:
        """The same, where ``known`` are the names of all images, also of those that were not sent."""
        aliases = {task.name: task.file_name for task in self.tasks}
        return ImageNames([task.file_name for task in self.tasks], aliases, known)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a tasks folder.

    Raises:
        UserError: there is none, or it is no manifest.
    """
    if folder.is_file() and folder.name != MANIFEST:
        raise UserError(
            f"{folder}: is a file; give the folder that export_tasks.py has written, which holds {MANIFEST}"
        )
    path = folder / MANIFEST if folder.is_dir() else folder
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the folder that export_tasks.py has written")
    try:
        return msgspec.convert(read_json(path), Manifest)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: not a manifest of export_tasks.py: {error}") from None
