"""What Roboflow says in the notes beside an export of YOLO: whether its pictures were resized with borders or cut.

Then shares of a picture are not those of the picture that was labelled. Stretched pictures, and those that were made smaller in
their own shape, keep their shares.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from src.data.checks.files.image_sizes import Size
from src.errors import Summary, UserError
from src.files import read_text

NOTES = ("README.roboflow.txt", "README.dataset.txt")
_RESIZED = re.compile(
    r"^\* Resize to ([1-9]\d{0,5})x([1-9]\d{0,5}) \((Fit \(\w+ edges\)|Fill \([\w ]+ crop\))\)", re.MULTILINE
)
_SAME_SHAPE = 0.01  # largest relative difference of width / height: sides are whole pixels


@dataclass(frozen=True)
class Resized:
    """How the pictures of an export were changed.

    Attributes:
        file: that says so; size: width and height that all of them got; how: in Roboflow's words.
    """

    file: Path
    size: Size
    how: str


def resized_with_borders(folder: Path) -> Resized | None:
    """What the notes in the folder of an export say; None: there are none, or shares of its pictures are those of the originals."""
    for name in NOTES:
        try:
            found = _RESIZED.search(read_text(folder / name)) if (folder / name).is_file() else None
        except UserError:  # no text
            continue
        if found:
            return Resized(folder / name, (int(found[1]), int(found[2])), found[3])
    return None


def other_shapes(resized: Resized, sizes: Mapping[str, Size], img_dir: Path) -> list[Summary]:
    """A sentence on the images that are not of the shape that the pictures of an export have; none without them.

    Args:
        sizes: name of each image -> its width and height.
    """
    shapes = (resized.size, resized.size[::-1])  # some are turned by 90 degrees
    others = [name for name, size in sizes.items() if not any(_is_alike(size, shape) for shape in shapes)]
    if not others:
        return []
    width, height = sizes[others[0]]
    text = (
        f"{len(others)} of the {len(sizes)} images have another shape than the pictures that the labels are of, such as "
        f"{img_dir / others[0]} with {width}x{height} pixels: {resized.file} says that these were resized to "
        f"{resized.size[0]}x{resized.size[1]} by {resized.how}, so the labels do not fit; give the pictures of the export, or "
        f"export again without resizing; if the labels are of these images after all, take {resized.file.name} away"
    )
    return [Summary(text, (f"{img_dir / name}: {sizes[name][0]}x{sizes[name][1]} pixels" for name in others))]


def _is_alike(size: Size, shape: Size) -> bool:
    return abs(size[0] * shape[1] / (size[1] * shape[0]) - 1) <= _SAME_SHAPE
