"""Pascal VOC: an XML file per image, with the pre-labels; and back, with LabelImg's mark of verified images."""

from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from src.data.formats.tools.annotated import AnnotatedImage, Mark, Shape
from src.data.formats.voc import read_voc
from src.data.formats.xml_file import read_xml
from src.labelling.task import Manifest, Task


def files(manifest: Manifest, image_root: str) -> dict[str, str]:
    """annotations/ as images/ are named."""
    found = {"classes.txt": "".join(f"{name}\n" for name in manifest.classes)}
    for task in manifest.tasks:
        place = PurePosixPath("annotations", task.name).with_suffix(".xml")
        found[place.as_posix()] = _xml(task)
    return found


def read_voc_image(path: Path, name: str) -> AnnotatedImage:
    """One XML file; <filename> is ignored.

    Args:
        name: the image's name without suffix.

    Raises:
        DataError: every fault of the file.
    """
    voc = read_voc(path)
    verified = read_xml(path).get("verified")
    shapes = tuple(Shape(item.name, item.box, crowd=item.difficult) for item in voc.objects)
    mark = Mark.DONE if verified == "yes" else Mark.UNKNOWN
    return AnnotatedImage(name, shapes, voc.size, mark=mark, place=str(path), has_suffix=False)


def _xml(task: Task) -> str:
    root = Element("annotation")
    SubElement(root, "folder").text = "images"
    SubElement(root, "filename").text = task.name
    size = SubElement(root, "size")
    for key, value in (("width", task.width), ("height", task.height), ("depth", 3)):
        SubElement(size, key).text = str(value)
    SubElement(root, "segmented").text = "0"
    for prelabel in task.prelabels:
        element = SubElement(root, "object")
        for key, text in (("name", prelabel.label), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            SubElement(element, key).text = text
        box = SubElement(element, "bndbox")
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), prelabel.shape.box, strict=True):
            SubElement(box, key).text = repr(value)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"
