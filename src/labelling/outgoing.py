"""Write a folder of tasks for one labelling tool: all of it or nothing."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from src.command_line import whole_path
from src.csv_file import csv_text
from src.errors import DataError, UserError
from src.files import cannot_write, unfinished_folder
from src.labelling.instructions import instructions
from src.labelling.task import MANIFEST, Manifest
from src.labelling.tools import coco_tasks, cvat_tasks, label_studio, labelme_tasks, voc_tasks, yolo_tasks


@dataclass(frozen=True)
class Tool:
    """How tasks are written for one tool.

    Attributes:
        files: manifest, folder of the images -> name of each file and its text.
        polygons: masks become polygons; otherwise they stay run lengths.
        by_stem: a label file is named by its image without suffix, so stems must differ.
        beside: label files lie beside the images, so the images must be copied or linked.
    """

    files: Callable[[Manifest, str], dict[str, str]]
    polygons: bool = True
    by_stem: bool = False
    beside: bool = False


TOOLS = {
    "label_studio": Tool(label_studio.files),
    "cvat": Tool(cvat_tasks.files, polygons=False),
    "labelme": Tool(labelme_tasks.files, by_stem=True, beside=True),
    "yolo": Tool(yolo_tasks.files, by_stem=True),
    "voc": Tool(voc_tasks.files, by_stem=True),
    "coco": Tool(coco_tasks.files, polygons=False),
}
IMAGE_FILES = ("copy", "link", "none")


def check_folder(folder: Path) -> None:
    """Raise a UserError if something is in the way of a new folder; call it before any work is done."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder}: exists already; labels may lie in it, so move it away, or choose another --output_dir"
        )


def write_tasks(
    manifest: Manifest, paths: Sequence[Path], folder: Path, image_files: str, ann_file: Path | None = None
) -> None:
    """Write the folder with the tool's files, the images, order.csv, README.md and the manifest.

    Args:
        paths: where the image of each task lies; folder: to be made, or empty; image_files: one of ``IMAGE_FILES``.
        ann_file: present annotation file, which the labels will be merged with, if it is known.

    Raises:
        UserError: the folder is not empty or cannot be written, or images must be copied for this tool.
        DataError: names of images that differ in their suffix only, where the tool needs them to differ.
    """
    check_folder(folder)
    folder = whole_path(folder)  # "." has no name
    tool, root = TOOLS[manifest.format], image_root(manifest, paths, folder, image_files)
    if tool.by_stem:
        _check_stems(manifest)
    try:
        with unfinished_folder(folder) as unfinished:
            for name, text in tool.files(manifest, root.name).items():
                _write(unfinished / name, text)
            for task, path in zip(manifest.tasks, paths, strict=True) if image_files != "none" else ():
                _place(path, unfinished / "images" / task.name, image_files)
            _write(unfinished / "order.csv", _order(manifest))
            _write(unfinished / "README.md", instructions(manifest, root, folder, ann_file))
            _write(unfinished / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1).decode() + "\n")
            os.sync()  # one call for thousands of files, so that a power cut leaves none of them empty
            os.replace(unfinished, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error


def image_root(manifest: Manifest, paths: Sequence[Path], folder: Path, image_files: str) -> Path:
    """The folder of the images that the tool is given: ``images`` of the tasks folder, or where they stay in place.

    Raises:
        UserError: they must be copied or linked.
    """
    if image_files != "none":
        return folder / "images"
    roots = {
        path.absolute().as_posix().removesuffix(f"/{task.name}")
        for task, path in zip(manifest.tasks, paths, strict=True)
    }
    if TOOLS[manifest.format].beside:
        raise UserError(f"{manifest.format} wants its files beside the images; choose --image_files copy or link")
    if len(roots) > 1:
        raise UserError(f"the images lie in {len(roots)} folders; choose --image_files copy or link")
    return Path(roots.pop()).resolve()


def _check_stems(manifest: Manifest) -> None:
    stems = Counter(PurePosixPath(task.name).with_suffix("").as_posix() for task in manifest.tasks)
    twice = [stem for stem, count in stems.items() if count > 1]
    if twice:
        title = "images whose names differ in their suffix only, so that a label file could be that of either"
        raise DataError(f"{title}; choose --image_files copy or link", twice)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def _place(source: Path, target: Path, how: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if how == "copy":
        shutil.copyfile(source, target)
    else:
        target.symlink_to(source.resolve())


def _order(manifest: Manifest) -> str:
    header = ("rank", "name_in_tool", "file_name", "acquisition_score", "prelabels", "reason")
    rows = [
        (rank, task.name, task.file_name, task.score, len(task.prelabels), task.reason)
        for rank, task in enumerate(manifest.tasks, start=1)
    ]
    return csv_text([header, *rows])
