"""CVAT for images 1.1: pre-labels out; read back by ``src.data.formats.tools.cvat``."""

import json
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
from pycocotools import mask as coco_masks

from src.data.formats.tools.cvat import REVIEWED, SKIP
from src.labelling.task import Manifest, Prelabel


def files(manifest: Manifest, image_root: str) -> dict[str, str]:
    """annotations.xml to upload, and labels.json for the constructor of labels.

    The labels have a text attribute "score", for CVAT knows no confidence, and there are two tags for images.
    """
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for name, kind in [*((name, "any") for name in manifest.classes), (REVIEWED, "tag"), (SKIP, "tag")]:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "type").text = kind
        SubElement(label, "attributes")
    for number, task in enumerate(manifest.tasks):
        size = {"width": str(task.width), "height": str(task.height)}
        image = SubElement(root, "image", {"id": str(number), "name": task.name} | size)
        for group, prelabel in enumerate(task.prelabels, start=1):
            for tag, attributes in _elements(prelabel, group):
                common = {"label": prelabel.label, "source": "file", "occluded": "0", "z_order": "0"}
                element = SubElement(image, tag, common | attributes)
                if prelabel.score is not None:
                    SubElement(element, "attribute", {"name": "score"}).text = f"{prelabel.score:.3f}"
    indent(root)
    score = {"name": "score", "mutable": True, "input_type": "text", "default_value": "", "values": [""]}
    constructor = [{"name": name, "type": "any", "attributes": [score]} for name in manifest.classes]
    constructor += [{"name": name, "type": "tag", "attributes": []} for name in (REVIEWED, SKIP)]
    return {
        "annotations.xml": '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n",
        "labels.json": json.dumps(constructor, ensure_ascii=False, indent=1) + "\n",
    }


def _elements(prelabel: Prelabel, group: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Tags and attributes of one object: a box, a mask, or polygons that are joined by their group."""
    if isinstance(prelabel.segmentation, dict):
        yield "mask", _mask(prelabel.segmentation)
    elif prelabel.segmentation:
        several = {"group_id": str(group)} if len(prelabel.segmentation) > 1 else {}
        for polygon in prelabel.segmentation:
            pairs = zip(polygon[::2], polygon[1::2], strict=True)
            yield "polygon", {"points": ";".join(f"{x!r},{y!r}" for x, y in pairs)} | several
    else:
        x1, y1, x2, y2 = prelabel.shape.box
        yield "box", {"xtl": repr(x1), "ytl": repr(y1), "xbr": repr(x2), "ybr": repr(y2)}


def _mask(rle: dict) -> dict[str, str]:
    """Run lengths row by row within the box of the mask, background first."""
    bits = coco_masks.decode(rle)
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    flat = bits[top:bottom, left:right].reshape(-1)
    changes = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *changes, len(flat)]).tolist()
    counts = [0, *counts] if flat[0] else counts
    place = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {"rle": ", ".join(map(str, counts))} | {key: str(int(value)) for key, value in place.items()}
