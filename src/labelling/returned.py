"""Read the exports of labelling tools; the form of a file is recognised by its content.

| form | recognised by |
|---|---|
| Label Studio JSON, JSON-MIN | a list of tasks with "data"; a list of rows with "id" and an image |
| COCO of any tool | an object with "images" and "annotations" |
| LabelMe | an object with "shapes" and "imagePath" |
| CVAT for images, Pascal VOC | XML whose outer element is <annotations>, <annotation> |
| YOLO | a folder with data.yaml, obj.names or classes.txt, and label files |

A zip file is read as the folder that it holds; a folder may hold several exports, zipped ones too.
"""

import errno
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from src.data.formats.json_file import read_json
from src.data.formats.tools.annotated import AnnotatedImage
from src.data.formats.tools.cvat import is_cvat, read_cvat
from src.data.formats.tools.labelme import is_labelme, labelme_image
from src.data.formats.tools.roboflow import resized_with_borders
from src.data.formats.tools.yolo import (
    LineFaults,
    keypoint_numbers,
    label_files,
    merged_line_faults,
    names_file,
    read_labels,
    read_names,
)
from src.data.formats.tools.yolo_extras import unstated_numbers
from src.data.formats.xml_file import read_xml
from src.data.image_listing import all_files, files_with_suffix
from src.errors import DataError, UserError, reason_of
from src.files import is_regular, open_regular, reading_fault
from src.labelling.task import MANIFEST
from src.labelling.tools.coco_tasks import is_coco, read_coco_images
from src.labelling.tools.label_studio import is_flat_row, read_flat, read_tasks
from src.labelling.tools.voc_tasks import read_voc_image

Found = TypeVar("Found")

_ZIP = b"PK\3\4"  # the beginning of a zip file
_MOST_BYTES = 4 * 2**30  # of the text in a zip file
_TEXTS = (".json", ".xml", ".txt", ".yaml", ".yml", ".names")
_LABEL_FOLDERS = ("labels", "obj_train_data", "obj_valid_data", "obj_test_data", "Annotations", "annotations")
_FORMS = "Label Studio (JSON, JSON-MIN, COCO, YOLO, VOC), CVAT for images, LabelMe, YOLO with its names of classes, Pascal VOC, COCO"


@dataclass(frozen=True)
class Export:
    """One export: its form in words, what it says of images, of files that could not be read the reasons, and doubts about it."""

    path: str
    form: str
    images: tuple[AnnotatedImage, ...]
    unread: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def read_exports(paths: Sequence[Path]) -> list[Export]:
    """Every export in files, zip files and folders.

    Raises:
        UserError: there is no such file. DataError: nothing of any known form in it, or a single file that is broken.
    """
    return [export for path in paths for export in _read(path)]


def _read(path: Path) -> list[Export]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder of labels")
    if _is_zip(path):
        return _read_zip(path)
    if path.is_file():
        export = _read_file(path)
        if export is None:
            raise DataError(str(path), [f"of no known form; expected {_FORMS}"])
        return [export]
    found = _read_folder(path)
    if not found:
        raise _nothing_known(path, path)
    return found


def _read_zip(path: Path) -> list[Export]:
    """What a zip file holds, under its own name: a user does not know where it was unpacked."""
    with tempfile.TemporaryDirectory() as folder:
        _unpack(path, Path(folder))
        try:
            found = _read_folder(Path(folder))
        except DataError as error:
            raise DataError(str(path), [fault.replace(folder, str(path)) for fault in error.faults]) from error
        if not found:
            raise _nothing_known(path, Path(folder))
        return [_renamed(export, folder, str(path)) for export in found]


def _nothing_known(path: Path, folder: Path) -> DataError:
    """``path``: what the user gave; ``folder``: what was read."""
    return DataError(str(path), [f"nothing of a known form in it{_without_names(folder)}; expected {_FORMS}"])


def _without_names(folder: Path) -> str:
    """What label files of YOLO lack, if a folder that cannot be read holds any."""
    if not files_with_suffix(folder, ".txt"):
        return ""
    return "; label files of YOLO (.txt) need data.yaml or classes.txt, the names of their classes, in this folder"


