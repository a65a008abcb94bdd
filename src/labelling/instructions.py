"""The README of a tasks folder: what to click in the tool, and how the labels come back."""

import os
import re
import shlex
from pathlib import Path

from src.command_line import to_paste_anywhere, whole_path
from src.data.formats.reading import is_coco
from src.labelling.task import Manifest
from src.wording import counted

_STEPS = {
    "label_studio": """\
1. Start Label Studio so that it may read the images:

   ```bash
   export LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={parent_in_shell}
   label-studio start
   ```

2. *Create Project*, *Labeling Setup*, *Custom template*, *Code*: paste `labelling_config.xml`. *Save*.
3. *Settings*, *Cloud Storage*, *Add Source Storage*, *Local files*: as path give `{root}`. *Save*; do not click *Sync*,
   which would make tasks of its own.
4. *Import*: `tasks.json`.
5. *Label All Tasks*. {work} and *Submit*. An image with nothing in it: *Submit* it without boxes. An image that cannot
   be labelled: *Skip*.
6. *Export*, *JSON*. The other exports cannot tell empty, skipped and untouched images apart.
""",
    "cvat": """\
1. *Projects* or *Tasks*, *+*; under *Labels*, *Raw*: paste `labels.json`. *Done*.
2. Zip the images, so that their names stay as they are: `cd {root_in_shell} && python3 -m zipfile -c {folder_in_shell}/images.zip .` Choose the
   zip file under *Select files*. *Submit*.{upload}
3. Open the job. {work}. Set the image tag `reviewed` on every image that is done, also where nothing is to be
   changed or nothing is there (*Setup tag annotation* in the side bar), and `skip` on one that cannot be labelled.
4. *Actions*, *Export task dataset*, *CVAT for images 1.1*.
""",
    "labelme": """\
1. Start LabelMe in this folder:

   ```bash
   cd {folder_in_shell}
   labelme images --labels labels.txt --flags flags.txt --nodata --autosave
   ```

2. {work}.
3. Tick the flag `reviewed` of every image that is done, also where nothing is to be changed or nothing is there, and `skip`
   for one that cannot be labelled. Save.
""",
    "yolo": """\
1. Open the folder in a tool that edits YOLO data: images in `{root}`, labels in `labels/`, classes in `data.yaml` and `classes.txt`.
2. {work} and save. This form has no scores and cannot say that an image was reviewed: see below.
""",
    "voc": """\
1. In LabelImg: *Open Dir* `{root}`, *Change Save Dir* `annotations/`, form *PascalVOC*.
2. {work}. Mark every image that is done with *Verify Image* (space bar), also where nothing is to be changed or nothing is
   there. Save. This form has no scores.
""",
    "coco": """\
1. Import `instances.json` with the images of `{root}` into a tool that takes COCO. `score` of an annotation is the detector's score.
2. {work} and export COCO. This form cannot say that an image was reviewed: see below.
""",
}
_UPLOAD = """
   Then *Actions* of the task, *Upload annotations*, *CVAT 1.1*: `annotations.xml`. A score is an attribute of its box."""
_BY_CHANGE = """\
An image that comes back as it was sent, or without boxes, and without a mark counts as not done, because it may never
have been opened. When all were reviewed, add `--all_reviewed`.
"""


_CORRECT = {
    "label_studio": "The boxes are the prediction of a task, with their scores: correct them",
    "labelme": "Correct the shapes (the description of a shape has its score, if it is the detector's)",
}
IN_PLACE = ("labelme", "yolo", "voc")  # tools that write their labels into the folder of the tasks


def instructions(manifest: Manifest, root: Path, folder: Path, ann_file: Path | None) -> str:
    """The text.

    Args:
        root: folder of the images that the tool is given; folder: of the tasks; both absolute. ann_file: present annotation file, if known.
    """
    boxes = sum(len(task.prelabels) for task in manifest.tasks)
    work = _CORRECT.get(manifest.format, "Correct the boxes") if boxes else "Draw a box around each object"
    in_shell = {"root": root, "parent": root.parent, "folder": folder}
    places = {f"{name}_in_shell": shlex.quote(str(path)) for name, path in in_shell.items()}
    steps = _STEPS[manifest.format].format(root=root, work=work, upload=_UPLOAD if boxes else "", **places)
    by_change = "" if manifest.format == "label_studio" else _BY_CHANGE
    return f"""\
# Images to label

{_contents(manifest, boxes)}
{_order(manifest, root == folder / "images")} Leave `manifest.json` where it is: by it the labels find their images again.

## What to do

{steps}
## Back

{_way_back(manifest, folder, ann_file)}
{by_change}"""


def _contents(manifest: Manifest, boxes: int) -> str:
    """What was sent: images, boxes and their least scores."""
    images = counted(len(manifest.tasks), "image")
    scores = ", ".join(
        f"{name} {'none' if score is None else format(score, '.2f')}" for name, score in manifest.thresholds.items()
    )
    if manifest.review:
        contents = (
            f"{images} whose labels may be wrong. The boxes, {boxes} in all, are these labels, not the detector's."
        )
    elif boxes:
        contents = f"{images}, {counted(boxes, 'box')} of the detector."
    else:
        contents = f"{images} without boxes: draw one around each object."
    return contents + (
        f" Least scores of the boxes: {scores} ({manifest.thresholds_from})." if boxes and scores else ""
    )


def _order(manifest: Manifest, ordered: bool) -> str:
    """In which order the images come; ``ordered``: the names of their files begin with their rank."""
    if manifest.review:
        return "The most suspicious image comes first; `order.csv` says where the detector disagrees with its labels."
    if not ordered:
        return "`order.csv` lists the images in the order of the pick, and says why each was picked."
    return "The images come in the order of the pick; `order.csv` says why each was picked."


def _stem_after(stem: str) -> str:
    """The name of the next annotation file: train, train_labelled, train_labelled_2, train_labelled_3."""
    known = re.fullmatch(r"((?:.*_)?labelled)(?:_([0-9]{1,6}))?", stem)
    return f"{known[1]}_{int(known[2] or 1) + 1}" if known else f"{stem}_labelled"


def _way_back(manifest: Manifest, folder: Path, ann_file: Path | None) -> str:
    """The command that imports the labels; words that are not known are in capitals, and explained."""
    now = whole_path(ann_file) if ann_file else None
    after = now.with_name(f"{_stem_after(now.stem)}.json") if now else "NEXT.json"
    export = folder if manifest.format in IN_PLACE else "EXPORT"
    words = ["--labels", export, "--tasks", folder, "--ann_file", now or "NOW.json", "--output_ann_file", after]
    if now and not is_coco(now) and manifest.img_dir:
        words += ["--img_dir", os.path.normpath(folder / manifest.img_dir)]
    known = [f"`{after}` becomes the annotation file of the next training."] if now else []
    if export == "EXPORT":
        known.append("EXPORT is what the tool has exported (a file, a zip file or a folder; several may be given).")
    if not now:
        known.append(
            "NOW.json is the annotation file of the last training or of the first pick, NEXT.json that of the next training."
        )
    if export == "EXPORT":
        round_back = (
            "put what the tool has exported into the folder `labels` beside this one instead, and start the last line that the\n"
            "script printed."
        )
    else:
        round_back = "start the last line that the script printed instead: it reads the labels in this folder."
    return f"""\
```bash
{to_paste_anywhere("import_labels.py", *words)}
```

{" ".join(known)}
Exports of a part are welcome: give the others later, with the file that was written as `--ann_file`.
In a round of `run_rounds_*.sh` {round_back}"""
