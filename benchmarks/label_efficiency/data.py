"""The data of a plan: checked, cleared of boxes without area, and split into three parts that share no picture.

Beside each other in the folder `data`: `all.json`, `train.json`, `validation.json`, `test.json` (COCO) and `left_out.json`. Which
image is in which part is in `split.json` of the results, with a hash; an existing one is used again.
"""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import tostring

from defusedxml.ElementTree import fromstring

from benchmarks.label_efficiency.plan import Plan
from src.data.checks.duplicate_images import group_same_pictures
from src.data.formats.json_file import read_json
from src.data.formats.voc import xml_files
from src.errors import DataError, UserError
from src.files import file_hash, write_atomically, write_json

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Prepared:
    """The prepared data.

    Attributes:
        images: folder of all images; files: part -> COCO file; hashes: name -> SHA-256 of these files and of the split.
        left_out: sentences on boxes that were left out.
    """

    images: Path
    files: dict[str, Path]
    hashes: dict[str, str]
    left_out: list[str]


def prepare(plan: Plan, source: Path, folder: Path, split_file: Path, run: Callable[[Sequence[str]], None]) -> Prepared:
    """Make the files of a plan's data, or reuse those of an earlier start.

    Args:
        source: folder of the images and annotations; folder: where the files go; split_file: see the module.
        run: runs a program of this repository with these arguments, and raises if it fails.

    Raises:
        UserError: the data are missing, or do not fit the plan or the split.
    """
    images, annotations = source / plan.data.images, source / plan.data.annotations
    for path, what in ((images, "data.images"), (annotations, "data.annotations")):
        if not path.exists():
            raise UserError(f"{path}: not there ({what} of the plan, in the folder of --data)")
    files = {part: folder / f"{part}.json" for part in PARTS}
    everything, source_file = folder / "all.json", folder / "source.json"
    made_of = {"data": json.loads(json.dumps(asdict(plan.data))), "annotations": content_hash(annotations)}
    if everything.is_file() and read_json(source_file) != made_of:
        raise UserError(f"{folder}: made from other annotations, or for another plan; give another --out, or remove it")
    if not everything.is_file():
        if annotations.is_dir():
            left_out = _clear_voc(images, annotations, folder / "voc")
            classes = ["--classes", *plan.data.classes] if plan.data.classes else []
            run(
                [
                    "src/xml2coco.py",
                    "--data_path",
                    str(folder / "voc"),
                    "--save_path",
                    str(folder / "made.json"),
                    *classes,
                ]
            )
            coco = read_json(folder / "made.json")
        else:
            coco, left_out = clear_coco(read_json(annotations))
        write_json(folder / "left_out.json", left_out, overwrite=True, indent=1)
        write_json(source_file, made_of, overwrite=True, indent=1)
        write_json(everything, coco, overwrite=True)
    coco = read_json(everything)
    split = read_split(split_file, plan, coco) if split_file.is_file() else make_split(plan, coco, images)
    if not split_file.is_file():
        write_json(split_file, split, indent=1)
    for part, file in files.items():
        write_json(file, part_of(coco, split[part]), overwrite=True)
    hashes = {file.name: file_hash(file) for file in (*files.values(), split_file)}
    return Prepared(images, files, hashes, read_json(folder / "left_out.json"))


def content_hash(annotations: Path) -> str:
    """SHA-256 of a COCO file, or of the names and contents of all XML files of a folder."""
    if annotations.is_file():
        return file_hash(annotations)
    rows = [f"{file_hash(annotations / name)} {name}\n" for name in xml_files(annotations)]
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def _clear_voc(images: Path, annotations: Path, folder: Path) -> list[str]:
    """Copy XML files without the objects that have no area, beside a link to the images; returns what was left out."""
    left_out = []
    for name in xml_files(annotations):
        content, faults = clear_xml((annotations / name).read_bytes())
        left_out += [f"{name}: {fault}" for fault in faults]
        write_atomically(
            folder / "annotations" / name, lambda path, data=content: path.write_bytes(data), overwrite=True
        )
    link = folder / "images"
    if not link.is_symlink():
        link.symlink_to(images.resolve(), target_is_directory=True)
    return left_out


