"""Read labelled data of any form; the form is detected from the file or folder itself, never guessed.

| form | annotation file |
|---|---|
| COCO | a file that ends in .json or begins with { or [ |
| Pascal VOC | a list in ImageSets/ beside Annotations/, or a folder with XML files |
| CVAT for images | an .xml file whose outer element is <annotations>, or the folder that holds it as annotations.xml |
| LabelMe | a folder whose JSON files have "shapes" and "imagePath" |
| YOLO | data.yaml, obj.names or classes.txt, or a folder with one of them |
| text | another .txt file, with a line per image |
"""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from src.command_line import names_in_one_word, to_paste
from src.data.annotations import Annotations, has_outlines
from src.data.checks.faulty_coco import clear_coco
from src.data.checks.files.other_labels import CVAT, VOC, YOLO, other_labels
from src.data.checks.left_out import LeftOut
from src.data.classes import check_names, foreground, in_class_order, unknown_classes
from src.data.formats.coco import read_coco
from src.data.formats.coco_annotations import read_annotations, to_coco
from src.data.formats.text import read_txt
from src.data.formats.tools.tool_data import read_tool
from src.data.formats.tools.tool_place import ToolPlace, tool_place
from src.data.formats.voc_folder import read_voc_folder, voc_place
from src.data.image_listing import check_is_no_root, list_images
from src.errors import DataError, SeveralErrors, UserError
from src.files import near_path, open_regular

_FORMS = (
    "COCO JSON (.json), a Pascal VOC list (ImageSets/Main/NAME.txt beside Annotations/), a folder with Pascal VOC XML files, "
    "CVAT for images (annotations.xml), a folder with JSON files of LabelMe, YOLO (data.yaml, or a folder with classes.txt), "
    "or text with a line per image (.txt): path x1,y1,x2,y2,class[,iscrowd] ..."
)


def read_data(
    path: str | Path,
    img_dir: str | Path | None,
    class_names: Sequence[str] = (),
    masks: bool = False,
    left_out: LeftOut | None = None,
    unlabelled_img_dir: str | Path | None = None,
) -> Annotations:
    """Read and check labelled data; ``form`` of the result names the form.

    Args:
        path: annotation file, or folder of XML files.
        img_dir: folder of the images; optional for COCO files.
        class_names: the classes in the order of their labels, background first or left out; for text they say what the
            numbers mean. Empty: COCO's categories by id, or the classes found in the XML files, sorted.
        masks: read the outlines of objects, too, which Pascal VOC and text have not; then every labelled object must have one.
        left_out: takes the images and boxes that cannot be used, which are faults without it.
        unlabelled_img_dir: folder of unlabelled images, if there is one: images of Pascal VOC and YOLO in it that have
            no file of labels are left to it.

    Raises:
        UserError: the path does not exist, its form is unknown or has no masks, or a text file comes without class names.
        DataError: every fault of it, classes that are not among ``class_names`` included.
    """
    path = Path(path)
    check_names(class_names)
    if not path.exists():
        raise UserError(f"{path}: no such file; {_there_is(path)}")
    check_is_no_root(path)
    tool = tool_place(path)
    place = None if tool else voc_place(path)
    if img_dir is None and (tool or place or path.suffix.lower() == ".txt"):
        raise UserError(
            f"{path}: the folder of its images must be given, too (--img_dir; of --eval_ann_file: --eval_img_dir); only COCO JSON states their sizes"
        )
    if tool:
        return _read_tool_of(path, tool, (img_dir, unlabelled_img_dir), class_names, masks)
    if place:
        _refuse(masks, path)
        found = read_voc_folder(place, img_dir, class_names, left_out, unlabelled_img_dir)
        return _with_doubts(found, other_labels(path if path.is_dir() else place.xmls, VOC))
    if path.is_dir() and list_images(path):
        raise UserError(f"{path}: is a folder of images{_swapped(img_dir)}{_holding(path)}; expected {_FORMS}")
    if path.is_dir():
        raise UserError(f"{path}: a folder of no known form{_holding(path)}; expected {_FORMS}")
    if is_coco(path):
        clear = partial(clear_coco, left_out=left_out, masks=masks) if left_out is not None else None
        annotations = read_annotations(path, masks, clear)
        return in_class_order(annotations, foreground(class_names), path) if class_names else annotations
    if path.suffix.lower() == ".txt" and path.parent.parent.name == "ImageSets":
        root = path.parents[2]
        raise UserError(f"{path}: a Pascal VOC list, but there is no {root / 'Annotations'}; put the XML files there")
    if path.suffix.lower() == ".txt":
        _refuse(masks, path)
        return read_txt(path, img_dir, class_names, left_out)
    raise UserError(f"{path}: its form is recognised neither by its name nor by its beginning; expected {_FORMS}")


