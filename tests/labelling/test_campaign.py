"""Four rounds of labelling on the practice set, by the programs: are the hours that are told beforehand those that it takes?

Detector and labellers are played. The labellers' seconds follow prices per class, get longer with tiredness, differ between the
two people, and scatter; of all this the predictor sees nothing but the seconds per image of the rounds before.
"""

import json
import re

import numpy as np
import pytest

import export_tasks
import import_labels
import pick_select
import sorted_values
from src.active.picking.pick_list import read_list
from src.data import synthetic
from src.data.formats.label_states import hide_labels, unlabelled_ids
from src.labelling.box_pairs import box_ious
from tests.labelling.labellers import SKIP, label_studio, manifest_of

IMAGES, LABELLED, ROUNDS, HOURS, CAMPAIGNS = 1000, 30, 4, 1.2, 4
DRAWN, CORRECTED = (9.0, 13.0, 21.0), (4.0, 5.0, 9.0)  # seconds per box of each class
LOOK, TIRED, SCATTER, PEOPLE = 7.0, 0.3, 0.35, (0.85, 1.2)  # seconds; share more at the end of a round; sigma; factors


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The practice set."""
    folder = tmp_path_factory.mktemp("practice")
    synthetic.main(["--out", str(folder), "--images", str(IMAGES), "--seed", "5"])
    return folder


def rows_of_images(truth):
    """The annotations of each image, by its number."""
    rows = {image["id"]: [] for image in truth["images"]}
    for row in truth["annotations"]:
        rows[row["image_id"]].append(row)
    return rows


def detect(truth, known, power, draw):
    """Detections in the unlabelled images: fewer objects are missed, and boxes are closer, the more labels there are."""
    bare = unlabelled_ids(known)
    names = {image["file_name"] for image in known["images"] if image["id"] in bare}
    missed = 0.35 * (LABELLED / (IMAGES - len(names))) ** power
    objects, found = rows_of_images(truth), {}
    for image in truth["images"]:
        if image["file_name"] not in names:
            continue
        boxes = [row for row in objects[image["id"]] if draw.random() > missed]
        rows = [(row["bbox"], row["category_id"] - 1) for row in boxes]
        if draw.random() < missed:  # a detection of nothing
            rows.append(((*(draw.random(2) * 60), 25, 25), int(draw.integers(3))))
        found[image["file_name"]] = [_row(box, label, missed, draw) for box, label in rows]
    return found


def _row(box, label, missed, draw):
    label = label if draw.random() > missed / 3 else int(draw.integers(3))
    score = float(draw.beta(6, 2))
    scores = [(1 - score) / 3] * 4
    scores[label + 1] = score
    box = [float(value + draw.normal(0, 1.2 * missed * 3)) for value in box[:2]] + [float(value) for value in box[2:]]
    return {"pred box": box, "confidence score": score, "pred class": label, "pred score": scores}


def answer(truth, tasks, draw):
    """Answers with faults (5 % of the boxes missed, 3 pixels off, 1 % another class, some images skipped), and their seconds."""
    names = [row["name"] for row in sorted(truth["categories"], key=lambda row: row["id"])]
    ids = {image["file_name"]: image["id"] for image in truth["images"]}
    objects, answers, seconds = rows_of_images(truth), {}, {}
    for place, task in enumerate(tasks):
        rows = [row for row in objects[ids[task["file_name"]]] if draw.random() > 0.05]
        sent = [row["bbox"] for row in task["prelabels"]]
        corners = [(x, y, x + w, y + h) for x, y, w, h in sent]
        boxes, spent, used = [], LOOK, set()
        for row in rows:
            x, y, w, h = row["bbox"]
            label = row["category_id"] - 1 if draw.random() > 0.01 else int(draw.integers(3))
            iou = box_ious([(x, y, x + w, y + h)], corners)[0] if sent else np.zeros(0)
            best = int(iou.argmax()) if len(iou) else -1
            if best >= 0 and iou[best] > 0.85 and best not in used and task["prelabels"][best]["label"] == names[label]:
                used.add(best)
                boxes.append((names[label], corners[best]))  # accepted as it is
                continue
            if best >= 0 and iou[best] > 0.3 and best not in used:
                used.add(best)
                spent += CORRECTED[label]
            else:
                spent += DRAWN[label]
            jitter = draw.normal(0, 1.5, 2)
            left, top = max(x + jitter[0], 0), max(y + jitter[1], 0)
            boxes.append((names[label], (left, top, min(left + w, task["width"]), min(top + h, task["height"]))))
        spent += 2.5 * (len(sent) - len(used))  # deleted
        tired = 1 + TIRED * place / len(tasks)
        seconds[task["file_name"]] = float(
            spent * tired * PEOPLE[int(draw.integers(2))] * draw.lognormal(-(SCATTER**2) / 2, SCATTER)
        )
        answers[task["file_name"]] = SKIP if draw.random() < 0.03 else boxes
    return answers, seconds


def campaign(drawn, tmp_path, capsys, seed):
    """Per round: the hours that are told, the ends of their interval, and the hours that it takes, [R, 4]."""
    tmp_path.mkdir()
    draw = np.random.default_rng(seed)
    truth = json.loads((drawn / "instances.json").read_text())
    chosen = draw.choice([image["id"] for image in truth["images"]], LABELLED, replace=False)
    ann_file = tmp_path / "train_0.json"
    ann_file.write_text(json.dumps(hide_labels(truth, set(chosen.tolist()))))
    reports, hours, power = [], [], draw.uniform(0.2, 0.6)  # how fast the detector gets better
    for number in range(1, ROUNDS + 1):
        found, folder = tmp_path / f"found_{number}.json", tmp_path / f"round_{number}"
        found.write_text(json.dumps(detect(truth, json.loads(ann_file.read_text()), power, draw)))
        known = ["--combine_ann_file", str(ann_file)]
        sorted_values.main(["--infer_json", str(found), "--exp_dir", str(folder), *known])
        after = tmp_path / f"train_{number}.json"
        words = ["--ann_file", str(ann_file), *known, "--top_value_file", str(folder / "top_value_data.json")]
        words += ["--budget_hours", str(HOURS), "--img_dir", str(drawn / "images"), "--output_ann_file", str(after)]
        capsys.readouterr()
        pick_select.main([*words, "--list_only", *(["--labelling_reports", *reports] if reports else [])])
        said = re.search(r"boxes \(.*\), ([\d.]+) hours \(90 %: ([\d.]+) to ([\d.]+)\)", capsys.readouterr().out)
        told, low, high = map(float, said.groups())
        picked = after.with_name(f"{after.stem}_picked.txt")
        tasks = folder / "tasks"
        words = ["--picked_file", str(picked), "--img_dir", str(drawn / "images"), "--infer_json", str(found)]
        words += ["--ann_file", str(ann_file), "--format", "label_studio", "--image_files", "none"]
        export_tasks.main([*words, "--output_dir", str(tasks)])
        answers, seconds = answer(truth, manifest_of(tasks)["tasks"], draw)
        label_studio(tasks, answers, folder / "labels", seconds)
        words = ["--labels", str(folder / "labels"), "--tasks", str(tasks), "--ann_file", str(ann_file)]
        import_labels.main([*words, "--output_ann_file", str(after)])
        assert len(read_list(picked)) >= 20 and told <= HOURS * 1.01
        reports.append(str(after.with_name(f"{after.stem}_labelling.json")))
        hours.append((told, low, high, sum(seconds.values()) / 3600))
        ann_file = after
    return np.array(hours)


def test_predicted_hours_are_within_a_fifth_in_nine_of_ten_rounds_from_the_second_on(drawn, tmp_path, capsys):
    hours = np.stack([campaign(drawn, tmp_path / str(seed), capsys, seed) for seed in range(CAMPAIGNS)])
    told, low, high, real = np.moveaxis(hours, -1, 0)
    errors = (real / told - 1)[:, 1:]
    assert (np.abs(errors) < 0.2).mean() >= 0.9 and np.abs(errors).max() < 0.3, errors
    assert abs(errors.mean()) < 0.05 and ((low <= real) & (real <= high)).mean() >= 0.9