def clear_xml(content: bytes) -> tuple[bytes, list[str]]:
    """A Pascal VOC file without objects whose box has no area, and a sentence for each; otherwise unchanged.

    Unreadable content is returned as it is, so that xml2coco reports its fault.
    """
    try:
        root = fromstring(content.lstrip())
        boxes = [(element, _corners(element)) for element in root.findall("object")]
    except (SyntaxError, ValueError, TypeError, LookupError):  # LookupError: an unknown encoding
        return content, []
    faults = []
    for number, (element, (x1, y1, x2, y2)) in enumerate(boxes, start=1):
        if x2 <= x1 or y2 <= y1:
            root.remove(element)
            faults.append(f"object {number} ({element.findtext('name')}), box {x1:g} {y1:g} {x2:g} {y2:g}, has no area")
    return (tostring(root, encoding="utf-8") if faults else content), faults


def _corners(element: Any) -> list[float]:
    return [float(element.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]


def clear_coco(coco: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """COCO content without boxes that have no area, and a sentence for each."""
    kept, faults = [], []
    for row in coco["annotations"]:
        if row["bbox"][2] > 0 and row["bbox"][3] > 0:
            kept.append(row)
        else:
            faults.append(f"annotation {row['id']} of image {row['image_id']}, box {row['bbox']}, has no area")
    return coco | {"annotations": kept}, faults


def make_split(plan: Plan, coco: dict[str, Any], images: Path) -> dict[str, Any]:
    """Part -> file names, sorted; and what the split was made from.

    Raises:
        UserError: there are too few images, or too many of one picture for any part.
    """
    names = sorted(image["file_name"] for image in coco["images"])
    sizes = plan.parts.sizes()
    wanted = sum(sizes.values())
    if wanted > len(names):
        raise UserError(f"parts: {' + '.join(map(str, sizes.values()))} = {wanted} images, but there are {len(names)}")
    found = group_same_pictures([images / name for name in names], plan.data.same_from)
    groups = joined_groups(names, plan.data.same_picture, found)
    parts = draw_parts(groups, sizes, plan.parts.seed)
    same = [group for group in groups if len(group) > 1]
    return {part: sorted(parts[part]) for part in PARTS} | {"parts": asdict(plan.parts), "same_picture": same}


def joined_groups(names: list[str], given: Sequence[Sequence[str]], found: list[list[int]]) -> list[list[str]]:
    """Groups of names that show one picture: those found, joined where a given one overlaps several.

    Raises:
        UserError: a given name is no image.
    """
    group_of = {
        name: [names[index] for index in group] for group in found for name in (names[index] for index in group)
    }
    for group in given:
        if unknown := [name for name in group if name not in group_of]:
            raise UserError(f"data.same_picture: {unknown[0]} is not an image of the annotations")
        whole = sorted({name for member in group for name in group_of[member]})
        group_of |= dict.fromkeys(whole, whole)
    return sorted({tuple(group) for group in map(tuple, group_of.values())})


def draw_parts(groups: Sequence[Sequence[str]], sizes: dict[str, int], seed: int) -> dict[str, list[str]]:
    """Part -> names, exactly as many as asked for; a group stays together. The largest groups are placed first.

    Images beyond the sum of the sizes belong to no part.

    Raises:
        UserError: a group is larger than what is left of every part.
    """
    rng = random.Random(seed)
    order = sorted(groups)
    rng.shuffle(order)
    order.sort(key=len, reverse=True)
    parts: dict[str, list[str]] = {part: [] for part in sizes}
    spare = sum(map(len, groups)) - sum(sizes.values())
    for group in order:
        room = {part: sizes[part] - len(parts[part]) for part in sizes} | {None: spare}
        fitting = [part for part, places in room.items() if places >= len(group)]
        if not fitting:
            raise UserError(f"parts: {len(group)} images show one picture ({group[0]}, ...) and fit into no part")
        part = rng.choices(fitting, [room[part] for part in fitting])[0]
        if part is None:
            spare -= len(group)
        else:
            parts[part] += group
    return parts


def read_split(path: Path, plan: Plan, coco: dict[str, Any]) -> dict[str, Any]:
    """A split that was made before.

    Raises:
        UserError: it was made for other parts, or names images that are not there.
    """
    split = read_json(path)
    if split.get("parts") != asdict(plan.parts):
        raise UserError(f"{path}: made for the parts {split.get('parts')}, the plan says {asdict(plan.parts)}")
    there = {image["file_name"] for image in coco["images"]}
    missing = [
        f"{name} ({part}) is not in the annotations" for part in PARTS for name in split[part] if name not in there
    ]
    if missing:
        raise DataError(str(path), missing)
    return split


def part_of(coco: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The COCO content of some images."""
    wanted = set(names)
    images = [image for image in coco["images"] if image["file_name"] in wanted]
    ids = {image["id"] for image in images}
    return coco | {"images": images, "annotations": [row for row in coco["annotations"] if row["image_id"] in ids]}