def _read_tool_of(
    path: Path, tool: ToolPlace, folders: tuple[str | Path, str | Path | None], class_names: Sequence[str], masks: bool
) -> Annotations:
    """As ``read_tool``, with the folder of the images and that of unlabelled ones; of a folder, which a file with the names of YOLO's classes stands for, also which label files in it are passed over."""
    read = partial(read_tool, tool, folders[0], class_names, masks, folders[1])
    if not path.is_dir():
        found = read()
        return _with_doubts(found, other_labels(path.parent, YOLO)) if tool.form == YOLO else found
    try:
        found = read()
    except DataError as error:
        others = other_labels(path, CVAT, used=tool.path) if tool.form == CVAT else []
        if not others:
            raise
        raise DataError(error.title, ["; ".join([error.faults[0], *others]), *error.faults[1:]]) from None
    return _with_doubts(found, other_labels(path, tool.form, used=tool.path))


def _with_doubts(annotations: Annotations, doubts: Sequence[str]) -> Annotations:
    return replace(annotations, doubts=(*annotations.doubts, *doubts))


def read_as_coco(
    path: str | Path,
    img_dir: str | Path | None,
    class_names: Sequence[str] = (),
    left_out: LeftOut | None = None,
    unlabelled_img_dir: str | Path | None = None,
) -> dict[str, Any]:
    """Labelled data of any form as a checked COCO file, for programs that write one; a COCO file keeps all its fields.

    Args:
        left_out: takes the images and boxes that cannot be used, which are faults without it.
        unlabelled_img_dir: see ``read_data``.

    Raises:
        UserError, DataError: as ``read_data``.
    """
    if is_coco(path):
        coco = read_coco(path, clear=partial(clear_coco, left_out=left_out) if left_out is not None else None)
        _check_classes(coco, class_names, path)
        return coco
    annotations = read_data(path, img_dir, class_names, False, left_out, unlabelled_img_dir)
    return to_coco(annotations, masks=has_outlines(annotations))


def _check_classes(coco: dict[str, Any], class_names: Sequence[str], path: str | Path) -> None:
    """Raise a UserError if classes were given and a COCO file has others."""
    check_names(class_names)
    if not class_names:
        return
    name_of = {row["id"]: row["name"] for row in coco["categories"]}
    counts = Counter(name_of[row["category_id"]] for row in coco["annotations"])
    faults = unknown_classes([(name, counts[name]) for name in name_of.values()], foreground(class_names))
    if faults:
        raise DataError(f"{path}, whose classes must be those of --class_names", faults)


def is_coco(path: str | Path) -> bool:
    """Whether an annotation file is read as COCO: its name ends in .json, or it begins as JSON does."""
    path = Path(path)
    return path.exists() and not path.is_dir() and (path.suffix.lower() == ".json" or _begins_as_json(path))


