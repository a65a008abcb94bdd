"""Read Pascal VOC: images/ and annotations/ with one XML file per image, paired by sub-folder and stem."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from src.data.checks.files.misnamed_xmls import misnamed
from src.data.checks.files.unpaired_xmls import IN_TWO_FOLDERS, unpaired
from src.data.checks.left_out import LeftOut, note_image
from src.data.checks.row_marks import RowMark, finite_number, marks_of
from src.data.formats.xml_file import read_xml
from src.data.image_listing import files_with_suffix, list_images
from src.data.provenance import folder_hash
from src.errors import DataError, Summary, UserError
from src.wording import counted

_EACH = "write an <object> for each"
_LEAVE_ONE = "leave the right one"


@dataclass(frozen=True)
class VocObject:
    """One object: class name and box (xmin, ymin, xmax, ymax) in pixels, as in the file, not clipped.

    ``difficult`` objects count as crowds everywhere: neither object nor background in training, neither hit nor miss in
    evaluation (the VOC challenge leaves them out of its scores, too). ``marks``: see ``row_marks``.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool = False
    marks: tuple[RowMark, ...] = ()


@dataclass(frozen=True)
class VocImage:
    """One XML file. ``size`` is (width, height) in pixels, None if the file does not state it (or states 0)."""

    file_name: str
    size: tuple[int, int] | None
    objects: tuple[VocObject, ...]


def pair_files(
    data_path: Path, left_out: LeftOut | None = None, some_unlabelled: bool = False
) -> list[tuple[str, str]]:
    """Names (image, XML) relative to images/ and annotations/, see ``pair_folders``.

    Raises:
        UserError: a folder is missing or empty.
        DataError: as ``pair_folders``.
    """
    if not (data_path / "images").is_dir():
        raise UserError(f"{data_path / 'images'}: no such folder; --data_path must hold images/ and annotations/")
    list_xmls(data_path)
    folders = data_path / "images", data_path / "annotations"
    return pair_folders(*folders, None, left_out, some_unlabelled, remedy=IN_TWO_FOLDERS)


def pair_folders(
    images: Path,
    xmls: Path,
    stems: Sequence[str] | None = None,
    left_out: LeftOut | None = None,
    some_unlabelled: bool = False,
    remedy: str | None = None,
) -> list[tuple[str, str]]:
    """Names (image, XML) relative to their folders, paired by sub-folder and stem, sorted.

    Args:
        stems: those to select; None: all. left_out: takes what has no partner, which is a fault without it.
        some_unlabelled: images without XML are unlabelled ones and passed over, but for those in `stems`.
        remedy: for images without XML; None: that of programs which have a folder of unlabelled images.

    Raises:
        DataError: images without XML, XML without image and stems that two images share.
    """
    image_of: dict[str, str] = {}
    faults = []
    for name in list_images(images):
        other = image_of.setdefault(_stem(name), name)
        if other != name and (stems is None or _stem(name) in stems):
            shared = "share the stem that pairs images with XML; rename one"
            reason = f"{images.name}/{other} and {images.name}/{name} {shared}"
            note_image(left_out, faults, name, [reason])
    xml_of = {_stem(name): name for name in xml_files(xmls)}
    if xml_of and not image_of:
        raise UserError(
            f"{images}: no images in this folder; give that of the images, of which {xmls} holds the annotations"
        )
    wanted = sorted(image_of.keys() | xml_of.keys()) if stems is None else stems
    if stems is None and some_unlabelled and image_of.keys() & xml_of.keys():
        wanted = sorted(xml_of)
    if left_out is None:
        sentences, wanted = _common_faults(wanted, image_of, xml_of, images, xmls)
        faults += sentences
    for name, reason in unpaired(wanted, (image_of, xml_of), (images, xmls), left_out is None, remedy):
        note_image(left_out, faults, name, [reason])
    if faults:
        raise DataError(str(images.parent), faults)
    return [(image_of[stem], xml_of[stem]) for stem in sorted(wanted) if stem in image_of and stem in xml_of]


def _common_faults(
    wanted: Sequence[str], image_of: dict[str, str], xml_of: dict[str, str], images: Path, xmls: Path
) -> tuple[list[str], list[str]]:
    """Sentences on what many pairs lack for one reason, and the stems of which nothing is said."""
    sentences, twins = misnamed(wanted, image_of, xml_of)
    left = [stem for stem in wanted if stem not in twins and stem not in twins.values()]
    lone_xmls, lone_images = ([stem for stem in left if stem in files] for files in (xml_of, image_of))
    if sentences or max(len(lone_xmls), len(lone_images)) < 2 or set(lone_xmls) & set(lone_images) or not xml_of:
        return sentences, left
    remedy = "give the folder of the images that were annotated, or name each XML file like its image"
    rows = [
        f"{folder.name}/{files[stem]}"
        for folder, files, lone in ((xmls, xml_of, lone_xmls), (images, image_of, lone_images))
        for stem in lone
    ]
    xml, image = xml_of[(lone_xmls or sorted(xml_of))[0]], image_of[(lone_images or sorted(image_of))[0]]
    if lone_xmls:
        what = f"none of the {counted(len(lone_xmls), 'XML file')} has an image of its name: {xmls.name} has {xml}, {images.name} has {image}"
    else:
        what = f"none of the {counted(len(lone_images), 'image')} has an XML file of its name: {images.name} has {image}, {xmls.name} has {xml}"
    return [Summary(f"{what}; {remedy}", rows)], [stem for stem in left if stem not in xml_of and stem not in image_of]


