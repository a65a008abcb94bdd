"""Generate a small synthetic data set like the face-mask task, to try everything without a download.

    python -m src.data.synthetic --out data/faces --images 120

Writes DIR/images/*.png, DIR/annotations/*.xml (Pascal VOC) and DIR/instances.json (COCO, with the outline of the visible
part of each face). Simple faces of many skin tones, hair colours and sizes on textured backgrounds with distractors, of three
classes: the mask covers nose and mouth, is missing, or hangs below.
"""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np
from PIL import Image

from src.command_line import any_count, program_parser
from src.data.drawn_faces import CLASSES, SIDE, make_picture
from src.errors import UserError, entry_point
from src.files import all_or_none, check_free, write_atomically, write_json, write_text
from src.wording import counted


def voc_xml(file_name: str, width: int, height: int, objects: Sequence[tuple[str, tuple]]) -> str:
    """The Pascal VOC annotation of one picture."""
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    lines = [f"<filename>{escape(file_name)}</filename>", size]
    for name, box in objects:
        corners = "".join(f"<{key}>{v}</{key}>" for key, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        lines.append(f"<object><name>{escape(name)}</name><bndbox>{corners}</bndbox></object>")
    return "<annotation>\n  " + "\n  ".join(lines) + "\n</annotation>\n"


def coco_rows(image_id: int, objects: Sequence[tuple[str, tuple]], polygons: Sequence, first_id: int) -> list[dict]:
    """The COCO annotation rows of one picture, with ids from ``first_id`` up."""
    return [
        {
            "id": first_id + number,
            "image_id": image_id,
            "category_id": CLASSES.index(name) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "segmentation": polygon,
            "area": sum(map(_area, polygon)),
            "iscrowd": 0,
        }
        for number, ((name, (x1, y1, x2, y2)), polygon) in enumerate(zip(objects, polygons, strict=True))
    ]


def _area(polygon: list[float]) -> float:
    return float(cv2.contourArea(np.reshape(polygon, (-1, 2)).astype(np.float32)))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for images/, annotations/ and instances.json")
    parser.add_argument("--images", type=int, default=120, help="how many pictures (default 120)")
    parser.add_argument("--seed", type=any_count, default=10, help="the same seed gives the same pictures (default 10)")
    parser.add_argument("--width", type=int, default=128, help=f"pixels, at least {SIDE[1]} (default 128)")
    parser.add_argument("--height", type=int, default=96, help=f"pixels, at least {SIDE[1]} (default 96)")
    parser.add_argument("--overwrite", action="store_true", help="replace the files of an earlier set")
    return parser.parse_args(argv)


@entry_point
@all_or_none()
def main(argv: Sequence[str] | None = None) -> None:
    """Draw and write; picture i depends on the seed and on i alone."""
    args = parse_args(argv)
    if args.images < 1 or min(args.width, args.height) < SIDE[1]:
        raise UserError(f"--images must be at least 1, --width and --height at least {SIDE[1]} pixels")
    stems = [f"face_{index:05d}" for index in range(args.images)]
    check_free(args.out / "instances.json", args.overwrite)
    images, rows = [], []
    for name in (
        f"{kind}/{stem}.{suffix}" for kind, suffix in (("images", "png"), ("annotations", "xml")) for stem in stems
    ):
        check_free(args.out / name, args.overwrite)
    for index, stem in enumerate(stems):
        picture, objects, polygons = make_picture(np.random.default_rng((args.seed, index)), args.width, args.height)
        png = io.BytesIO()
        Image.fromarray(picture).save(png, "PNG")
        write_atomically(
            args.out / "images" / f"{stem}.png",
            lambda path, data=png: path.write_bytes(data.getvalue()),
            args.overwrite,
        )
        xml = voc_xml(f"{stem}.png", args.width, args.height, objects)
        write_text(args.out / "annotations" / f"{stem}.xml", xml, args.overwrite)
        images.append({"id": index + 1, "file_name": f"{stem}.png", "width": args.width, "height": args.height})
        rows += coco_rows(index + 1, objects, polygons, len(rows) + 1)
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, start=1)]
    coco = {"images": images, "annotations": rows, "categories": categories}
    write_json(args.out / "instances.json", coco, args.overwrite)
    print(f"{args.out}: {counted(args.images, 'picture')} of {args.width} x {args.height}")


if __name__ == "__main__":
    main()
