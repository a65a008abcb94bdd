"""Data sets of labelling tools as annotations, read directly: CVAT for images, LabelMe and YOLO.

Images are found by their names in the folder of images. Images that are marked as skipped are unlabelled, and where the tool has
a mark for reviewed images, also those without it; of LabelMe also an image without a JSON file, which LabelMe writes only when
somebody saves, and of YOLO one without a label file in the folder of unlabelled images. Shapes without an area, such as points, are left out and counted in ``form`` of the result.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from src.data.annotations import Annotations, ImageEntry, unlabelled_entry
from src.data.checks.box_faults import all_fractions, all_outside, outside_fault
from src.data.checks.files.image_sizes import Size, WrongSize, boxes_fit, merged_messages
from src.data.checks.files.missing_images import missing_faults
from src.data.checks.files.other_labels import CVAT, LABELME, YOLO, other_labels
from src.data.checks.row_marks import mark_doubts
from src.data.classes import control_faults, foreground, unknown_classes
from src.data.formats.json_file import read_json
from src.data.formats.outlines import as_outline, outline_fault
from src.data.formats.tools.annotated import AnnotatedImage, Mark, Shape, in_pixels
from src.data.formats.tools.cvat import read_cvat
from src.data.formats.tools.image_names import AmbiguousName, ImageNames, UnknownName
from src.data.formats.tools.labelme import is_labelme, labelme_image
from src.data.formats.tools.roboflow import other_shapes, resized_with_borders
from src.data.formats.tools.tool_place import ToolPlace, json_files
from src.data.formats.tools.yolo import (
    LineFaults,
    keypoint_numbers,
    label_files_without_image,
    labels_of,
    merged_line_faults,
    names_file,
    read_labels,
    read_names,
)
from src.data.formats.tools.yolo_extras import unstated_numbers
from src.data.image_listing import check_is_folder, lies_in, list_images, passed_over
from src.data.images import image_size
from src.errors import DataError, Summary, UserError
from src.wording import counted

_EMPTY = {  # objects of an unlabelled image
    "boxes": np.zeros((0, 4), np.float32),
    "labels": np.zeros(0, np.int32),
    "crowd": np.zeros(0, bool),
}


# Names of classes, images by their names in the folder, doubts, and faults of files beside which the images can be checked.
_Found = tuple[list[str], dict[str, AnnotatedImage], list[str], list[str]]


def read_tool(
    place: ToolPlace,
    img_dir: str | Path,
    class_names: Sequence[str],
    masks: bool,
    unlabelled_img_dir: str | Path | None = None,
) -> Annotations:
    """Read and check the data set; images are sorted by name.

    Args:
        img_dir: folder of the images. class_names: classes in the order of their labels; empty: as the files name them, of
            LabelMe sorted. masks: read the outlines of objects, too; every labelled object must have one.
        unlabelled_img_dir: folder of unlabelled images; images of YOLO in it that have no label file are not read here.

    Raises:
        UserError: there is nothing to read. DataError: every fault of every file.
    """
    img_dir = Path(img_dir)
    check_is_folder(img_dir)
    pictures = list_images(img_dir)
    named, found, more_doubts, line_faults = _read_labels(place, img_dir, pictures, unlabelled_img_dir)
    counts = Counter(shape.label for image in found.values() for shape in image.shapes)
    names = list(foreground(class_names)) or list(dict.fromkeys([*named, *sorted(counts)]))
    if not names and (blocked := [f"{name}: {fault}" for name in sorted(found) for fault in found[name].blocked]):
        raise DataError(str(place.path), [*blocked, *_header_faults(place, img_dir)])
    if not names:
        raise UserError(f"{place.path}: no object in any file, so no classes are known; name them with --class_names")
    faults = line_faults + control_faults(names) + unknown_classes(sorted(counts.items()), names)
    entries, notes, errors, sizes = [], Counter(), [], {}
    for number, name in enumerate(sorted(found), start=1):
        try:
            sizes[name] = image_size(img_dir / name)
            entries.append(_entry(number, name, found[name], img_dir / name, sizes[name], names, masks, notes))
        except DataError as error:
            errors += [UserError(f"{name}: {fault}") for fault in error.faults]
        except UserError as error:
            errors.append(error)
    if common := _common_fault(found, sizes):
        faults += [common, *_header_faults(place, img_dir)]
    else:
        faults += _header_faults(place, img_dir, found) if line_faults else []
        faults += merged_messages(errors, len(found)) if errors else []
    if place.form == YOLO and (resized := resized_with_borders(_yolo_names(place.path).parent)):
        faults += other_shapes(resized, sizes, img_dir)
    if faults:
        raise DataError(str(place.path), [*faults, *more_doubts])
    marks = ((name, mark) for name in sorted(found) for shape in found[name].shapes for mark in shape.marks)
    doubts = mark_doubts(marks, 'take them out, or convert the data to COCO and write "iscrowd": 1 in their rows')
    doubts += tuple(more_doubts)
    if place.form != CVAT:  # whose file names the images
        doubts += tuple(passed_over(img_dir))
    changes = "".join(f"; {words}: {count}" for words, count in notes.items() if count)
    form, mark = f"{place.form}, {place.path}{changes}", ""
    return Annotations(tuple(names), tuple(range(1, len(names) + 1)), tuple(entries), form, mark, doubts)


def _read_labels(
    place: ToolPlace, img_dir: Path, pictures: Sequence[str], unlabelled_img_dir: str | Path | None
) -> _Found:
    """The files of labels; their faults come with those of the image files."""
    read_yolo = partial(_read_yolo, some_unlabelled=lies_in(img_dir, unlabelled_img_dir))
    read = {CVAT: _read_cvat, LABELME: _read_labelme, YOLO: read_yolo}[place.form]
    try:
        return read(place.path, img_dir, pictures)
    except DataError as error:
        raise DataError(error.title, [*error.faults, *_header_faults(place, img_dir)]) from None


def images_despite_faults(place: ToolPlace, img_dir: Path) -> Annotations:
    """The images of data with faults, as far as their headers can be read, without labels."""
    entries = []
    for name in _images_of(place, img_dir):
        with suppress(UserError):
            entries.append(unlabelled_entry(len(entries) + 1, name, image_size(img_dir / name)))
    return Annotations((), (), tuple(entries))


def _images_of(place: ToolPlace, img_dir: Path) -> list[str]:
    """The images that the data set takes: those that CVAT's file names, as far as it can be read, or all in the folder."""
    pictures = list_images(img_dir)
    if place.form != CVAT:
        return pictures
    names, found = ImageNames(pictures), set()
    with suppress(DataError):
        for image in read_cvat(place.path)[1]:
            with suppress(UnknownName, AmbiguousName):
                found.add(names.find(image.name).key)
    return sorted(found)