def _is_zip(path: Path) -> bool:
    """Whether a file is a zip file, by its end or, if that is lost, by its beginning."""
    if not is_regular(path):
        return False
    try:
        with open_regular(path) as file:
            return file.read(len(_ZIP)) == _ZIP or zipfile.is_zipfile(file)
    except OSError as error:
        raise UserError(f"{path}: {reading_fault(error)}") from error


def _unpack(path: Path, folder: Path) -> None:
    """Unpack the texts of a zip file; pictures stay where they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.infolist() if PurePosixPath(item.filename).suffix.lower() in _TEXTS]
            size = sum(item.file_size for item in members)
            if size > _MOST_BYTES:
                raise UserError(
                    f"{path}: {size:,} bytes of text, more than {_MOST_BYTES:,}; unpack it and give the folder"
                )
            archive.extractall(folder, members)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        raise _damaged_zip(path, error) from error
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # of bz2, and of a place before the beginning
            raise _damaged_zip(path, error) from error
        raise UserError(f"{path}: cannot be unpacked: {reason_of(error, path)}") from error
    except (RuntimeError, NotImplementedError) as error:  # a password, a method that Python does not know
        raise UserError(
            f"{path}: cannot be unpacked: {reason_of(error, path)}; unpack it and give the folder"
        ) from error


def _damaged_zip(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: the zip file is damaged or cut off ({reason_of(error, path)}); copy or export it again")


def _renamed(export: Export, old: str, new: str) -> Export:
    images = tuple(replace(image, place=image.place.replace(old, new)) for image in export.images)
    unread, doubts = (tuple(text.replace(old, new) for text in texts) for texts in (export.unread, export.doubts))
    return Export(export.path.replace(old, new), export.form, images, unread, doubts)


def _read_file(path: Path) -> Export | None:
    """One JSON or XML file; None if it is of no known form."""
    suffix = path.suffix.lower()
    if suffix == ".xml":
        root = read_xml(path)
        if is_cvat(root):
            return Export(str(path), "CVAT for images", tuple(read_cvat(path)[1]))
        if root.tag == "annotation":
            return Export(str(path), "Pascal VOC", (read_voc_image(path, path.stem),))
        return None
    if suffix in (".txt", ".yaml", ".yml", ".names"):
        raise UserError(f"{path}: give the folder of a YOLO export, with its label files and the names of classes")
    if suffix in (".csv", ".tsv"):
        raise UserError(
            f"{path}: tables are not read; export the labels from the tool as JSON, or in another of its forms: {_FORMS}"
        )
    found = _json_form(read_json(path), path)
    return found and Export(str(path), found[0], tuple(found[1]))


def _json_form(value: Any, path: Path) -> tuple[str, Iterator[AnnotatedImage]] | None:
    """The form of a JSON value in words, and its images."""
    if isinstance(value, list) and value and all(isinstance(task, dict) and "data" in task for task in value):
        return "Label Studio JSON", read_tasks(value, str(path))
    if isinstance(value, list) and value and all(map(is_flat_row, value)):
        return "Label Studio JSON-MIN", read_flat(value, str(path))
    if is_coco(value):
        return "COCO", read_coco_images(value, str(path))
    if is_labelme(value):
        return "LabelMe", iter([labelme_image(value, path)])
    if isinstance(value, dict) and value and all(isinstance(row, dict) and "regions" in row for row in value.values()):
        raise DataError(str(path), ["a file of VIA, which has no sizes of images; export it as COCO"])
    return None


def _read_folder(root: Path) -> list[Export]:
    """Every export below a folder. Files of one form and one folder are one export."""
    texts = [root / name for name in sorted(all_files(root)) if not _is_hidden(PurePosixPath(name))]
    exports, gathered, unread = [], {}, {}
    for file in texts:
        if file.suffix.lower() not in (".json", ".xml") or file.name in (MANIFEST, "notes.json", "labels.json"):
            continue
        form, images = _one_of_many(file, root, unread)
        if form in ("LabelMe", "Pascal VOC"):
            gathered.setdefault(form, []).extend(images)
        elif form:
            exports.append(Export(str(file), form, tuple(images)))
    for form, images in gathered.items():
        exports.append(Export(str(root), form, tuple(images)))
    exports += _yolo(root, texts)
    exports = [export for file in _zip_files(root, texts) for export in _readable(file, _read_zip, unread)] + exports
    if unread and not exports:
        raise DataError(str(root), [reason for reasons in unread.values() for reason in reasons])
    if unread:
        exports.append(
            Export(str(root), "files that cannot be read", (), tuple(r for rows in unread.values() for r in rows))
        )
    return exports


def _zip_files(root: Path, files: Sequence[Path]) -> list[Path]:
    """The zip files of a folder, the newest last: of several labels of an image without a time those read last count, and what a user
    has unpacked before those in zip files. In a folder of tasks, zip files are images to upload or backups."""
    zips = [] if (root / MANIFEST).exists() else [file for file in files if file.suffix.lower() == ".zip"]
    return sorted(zips, key=lambda file: file.lstat().st_mtime)


def _one_of_many(file: Path, root: Path, unread: dict[Path, tuple[str, ...]]) -> tuple[str, Sequence[AnnotatedImage]]:
    """Form and images of one file of a folder; a broken one is kept among the ``unread``."""
    export = _readable(file, _read_file, unread)
    if not export:
        return "", ()
    if export.form == "Pascal VOC":
        name = _stem_below(file.relative_to(root))
        return export.form, [replace(image, name=name) for image in export.images]
    if export.form == "LabelMe":
        folder = file.relative_to(root).parent
        return export.form, [replace(image, name=_joined(folder, image.name)) for image in export.images]
    return export.form, export.images


def _readable(file: Path, read: Callable[[Path], Found], unread: dict[Path, tuple[str, ...]]) -> Found | tuple[()]:
    """What ``read`` finds in a file of a folder, or nothing: then what is wrong is kept among the ``unread``."""
    try:
        return read(file)
    except DataError as error:
        unread[file] = tuple(f"{file}: {fault}" for fault in error.faults)
    except UserError as error:  # a FIFO, a link that leads nowhere, or a damaged zip file
        unread[file] = (str(error),)
    return ()


def _yolo(root: Path, texts: Sequence[Path]) -> list[Export]:
    """The YOLO exports below a folder: each is a folder that names its classes, as the one beside a folder called labels does."""
    tops = sorted({file.parent for file in texts if names_file(file.parent)})
    if not tops and root.name == "labels" and names_file(root.parent):
        tops = [root]
    outer = [top for top in tops if not any(other != top and other in top.parents for other in tops)]
    exports = []
    for top in outer:
        classes = names_file(top) or names_file(top.parent)
        names, keypoints = read_names(classes), keypoint_numbers(classes)
        images, unread, lines = [], [], 0
        size = resized.size if (resized := resized_with_borders(classes.parent)) else None
        for name in label_files(top):
            try:
                shapes = read_labels(top / name, names, keypoints)
            except DataError as error:
                unread += [f"{top / name}: {fault}" for fault in error.faults]
                lines += error.lines if isinstance(error, LineFaults) else 0
                continue
            lines += len(shapes)
            stem = _stem_below(Path(name))
            place = str(top / name)
            images.append(AnnotatedImage(stem, shapes, size, relative=True, place=place, has_suffix=False))
        doubts = [sentence for sentence in merged_line_faults(unread, lines) if sentence not in unread]
        found = None if keypoints else unstated_numbers((s for image in images for s in image.shapes), classes)
        if found:
            (unread if found.certain else doubts).append(f"{top}: {found.sentence}")
            images = [] if found.certain else images
        if images or unread:
            exports.append(Export(str(top), "YOLO", tuple(images), tuple(unread), tuple(doubts)))
    return exports


def _stem_below(path: Path) -> str:
    """The name of an image without suffix, from that of its label file: folders up to that of the labels are left out."""
    parts = path.with_suffix("").parts
    places = [place for place, part in enumerate(parts[:-1]) if part in _LABEL_FOLDERS]
    return "/".join(parts[places[-1] + 1 :] if places else parts)


def _joined(folder: Path, name: str) -> str:
    """A path relative to a file, made relative to the top; what leads outside is cut off."""
    parts: list[str] = []
    for part in (*folder.parts, *PurePosixPath(name).parts):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("..", ".", "/"):
            parts.append(part)
    return "/".join(parts)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
