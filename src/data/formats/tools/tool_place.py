"""Which labelling tool a file or folder of labels is of, by its content: CVAT for images, LabelMe or YOLO."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from src.data.checks.files.other_labels import CVAT, LABELME, VOC, YOLO, form_by_beginning
from src.data.formats.json_file import read_json
from src.data.formats.tools.cvat import is_cvat
from src.data.formats.tools.labelme import is_labelme
from src.data.formats.tools.yolo import names_file
from src.data.formats.voc import xml_files
from src.data.formats.xml_file import read_xml
from src.data.image_listing import files_with_suffix
from src.errors import DataError, UserError


@dataclass(frozen=True)
class ToolPlace:
    """Where a data set of a labelling tool lies: its form, and the file or folder that says what is in the images."""

    form: str
    path: Path


def tool_place(path: Path) -> ToolPlace | None:
    """What a path means as one of these forms, by its content; None if it is none of them.

    Raises:
        UserError: an XML or JSON file that is broken.
    """
    if path.is_dir():
        xmls = xml_files(path)
        others = (path / name for name in xmls if name != "annotations.xml")
        if "annotations.xml" in xmls and _is_cvat_file(path / "annotations.xml", others):
            return ToolPlace(CVAT, path / "annotations.xml")
        if xmls:  # Pascal VOC, and what else lies there are lists
            return None
        if names_file(path) or names_file(path.parent) and path.name == "labels":
            return ToolPlace(YOLO, path)
        return ToolPlace(LABELME, path) if _is_labelme_folder(path) else None
    if path.name == "obj.names" or path.name == "classes.txt":
        return ToolPlace(YOLO, path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return ToolPlace(YOLO, path)
    if path.suffix.lower() == ".xml" and is_cvat(read_xml(path)):
        return ToolPlace(CVAT, path)
    return None


def json_files(folder: Path) -> Iterator[Path]:
    """The JSON files of a folder that may be LabelMe's, sorted; not those of hidden folders and of our own tasks."""
    files = (folder / name for name in files_with_suffix(folder, ".json"))
    return (file for file in files if file.name != "manifest.json")


def _is_labelme_folder(folder: Path) -> bool:
    """Whether the first JSON file that can be read is of LabelMe; those that cannot be read are faults of the data, not of the form.

    Raises:
        UserError: of the first file, if none can be read.
    """
    first = None
    for file in json_files(folder):
        try:
            return is_labelme(read_json(file))
        except UserError as error:
            first = first or error
    if first:
        raise first
    return False


def _is_cvat_file(path: Path, others: Iterable[Path]) -> bool:
    """Whether the annotations.xml of a folder is CVAT's. One that cannot be read is, if it begins like one, or if it begins like no
    known form and no other XML file there is of Pascal VOC."""
    try:
        return is_cvat(read_xml(path))
    except DataError:
        begins = form_by_beginning(path)
        return begins == CVAT or begins is None and not any(form_by_beginning(other) == VOC for other in others)