def _header_faults(place: ToolPlace, img_dir: Path, read: Collection[str] = ()) -> list[str]:
    """Images whose headers cannot be read, where other faults have ended the reading before; but not those that were ``read``."""
    faults = []
    for name in _images_of(place, img_dir):
        if name in read:
            continue
        try:
            image_size(img_dir / name)
        except UserError as error:
            faults.append(str(error))
    return faults


def _read_cvat(path: Path, img_dir: Path, pictures: Sequence[str]) -> _Found:
    names, images = read_cvat(path)
    return names, _by_name(images, pictures, path, img_dir, "name"), [], []


def _read_labelme(path: Path, img_dir: Path, pictures: Sequence[str]) -> _Found:
    images, faults, others = [], [], []
    for file in json_files(path):
        try:
            value = read_json(file)
            if is_labelme(value):
                images.append(_within(labelme_image(value, file), file, img_dir))
            else:
                others.append(file.relative_to(path).as_posix())
        except DataError as error:
            faults += [f"{file}: {fault}" for fault in error.faults]
        except UserError as error:  # a FIFO, a folder, a link that leads nowhere
            faults.append(str(error))
    if faults:
        raise DataError(str(path), faults)
    nothing = {name: AnnotatedImage(name, mark=Mark.NOT_DONE) for name in pictures}
    found = nothing | _by_name(images, pictures, path, img_dir, "imagePath")
    return [], found, other_labels(path, LABELME, others), []


def _read_yolo(path: Path, img_dir: Path, pictures: Sequence[str], some_unlabelled: bool) -> _Found:
    folder = path if path.is_dir() else path.parent
    file = _yolo_names(path)
    names = read_names(file)
    below = folder / "labels" if (folder / "labels").is_dir() else folder
    keypoints = keypoint_numbers(file)
    found, faults, image_of, lines = {}, [], {}, 0
    for name in pictures:
        text = labels_of((img_dir / name).absolute(), below, name)
        if text in image_of:
            faults.append(f"{text}: is the label file of {image_of[text]} and of {name}; give them names that differ")
            continue
        if text:
            image_of[text] = name
        elif some_unlabelled:
            continue
        try:
            shapes = read_labels(text, names, keypoints) if text else ()
        except DataError as error:
            faults += [f"{text}: {fault}" for fault in error.faults]
            lines += error.lines if isinstance(error, LineFaults) else 0
            continue
        lines += len(shapes)
        found[name] = AnnotatedImage(name, shapes, relative=True)
    if not image_of:
        raise UserError(
            f"{path}: none of the {len(pictures)} images of {img_dir} has a label file, neither in {below}, nor beside it, nor in "
            "the folder called labels beside the one called images"
        )
    faults, doubts = merged_line_faults(faults, lines), []
    if lost := label_files_without_image(image_of):
        doubts.append(
            f"{counted(len(lost), 'label file')} of which {img_dir} has no image, such as {lost[0]}: their labels are not used"
        )
    of_lines = len(faults)
    shapes = [shape for image in found.values() for shape in image.shapes]
    if not keypoints and (unstated := unstated_numbers(shapes, file)):
        (faults if unstated.certain else doubts).append(f"{below}: {unstated.sentence}")
    if (
        any(isinstance(fault, Summary) for fault in faults) or len(faults) > of_lines
    ):  # one cause, which other checks would tell again
        raise DataError(str(path), [*faults, *doubts])
    return names, found, doubts, faults