def require_coco(
    path: Path,
    img_dir: Path | None = None,
    class_names: Sequence[str] = (),
    unlabelled_img_dir: Path | None = None,
) -> None:
    """Raise a UserError with the command that converts, if the present annotation file has another format: only COCO says which
    images are labelled.

    Args:
        img_dir: folder of its images; class_names, unlabelled_img_dir: see ``read_data``; as far as they are known.
    """
    if not path.exists() or is_coco(path):
        return
    words = ["--ann_file", path, "--img_dir", img_dir or "IMAGES", "--label_ratio", 100]
    words += ["--class_names", names_in_one_word(class_names)] if class_names else []
    folder, faulty = _folder_of_unlabelled(path, img_dir, class_names, unlabelled_img_dir)
    beside = None if img_dir else "IMAGES"  # which may hold images without labels, too
    words += ["--unlabelled_img_dir", folder or beside] if folder or beside else []
    words += ["--leave_out_faulty"] if faulty else []
    where = "" if img_dir else ", with the folder of its images, labelled or not, as IMAGES"
    given = folder == unlabelled_img_dir
    where += (
        ""
        if given
        else f", add {shlex.join(['--unlabelled_img_dir', str(folder)])} here, too, for its images without labels"
    )
    raise UserError(
        f"{path}: only COCO JSON says which images are labelled; convert it{where}, which hides no label at --label_ratio 100, and give "
        "labelled.json in its place:  "
        f"{to_paste('random_select.py', *words, '--output_ann_file', 'labelled.json')}"
    )


def _folder_of_unlabelled(
    path: Path, img_dir: Path | None, class_names: Sequence[str], given: Path | None
) -> tuple[Path | None, bool]:
    """The folder of unlabelled images with which annotations are read: the given one, or that of all images if then nothing is faulty;
    and whether there are faults, which can be left out."""
    if img_dir is None or not _is_faulty(path, img_dir, class_names, given):
        return given, False
    if given is None and not _is_faulty(path, img_dir, class_names, img_dir):
        return img_dir, False
    return given, True


def _is_faulty(path: Path, img_dir: Path, class_names: Sequence[str], unlabelled_img_dir: Path | None) -> bool:
    """Whether annotations have faults that can be left out."""
    try:
        read_data(path, img_dir, class_names, unlabelled_img_dir=unlabelled_img_dir)
    except UserError as error:
        return isinstance(error, DataError | SeveralErrors)
    return False


def _refuse(masks: bool, path: Path) -> None:
    if masks:
        raise UserError(
            f"{path}: has boxes but no masks, which this detector is trained on; give COCO JSON whose annotations have a "
            '"segmentation", or take a system without masks'
        )


def _swapped(img_dir: str | Path | None) -> str:
    """The end of the sentence that a folder of images was given for annotations: whether ``img_dir`` holds these."""
    if img_dir is None or not Path(img_dir).exists():
        return ", not of annotations"
    try:
        holds = "is a file" if Path(img_dir).is_file() else "holds annotations" * bool(_has_form(Path(img_dir)))
    except UserError:  # of a Pascal VOC folder, one of whose lists must be named
        holds = "holds annotations"
    return f", and {img_dir} {holds}: the annotations and the images are swapped" if holds else ", not of annotations"


def _has_form(folder: Path) -> bool:
    """Whether a folder is one of annotations; raises as ``voc_place``."""
    return bool(tool_place(folder) or voc_place(folder) or any(folder.glob("*.json"))) and not list_images(folder)


def _there_is(path: Path) -> str:
    """A remedy for a missing file."""
    if path.is_symlink():
        return "it is a link that leads nowhere; link it to the file again"
    if not path.parent.is_dir():
        return f"its folder {path.parent} is not there; expected {_FORMS}"
    return near_path(path).removeprefix("; ") or f"expected {_FORMS}"


def _holding(folder: Path) -> str:
    """Annotation files in a folder that was given in place of a file."""
    for place in (folder.parent, folder.parent.parent):
        if (place / "data.yaml").is_file():
            return f", but {place / 'data.yaml'} describes a data set of YOLO: give that file"
    found = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in (".json", ".txt"))
    if len(found) == 1 or "_annotations.coco.json" in found:
        name = found[0] if len(found) == 1 else "_annotations.coco.json"
        return f"; give the file in it: {folder / name}"
    return f"; it holds {len(found)} annotation files, such as {found[0]}: give the one of all images" if found else ""


def _begins_as_json(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
