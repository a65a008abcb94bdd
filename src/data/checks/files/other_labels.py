"""Warns about label files of other forms in a folder of labels, which are ignored: they may be the ones that are meant."""

import re
from collections.abc import Iterable
from pathlib import Path

from src.data.image_listing import IMAGE_SUFFIXES, all_files
from src.files import open_regular
from src.wording import counted

VOC, CVAT, LABELME, YOLO, COCO, TEXT = "Pascal VOC", "CVAT for images", "LabelMe", "YOLO", "COCO", "text"
_OWN_SUFFIX = {VOC: ".xml", LABELME: ".json", YOLO: ".txt"}  # faults of these are reported where they are read
_HEAD = 2**16  # bytes by which a file is recognised
_NUMBER = rb"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?"
_SUFFIXES = b"|".join(suffix[1:].encode() for suffix in sorted(IMAGE_SUFFIXES))
_FORMS = {  # suffix -> form -> what its beginning holds
    ".xml": {VOC: rb"<annotation[\s>]", CVAT: rb"<annotations[\s/>]"},
    ".json": {LABELME: rb'"(?:imagePath|shapes)"', COCO: rb'"(?:images|annotations|categories)"\s*:\s*\['},
    ".txt": {
        YOLO: rb"(?i)\A\s*[0-9]+(?:[ \t]+%b){4,}\s*(?:\n|\Z)" % _NUMBER,
        TEXT: rb"(?i)\A[^\n]*\.(?:%b)[ \t]+[0-9.]+(?:,[0-9.]+){4,5}" % _SUFFIXES,
    },
}
_OURS = b'"made_from"'  # a file that a program here wrote from such a folder


def form_by_beginning(path: Path) -> str | None:
    """The form of a label file by its beginning, also of one that is broken further on; None: it is of none, or cannot be read."""
    forms = _FORMS.get(path.suffix.lower())
    if not forms:
        return None
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD).replace(b"\0", b"")  # of UTF-16, what is ASCII stays
    except OSError:
        return None
    if _OURS in head:
        return None
    return next((form for form, pattern in forms.items() if re.search(pattern, head)), None)


def other_labels(folder: Path, form: str, files: Iterable[str] | None = None, used: Path | None = None) -> list[str]:
    """A sentence on label files of other forms below a folder that is read as ``form``; none without them.

    Args:
        files: their names, if they are known to be of no use; None: all but those with the suffix of the form. used: the one that is read.
    """
    if files is None:
        files = (name for name in all_files(folder) if Path(name).suffix.lower() != _OWN_SUFFIX.get(form))
    found: dict[str, list[str]] = {}
    for name in sorted(files):
        other = form_by_beginning(folder / name)
        if other and folder / name != used:
            found.setdefault(other, []).append(name)
    if not found:
        return []
    listed = "; ".join(f"{len(names)} of {other}, such as {names[0]}" for other, names in sorted(found.items()))
    count = counted(sum(map(len, found.values())), "label file", "are")
    remedy = "if they hold the labels that are meant, give them in its place, otherwise move them away"
    return [f"{folder}: {count} passed over ({listed}), because the folder is read as {form}; {remedy}"]