def _yolo_names(path: Path) -> Path:
    """The file of the names of classes, of a data set that is named by its folder, its folder of labels, or this file."""
    return names_file(path) or names_file(path.parent) if path.is_dir() else path


def _within(image: AnnotatedImage, file: Path, img_dir: Path) -> AnnotatedImage:
    """With the name of the image in its folder, if the path in the file leads there."""
    target = (file.parent / image.name).resolve()
    root = img_dir.resolve()
    return replace(image, name=target.relative_to(root).as_posix()) if target.is_relative_to(root) else image


def _by_name(
    images: Sequence[AnnotatedImage], pictures: Sequence[str], path: Path, img_dir: Path, name_key: str
) -> dict[str, AnnotatedImage]:
    """Images by their names in the folder; ``name_key``: what the form calls the name of an image."""
    names, found, faults, missing = ImageNames(pictures), {}, [], {}
    for image in images:
        try:
            key = names.find(image.name).key
        except UnknownName:
            missing[image.name] = f"{image.place}: "
            continue
        except AmbiguousName as error:
            faults.append(f"{error} in the folder of images")
            continue
        if key in found:
            faults.append(f"{key} occurs twice, as {found[key].name} and as {image.name}; leave one")
        found[key] = image
    faults += missing_faults(list(missing), len(images), img_dir, missing, name_key, found)
    if faults:
        raise DataError(str(path), faults)
    return found


def _entry(
    image_id: int,
    name: str,
    image: AnnotatedImage,
    path: Path,
    size: Size,
    names: Sequence[str],
    masks: bool,
    notes: Counter,
) -> ImageEntry:
    """One image of ``size``; ``notes`` counts what is left out or changed."""
    common = {"image_id": image_id, "file_name": name, "width": size[0], "height": size[1]}
    if image.mark in (Mark.SKIPPED, Mark.NOT_DONE, Mark.UNTICKED):
        notes["images not marked as reviewed, which count as unlabelled"] += image.mark is Mark.UNTICKED
        notes["images marked to skip, which count as unlabelled"] += image.mark is Mark.SKIPPED
        return ImageEntry(**common, labelled=False, **_EMPTY)
    if image.size not in (None, size):
        boxes = np.array([shape.box for shape in image.shapes]).reshape(-1, 4)
        raise WrongSize(path, image.size, size, boxes_fit(boxes, size), "the annotation file")
    faults = list(image.blocked)
    notes["points, lines and the like that are left out"] += len(image.unused)
    shapes = [shape for shape in in_pixels(image, size) if shape.label in names]
    for shape in shapes:
        if fault := _fault(shape, size, masks):
            faults.append(fault)
        notes["rotated boxes that became the upright boxes around them"] += shape.rotated
    if faults:
        raise DataError(name, faults)
    boxes = np.array([shape.box for shape in shapes], np.float64).reshape(-1, 4)
    outlines = tuple(as_outline(shape.segmentation) for shape in shapes) if masks else None
    return ImageEntry(
        **common,
        labelled=True,
        boxes=np.clip(boxes, 0, (*size, *size)).astype(np.float32),
        labels=np.array([names.index(shape.label) + 1 for shape in shapes], np.int32),
        crowd=np.array([shape.crowd for shape in shapes], bool),
        outlines=outlines,
        reviewed=image.mark is Mark.DONE,
    )


def _common_fault(found: dict[str, AnnotatedImage], sizes: dict[str, Size]) -> str | None:
    """A fault of all boxes together.

    Args:
        sizes: of the images that can be read, where the form does not state them.
    """
    relative = any(image.relative for image in found.values())
    boxes = [
        (shape.box, size)
        for name, image in found.items()
        if (size := sizes.get(name) if image.relative else image.size)
        for shape in in_pixels(image, size)
        if not shape.rotated
    ]
    corners = [box for box, _ in boxes]
    outside = all_outside(corners, [size for _, size in boxes], relative)
    return outside if relative else all_fractions(corners, "a box", "x, y") or outside


def _fault(shape: Shape, size: tuple[int, int], masks: bool) -> str | None:
    """What is wrong with an object in an image of ``size``, if anything."""
    x1, y1, x2, y2 = shape.box
    shown = f"{shape.label} ({', '.join(f'{value:g}' for value in shape.box)})"
    if min(x2, size[0]) <= max(x1, 0) or min(y2, size[1]) <= max(y1, 0):
        return f"{shown} has no area in its image of {size[0]} x {size[1]} pixels; take it out, or draw it anew"
    # The upright box around a rotated one reaches over the border where the object does not.
    if not shape.rotated and (fault := outside_fault(shape.box, size)):
        return f"{shown} {fault}"
    if not masks:
        return None
    if shape.segmentation is None:
        return f"{shown} has no outline, which this detector learns from; draw a polygon or a mask"
    fault = outline_fault(as_outline(shape.segmentation), shape.box, size)
    return fault and f"{shown}: {fault}"
