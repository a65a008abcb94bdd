"""Labellers as they are played by tests: each takes a tasks folder, answers, and leaves what its tool would export.

An answer is a list of (class, (x1, y1, x2, y2)), or SKIP, LEAVE (untouched) or ACCEPT (what was sent, ticked as reviewed). The
forms are written here by hand, not by the product.
"""

import json
from xml.etree import ElementTree

SKIP, LEAVE, ACCEPT = "skip", "leave", "accept"


def manifest_of(tasks):
    return json.loads((tasks / "manifest.json").read_text())


def sent_boxes(task):
    rows = task["prelabels"]
    return [
        (r["label"], (r["bbox"][0], r["bbox"][1], r["bbox"][0] + r["bbox"][2], r["bbox"][1] + r["bbox"][3]))
        for r in rows
    ]


def each(tasks, answers):
    """(task of the manifest, boxes that its file holds at the end, answer)."""
    for task in manifest_of(tasks)["tasks"]:
        answer = answers[task["file_name"]]
        yield task, sent_boxes(task) if isinstance(answer, str) else answer, answer


def label_studio(tasks, answers, out, seconds=12.5):
    """``seconds``: of every image, or image -> seconds."""
    content = json.loads((tasks / "tasks.json").read_text())
    for number, ((task, boxes, answer), row) in enumerate(zip(each(tasks, answers), content, strict=True), 1):
        width, height = task["width"], task["height"]
        result = [
            {
                "id": f"r{place}",
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "value": {
                    "x": 100 * x1 / width,
                    "y": 100 * y1 / height,
                    "width": 100 * (x2 - x1) / width,
                    "height": 100 * (y2 - y1) / height,
                    "rotation": 0,
                    "rectanglelabels": [name],
                },
            }
            for place, (name, (x1, y1, x2, y2)) in enumerate(boxes)
        ]
        annotation = {"id": 100 + number, "completed_by": 1, "was_cancelled": answer == SKIP}
        annotation["lead_time"] = seconds[task["file_name"]] if isinstance(seconds, dict) else seconds
        annotation |= {"result": [] if answer == SKIP else result, "updated_at": "2026-11-29T10:00:00Z"}
        row |= {"id": number, "annotations": [] if answer == LEAVE else [annotation]}
    out.mkdir(parents=True, exist_ok=True)
    (out / "project-1.json").write_text(json.dumps(content))
    return out / "project-1.json"


def cvat(tasks, answers, out):
    root = ElementTree.parse(tasks / "annotations.xml").getroot()
    elements = {image.get("name"): image for image in root.findall("image")}
    for task, boxes, answer in each(tasks, answers):
        image = elements[task["name"]]
        if answer in (SKIP, ACCEPT):
            ElementTree.SubElement(
                image, "tag", {"label": "skip" if answer == SKIP else "reviewed", "source": "manual"}
            )
        if isinstance(answer, str):
            continue
        for child in list(image):
            image.remove(child)
        ElementTree.SubElement(image, "tag", {"label": "reviewed", "source": "manual"})
        for name, corners in boxes:
            place = dict(zip(("xtl", "ytl", "xbr", "ybr"), (f"{value:.2f}" for value in corners), strict=True))
            ElementTree.SubElement(
                image, "box", {"label": name, "source": "manual", "occluded": "0", "z_order": "0"} | place
            )
    out.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(out / "annotations.xml", encoding="utf-8", xml_declaration=True)
    return out / "annotations.xml"


def labelme(tasks, answers, out):
    """Works in the tasks folder itself, as a labeller does."""
    for task, boxes, answer in each(tasks, answers):
        file = (tasks / "images" / task["name"]).with_suffix(".json")
        content = json.loads(file.read_text())
        if answer == SKIP:
            content["flags"]["skip"] = True
        elif answer != LEAVE:
            content["flags"]["reviewed"] = True
        if not isinstance(answer, str):
            content["shapes"] = [
                {
                    "label": name,
                    "points": [[x2, y2], [x1, y1]],
                    "group_id": None,
                    "shape_type": "rectangle",
                    "flags": {},
                }
                for name, (x1, y1, x2, y2) in boxes  # drawn from the lower right corner
            ]
        file.write_text(json.dumps(content))
    return tasks / "images"


def yolo(tasks, answers, out):
    for task, boxes, answer in each(tasks, answers):
        file = (tasks / "labels" / task["name"]).with_suffix(".txt")
        if isinstance(answer, str):
            continue
        names, width, height = manifest_of(tasks)["classes"], task["width"], task["height"]
        lines = (
            f"{names.index(name)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} "
            f"{(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n"
            for name, (x1, y1, x2, y2) in boxes
        )
        file.write_text("".join(lines))
    return tasks


def voc(tasks, answers, out):
    for task, boxes, answer in each(tasks, answers):
        file = (tasks / "annotations" / task["name"]).with_suffix(".xml")
        tree = ElementTree.parse(file)
        root = tree.getroot()
        if answer not in (SKIP, LEAVE):
            root.set("verified", "yes")
        if not isinstance(answer, str):
            for element in root.findall("object"):
                root.remove(element)
            for name, corners in boxes:
                element = ElementTree.SubElement(root, "object")
                ElementTree.SubElement(element, "name").text = name
                box = ElementTree.SubElement(element, "bndbox")
                for key, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
                    ElementTree.SubElement(box, key).text = str(value)
        tree.write(file, encoding="utf-8")
    return tasks / "annotations"


def coco(tasks, answers, out):
    content = json.loads((tasks / "instances.json").read_text())
    ids = {category["name"]: category["id"] for category in content["categories"]}
    rows = []
    for image, (_, boxes, _) in zip(content["images"], each(tasks, answers), strict=True):
        del image["key"], image["reason"]  # few tools keep what they do not know
        for name, (x1, y1, x2, y2) in boxes:
            row = {"image_id": image["id"], "category_id": ids[name], "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
            rows.append(row | {"id": len(rows) + 1})
    out.mkdir(parents=True, exist_ok=True)
    (out / "instances_default.json").write_text(json.dumps(content | {"annotations": rows}))
    return out / "instances_default.json"


LABELLERS = {"label_studio": label_studio, "cvat": cvat, "labelme": labelme, "yolo": yolo, "voc": voc, "coco": coco}
SAYS_REVIEWED = ("label_studio", "cvat", "labelme", "voc")  # tools in which a labeller can say that an image is done
SAYS_SKIPPED = ("label_studio", "cvat", "labelme")