def images_without_xml(data_path: Path) -> list[str]:
    """Names of the images under images/ that have no XML file under annotations/, sorted."""
    labelled = {_stem(name) for name in xml_files(data_path / "annotations")}
    return [name for name in list_images(data_path / "images") if _stem(name) not in labelled]


def known_stems(images: Path, xmls: Path) -> set[str]:
    """Stems of all images and XML files of two folders."""
    return {_stem(name) for name in (*list_images(images), *xml_files(xmls))}


def list_xmls(data_path: Path) -> list[str]:
    """Names of the XML files under annotations/, relative to it, sorted; hidden ones are left out."""
    folder = data_path / "annotations"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; --data_path must hold it")
    names = xml_files(folder)
    if not names:
        raise UserError(f"{folder}: no XML files in it")
    return names


def xml_files(folder: Path) -> list[str]:
    """Names of the XML files under a folder, relative to it, sorted; hidden ones are left out."""
    return files_with_suffix(folder, ".xml")


def xml_hash(folder: Path) -> str:
    """The ``folder_hash`` of all XML files of a folder, in the order in which they are paired with images."""
    return folder_hash(folder, sorted(xml_files(folder), key=_stem))


def read_voc(path: Path) -> VocImage:
    """Read one XML file; text between elements is ignored.

    Raises:
        DataError: every fault of the file, without its name (the caller lists several files).
    """
    root = read_xml(path)
    if root.tag != "annotation":
        hint = "; it is of CVAT for images: give this file itself, or call it annotations.xml" * (
            root.tag == "annotations"
        )
        raise DataError(str(path), [f"expected <annotation> as the outer element, found <{root.tag}>{hint}"])
    objects, faults = [], []
    for number, element in enumerate(root.findall("object"), start=1):
        try:
            objects.append(_object(element))
        except ValueError as error:
            faults.append(f"object {number}: {error}")
    size = None
    try:
        if (stated := _only(root, "size", _LEAVE_ONE)) is not None:
            size = tuple(int(_number(stated, key)) for key in ("width", "height"))
    except ValueError as error:
        faults.append(str(error))
    if faults:
        raise DataError(str(path), faults)
    return VocImage((root.findtext("filename") or "").strip(), size if size and min(size) > 0 else None, tuple(objects))


def _object(element: Element) -> VocObject:
    name = (_text(element, "name", _EACH) or "").strip()
    if not name:
        raise ValueError("no <name>")
    difficult = (_text(element, "difficult", _LEAVE_ONE) or "0").strip()
    if difficult not in ("0", "1"):
        raise ValueError(f"<difficult> must be 0 or 1, found {difficult!r}")
    corners = _only(element, "bndbox", _EACH)
    if corners is None:
        raise ValueError("no <bndbox>")
    box = tuple(_number(corners, key) for key in ("xmin", "ymin", "xmax", "ymax"))
    return VocObject(name, box, difficult == "1", () if difficult == "1" else _marks(element))


def _marks(element: Element) -> tuple[RowMark, ...]:
    """The marks among the elements of an object, and among its attributes as CVAT writes them."""
    fields = {child.tag: child.text or "" for child in element if child.tag != "difficult"}
    for attribute in element.iterfind("attributes/attribute"):
        fields[(attribute.findtext("name") or "").strip()] = attribute.findtext("value") or ""
    return marks_of(fields)


def _only(element: Element, tag: str, remedy: str) -> Element | None:
    """The child of this tag; None if there is none, a ValueError if there are several."""
    found = element.findall(tag)
    if len(found) > 1:
        raise ValueError(f"<{element.tag}> holds {len(found)} <{tag}>; {remedy}")
    return found[0] if found else None


def _text(element: Element, tag: str, remedy: str) -> str | None:
    child = _only(element, tag, remedy)
    return None if child is None else child.text or ""


def _number(element: Element, tag: str) -> float:
    place = f"{element.tag}/{tag}"
    child = _only(element, tag, _LEAVE_ONE)
    if child is None:
        raise ValueError(f"no <{place}>")
    text = child.text or ""
    value = finite_number(text)
    if value is None:
        raise ValueError(f"<{place}> must be a number, found {text.strip()!r}")
    return value


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
