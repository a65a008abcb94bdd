"""The README of a tasks folder: what to click in the tool, and how the labels come back."""

import shlex
from pathlib import Path

from src.labelling.task import Manifest
from src.wording import counted

_STEPS = {
    "label_studio": """\
1. Start Label Studio so that it may read the images, with PARENT being {parent}:

   ```bash
   export LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=PARENT
   label-studio start
   ```

2. *Create Project*, *Labeling Setup*, *Custom template*, *Code*: paste `labelling_config.xml`. *Save*.
3. *Settings*, *Cloud Storage*, *Add Source Storage*, *Local files*: as path give `PARENT/{root}`. *Save*; do not click *Sync*, which
   would make tasks of its own.
4. *Import*: `tasks.json`.
5. *Label All Tasks*. {work} and *Submit*. An image with nothing in it: *Submit* it without boxes. An image that cannot
   be labelled: *Skip*.
6. *Export*, *JSON*. The other exports cannot tell empty, skipped and untouched images apart.
""",
    "cvat": """\
1. *Projects* or *Tasks*, *+*; under *Labels*, *Raw*: paste `labels.json`. *Done*.
2. Zip the images, so that their names stay as they are: `cd {root} && zip -r ../images.zip .` Choose the zip file under *Select
   files*. *Submit*.
3. *Actions* of the task, *Upload annotations*, *CVAT 1.1*: `annotations.xml`. A score is an attribute of its box.
4. Open the job and correct the boxes. Set the image tag `reviewed` on every image that is done, also where nothing is to be
   changed or nothing is there (*Setup tag annotation* in the side bar), and `skip` on one that cannot be labelled.
5. *Actions*, *Export task dataset*, *CVAT for images 1.1*.
""",
    "labelme": """\
1. Start LabelMe in this folder:

   ```bash
   labelme images --labels labels.txt --flags flags.txt --nodata --autosave
   ```

2. Correct the shapes; the score of each stands in its description.
3. Tick the flag `reviewed` of every image that is done, also where nothing is to be changed or nothing is there, and `skip`
   for one that cannot be labelled. Save. EXPORT below is this folder.
""",
    "yolo": """\
1. Open the folder in a tool that edits YOLO data: images in `{root}/`, labels in `labels/`, classes in `data.yaml` and `classes.txt`.
2. Correct the boxes and save. This form has no scores and cannot say that an image was reviewed: see below. EXPORT
   is this folder.
""",
    "voc": """\
1. In LabelImg: *Open Dir* `{root}/`, *Change Save Dir* `annotations/`, form *PascalVOC*.
2. Correct the boxes. Mark every image that is done with *Verify Image* (space bar), also where nothing is to be changed or nothing is
   there. Save. This form has no scores. EXPORT below is this folder.
""",
    "coco": """\
1. Import `instances.json` with the images of `{root}/` into a tool that takes COCO. `score` of an annotation is the detector's score.
2. Correct the boxes and export COCO. This form cannot say that an image was reviewed: see below.
""",
}
_BY_CHANGE = """\
An image that comes back as it was sent, or without boxes, and without a mark counts as not done, because it may never
have been opened. When all were reviewed, add `--all_reviewed`.
"""


def instructions(manifest: Manifest, root: str, image_files: str, folder: Path) -> str:
    """The text.

    Args:
        root: folder of the images; image_files: how they got there, see ``src.labelling.outgoing``; folder: of the tasks.
    """
    parent = (
        "this folder, as an absolute path"
        if image_files != "none"
        else f"the folder that holds `{root}/`, as an absolute path"
    )
    boxes = sum(len(task.prelabels) for task in manifest.tasks)
    work = (
        "The boxes are the prediction of a task, with their scores: correct them"
        if boxes
        else "Draw a box around each object"
    )
    steps = _STEPS[manifest.format].format(parent=parent, root=root, work=work)
    scores = ", ".join(
        f"{name} {'none' if score is None else format(score, '.2f')}" for name, score in manifest.thresholds.items()
    )
    contents = f"{counted(len(manifest.tasks), 'image')}, {counted(boxes, 'box')} of the detector."
    if not boxes:
        contents = f"{counted(len(manifest.tasks), 'image')} without boxes: draw one around each object."
    if manifest.review:
        contents = f"{counted(len(manifest.tasks), 'image')} whose labels may be wrong. The boxes, {boxes} in all, are these labels, not the detector's."
    contents += f" Least scores of the boxes: {scores} ({manifest.thresholds_from})." if boxes and scores else ""
    order = "The most valuable image comes first; `order.csv` says why each was picked."
    if image_files == "none":
        order = "`order.csv` lists the images, the most valuable first, and says why each was picked."
    if manifest.review:
        order = "The most suspicious image comes first; `order.csv` says where the detector disagrees with its labels."
    by_change = "" if manifest.format == "label_studio" else _BY_CHANGE
    return f"""\
# Images to label

{contents}
{order} Leave `manifest.json` where it is: by it the labels find their images again.

## What to do

{steps}
## Back

```bash
python import_labels.py --labels EXPORT --tasks {shlex.quote(str(folder))} --ann_file NOW.json --output_ann_file NEXT.json
```

EXPORT is what the tool has exported (a file, a zip file or a folder; several may be given), NOW.json the
annotation file of the last training or of the first pick, NEXT.json that of the next one. Exports of a part are welcome: give the others later.
In a round of `run_rounds_*.sh` put EXPORT into the folder `labels` beside this one instead, and start the last line that the script printed.
{by_change}"""
