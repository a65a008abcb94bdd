"""Pascal VOC folders as annotations, without a COCO file in between.

Supported layouts: the challenge's folder (JPEGImages/, Annotations/, ImageSets/Main/*.txt), images/ beside annotations/, and
XML files beside their images. Images and XML files are paired by sub-folder and stem; <filename> is ignored.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from src.data.annotations import Annotations, unlabelled_entry
from src.data.checks.box_faults import all_fractions, all_outside, outside_fault
from src.data.checks.files.image_sizes import WrongSize, boxes_fit, merged_messages
from src.data.checks.files.missing_images import alike_names
from src.data.checks.left_out import LeftOut
from src.data.checks.row_marks import mark_doubts
from src.data.classes import control_faults, foreground, meant_class, unknown_classes
from src.data.formats.coco_annotations import from_coco
from src.data.formats.voc import VocImage, known_stems, pair_folders, read_voc, xml_files
from src.data.image_listing import check_is_folder, lies_in, passed_over, without_suffix
from src.data.images import decode_to_end, image_size
from src.errors import DataError, Faults, Summary, UserError
from src.files import read_text

_XML_FOLDERS = ("Annotations", "annotations")
_IMAGE_FOLDERS = ("JPEGImages", "images")


@dataclass(frozen=True)
class VocPlace:
    """Location of a VOC data set.

    Attributes:
        xmls: folder of the XML files; list_file: list of the images to read, None for all.
    """

    xmls: Path
    list_file: Path | None


def voc_place(path: Path) -> VocPlace | None:
    """The VOC data set that a path stands for; None if it is none.

    Raises:
        UserError: the folder has lists of images, of which one must be given.
    """
    if path.is_file():
        beside = [path.parents[2] / name for name in _XML_FOLDERS] if len(path.parents) > 2 else []
        folder = next((folder for folder in beside if folder.is_dir()), None)
        is_list = path.suffix == ".txt" and path.parent.parent.name == "ImageSets" and folder
        return VocPlace(folder, path) if is_list else None
    lists = sorted((path / "ImageSets" / "Main").glob("*.txt"))
    if lists:
        names = ", ".join(str(name) for name in lists[:8])
        raise UserError(f"{path}: which of its images? Name one of its lists: {names}")
    below = next((path / name for name in _XML_FOLDERS if (path / name).is_dir()), None)
    if below is None and not xml_files(path):
        return None
    return VocPlace(below or path, None)


def read_voc_folder(
    place: VocPlace,
    img_dir: str | Path,
    class_names: Sequence[str],
    left_out: LeftOut | None = None,
    unlabelled_img_dir: str | Path | None = None,
) -> Annotations:
    """Read and check the XML files; images are sorted by name.

    Args:
        img_dir: folder of the images, or the one that holds JPEGImages/ or images/.
        class_names: the classes in the order of their labels; empty: those found, sorted.
        unlabelled_img_dir: folder of unlabelled images; those in it that have no XML file are not read here.
        left_out: takes what cannot be used, which is a fault without it.

    Raises:
        UserError: there is nothing to read.
        DataError: every fault of every file: not paired, broken, an unknown class, a box without area in its image.
    """
    img_dir = Path(img_dir)
    check_is_folder(img_dir)
    prefix = _prefix(place, img_dir)
    stems = _listed(place, img_dir / prefix, left_out) if place.list_file else None
    faults, given = Faults(), foreground(class_names)
    unlabelled = lies_in(img_dir / prefix, unlabelled_img_dir)
    pair = partial(pair_folders, some_unlabelled=unlabelled)
    pairs = despite_faults(faults, left_out, pair, img_dir / prefix, place.xmls, stems)
    files = [(prefix + image, img_dir / prefix / image, place.xmls / xml) for image, xml in pairs]
    found = despite_faults(faults, left_out, read_voc_files, files, place.xmls, place.xmls)
    if left_out is not None:
        found = clear_voc(found, given, left_out)
    coco, _ = as_coco(found, given, "class_names", faults)
    read = from_coco(coco)
    images = tuple(replace(entry, areas=None) for entry in read.images)  # XML files have no areas
    what = f"the list {place.list_file}" if place.list_file else f"the folder {place.xmls}"
    form, mark = f"Pascal VOC, {what}", "<difficult>1</difficult>"
    return Annotations(
        read.class_names, read.category_ids, images, form, mark, (*voc_doubts(found), *passed_over(img_dir / prefix))
    )


def despite_faults(faults: Faults, left_out: LeftOut | None, read: Callable[..., list], *args: object) -> list:
    """``read(*args, left_out)``; where it finds faults, which are collected, what it reads beside them."""
    found = faults.attempt(read, *args, left_out)
    return read(*args, LeftOut("")) if found is None else found


def as_coco(found: Sequence[VocImage], given: Sequence[str], option: str, faults: Faults) -> tuple[dict[str, Any], int]:
    """The data as COCO, and the number of clipped boxes, see ``class_list`` and ``to_coco``.

    Args:
        faults: what was found before.

    Raises:
        UserError: with these and with every fault of classes and boxes.
    """
    if not faults.errors or any(voc.objects for voc in found):  # else the classes may be in what could not be read
        faults.attempt(class_list, found, given, option)
    names = dict.fromkeys([*given, *sorted({item.name for voc in found for item in voc.objects})])
    converted = faults.attempt(to_coco, found, list(names))
    faults.report()
    return converted


def images_despite_faults(place: VocPlace, img_dir: Path) -> Annotations:
    """The images of VOC data with faults, as far as their headers can be read, without labels."""
    prefix = _prefix(place, img_dir)
    stems = _listed(place, img_dir / prefix, LeftOut("")) if place.list_file else None
    entries = []
    for image, _ in pair_folders(img_dir / prefix, place.xmls, stems, LeftOut("")):
        with contextlib.suppress(UserError):
            size = image_size(img_dir / prefix / image)
            entries.append(unlabelled_entry(len(entries) + 1, prefix + image, size))
    return Annotations((), (), tuple(entries))


def _prefix(place: VocPlace, img_dir: Path) -> str:
    """The folder of the images below ``img_dir``, with its slash, if that is the folder of the whole data set."""
    if place.xmls.resolve().parent != img_dir.resolve():
        return ""
    return next((f"{name}/" for name in _IMAGE_FOLDERS if (img_dir / name).is_dir()), "")


def read_voc_files(
    files: Sequence[tuple[str, Path, Path]], root: Path, base: Path, left_out: LeftOut | None, decode: bool = False
) -> list[VocImage]:
    """XML files, each with the name and the size of its image as it lies on the disk.

    Args:
        files: name of the image, the image, and its XML file. root: what the faults are of. base: folder from which XML files
            are named. left_out: takes what cannot be used, which is a fault without it. decode: decode each image to its end.

    Raises:
        DataError: every fault of every file.
    """
    found, errors = [], []
    for name, image, xml in files:
        label = xml.relative_to(base).as_posix()
        try:
            voc = read_voc(xml)
        except DataError as error:
            own = [UserError(f"{label}: {fault}") for fault in error.faults]
        else:
            try:
                found.append(_with_image(voc, name, image, label, decode))
                continue
            except UserError as error:  # of the image, which it names
                own = [error]
        if left_out is None:
            errors += own
        else:
            left_out.image(name, [str(error) for error in own])
    if errors:
        raise DataError(str(root), merged_messages(errors, len(files)))
    return found


def _with_image(voc: VocImage, name: str, image: Path, label: str, decode: bool) -> VocImage:
    size = image_size(image)
    if decode:
        decode_to_end(image)
    if voc.size not in (None, size):
        boxes = np.array([item.box for item in voc.objects]).reshape(-1, 4)
        raise WrongSize(image, voc.size, size, boxes_fit(boxes, size), f"<size> in {label}")
    return VocImage(name, size, voc.objects)


def voc_doubts(found: Sequence[VocImage]) -> tuple[str, ...]:
    """What is valid in XML files but usually a mistake."""
    marks = ((voc.file_name, mark) for voc in found for item in voc.objects for mark in item.marks)
    return mark_doubts(marks, "write <difficult>1</difficult> in them")


def clear_voc(found: Sequence[VocImage], given: Sequence[str], left_out: LeftOut) -> list[VocImage]:
    """The images without boxes that have no area, and without those that have an object of no given class or outside of the image.

    Args:
        given: the classes; empty: any. left_out: takes what is left out.
    """
    kept = []
    for voc in found:
        objects, reasons = [], []
        for number, item in enumerate(voc.objects, start=1):
            x1, y1, x2, y2 = item.box
            if x2 <= x1 or y2 <= y1:
                left_out.box(
                    voc.file_name, f"{x1:g} {y1:g} {x2:g} {y2:g}", f"(object {number}, {item.name}) has no area"
                )
                continue
            if given and item.name not in given:
                reason = f"object {number} is of the class {item.name!r}, which is none of {', '.join(given)}"
                reasons.append(reason + meant_class(item.name, given))
            elif fault := outside_fault(item.box, voc.size):
                reasons.append(f"object {number} ({item.name}), box {x1:g} {y1:g} {x2:g} {y2:g}, {fault}")
            objects.append(item)
        if reasons:
            left_out.image(voc.file_name, reasons)
        else:
            kept.append(replace(voc, objects=tuple(objects)))
    return kept


def class_list(found: Sequence[VocImage], given: Sequence[str], option: str) -> list[str]:
    """The class names in the order of their category ids 1..K.

    Args:
        given: the classes; empty: those found, sorted. option: name of the option that gives them.

    Raises:
        UserError: no class at all.
        DataError: every class of the files that is not among the given ones, with the nearest given name.
    """
    counts = Counter(item.name for voc in found for item in voc.objects)
    names = list(given) or sorted(counts)
    if not names:
        raise UserError(f"no objects in any XML file, so no classes are known; name them with --{option}")
    faults = control_faults(names) + unknown_classes(sorted(counts.items()), names)
    if faults:
        raise DataError("classes", faults)
    return names


def to_coco(found: Sequence[VocImage], names: Sequence[str]) -> tuple[dict[str, Any], int]:
    """The data as COCO, and the number of boxes that were clipped to their image; difficult objects become crowds.

    Raises:
        DataError: every object without area, and every one that lies outside its image.
    """
    if fault := _common_fault(found):
        raise DataError("objects (xmin ymin xmax ymax)", [fault])
    category_id = {name: number for number, name in enumerate(names, start=1)}
    images, rows, faults, clipped = [], [], [], 0
    for image_id, voc in enumerate(found, start=1):
        width, height = voc.size
        images.append({"id": image_id, "file_name": voc.file_name, "width": width, "height": height})
        for number, item in enumerate(voc.objects, start=1):
            x1, y1, x2, y2 = inside = _inside(item.box, voc.size)
            if fault := _box_fault(item.box, voc.size):
                box = " ".join(f"{value:g}" for value in item.box)
                faults.append(f"{voc.file_name}: object {number} ({item.name}), box {box}, {fault}")
                continue
            clipped += inside != item.box
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": image_id,
                    "category_id": category_id[item.name],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": int(item.difficult),
                }
            )
    if faults:
        raise DataError(
            "objects (xmin ymin xmax ymax) to be corrected or removed; with --leave_out_faulty training, eval.py, infer.py, the doctor, split_data, xml2coco and random_select.py leave them out",
            faults,
        )
    categories = [{"id": number, "name": name, "supercategory": name} for name, number in category_id.items()]
    return {"images": images, "annotations": rows, "categories": categories}, clipped


def _common_fault(found: Sequence[VocImage]) -> str | None:
    """A fault of all boxes together."""
    boxes = [(item.box, voc.size) for voc in found for item in voc.objects]
    corners = [box for box, _ in boxes]
    return all_fractions(corners, "<bndbox>", "xmin and xmax, ymin and ymax") or all_outside(
        corners, [size for _, size in boxes]
    )


def _box_fault(box: tuple[float, ...], size: tuple[int, int]) -> str | None:
    if box[2] <= box[0] or box[3] <= box[1]:
        return "has no area"
    return outside_fault(box, size)


def _inside(box: tuple[float, ...], size: tuple[int, int]) -> tuple[float, ...]:
    """The part of a box (x1, y1, x2, y2) within an image of a size."""
    return tuple(min(max(value, 0.0), side) for value, side in zip(box, size * 2, strict=True))


def _listed(place: VocPlace, images: Path, left_out: LeftOut | None) -> list[str]:
    """The stems of the list of images, one per line; they may contain spaces.

    Args:
        images: folder of the images. left_out: takes names that mean nothing, later; else several that are wrong in one way are
            a fault.
    """
    path, known = place.list_file, known_stems(images, place.xmls)
    lines = [line for line in map(str.strip, read_text(path).split("\n")) if line]
    words = [line.rsplit(maxsplit=1) for line in lines if line not in known]
    if any(len(pair) == 2 and pair[1] in ("-1", "0", "1") for pair in words):
        raise UserError(
            f"{path}: its lines have a second column, so it tells in which images one class is; take the list without the "
            f"name of a class, such as {path.with_name('train.txt')}"
        )
    stems = [line if line in known or without_suffix(line) not in known else without_suffix(line) for line in lines]
    if not stems:
        raise UserError(f"{path}: no image in this list")
    faults = [f"{stem} is listed {count} times; keep one line" for stem, count in Counter(stems).items() if count > 1]
    if left_out is None:
        faults += _wrong_lines(stems, known, place.xmls)
    if faults:
        raise DataError(str(path), faults)
    return stems


def _wrong_lines(stems: Sequence[str], known: set[str], xmls: Path) -> list[str]:
    """A sentence for each way in which several lines are wrong."""
    wrong = [without_suffix(stem.replace("\\", "/")) for stem in stems if stem not in known]
    written = dict(zip(wrong, (stem for stem in stems if stem not in known), strict=True))
    alike, _ = alike_names(wrong, sorted(known), xmls)
    return [
        Summary(
            f"{len(pairs)} of the {len(stems)} lines {what}, such as {written[pairs[0][0]]}, where {xmls} has {pairs[0][1]}; {remedy}",
            (f"{written[wrong]}, where {xmls} has {meant}" for wrong, meant in pairs),
        )
        for (what, remedy), pairs in alike.items()
        if len(pairs) > 1
    ]
