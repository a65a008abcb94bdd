"""Mask R-CNN as a student and as a teacher: a short run learns four images by heart, boxes and shapes, then teaches itself."""

import json

import cv2
import numpy as np

import train as training_script

SIDE = 64  # pixels of an image
RUN = """
    --system mask_rcnn --backbone resnet_v1_10 --rcnn_mask_out_channels 16 --gt_mask_size 28 --rcnn_focal_gamma 0
    --strong_view false --flip_ratio 0 --batch_size 4 --unlabelled_batch_size 2 --unsup_loss_weight 1
    --max_iter 144 --burn_up_iter 140 --base_lr 0.02 --warmup_step 10 --lr_schedule cosine --ema_keep_rate 0.5
    --bbox_threshold 0.5 --test_max_per_img 8 --print_interval_iter 4 --save_checkpoint_interval 144
"""
# In shares of a square: an L along its left and lower side, and a U open to the right. A box does not tell their pixels.
SHAPES = {
    "corner": [(0, 0), (0.4, 0), (0.4, 0.6), (1, 0.6), (1, 1), (0, 1)],
    "frame": [(0, 0), (1, 0), (1, 0.3), (0.4, 0.3), (0.4, 0.7), (1, 0.7), (1, 1), (0, 1)],
}
COLOURS = ((220, 60, 40), (40, 90, 230))


def write_images(folder, labelled: int, unlabelled: int) -> None:
    """Pictures of one object of each class in folder/images, and what is in them: val.json the labelled ones, train.json all."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir()
    images, rows = [], []
    for image in range(labelled + unlabelled):
        picture = rng.integers(60, 120, (SIDE, SIDE, 3), dtype=np.uint8)
        for label, (y, shape) in enumerate(zip((4, 34), SHAPES.values())):
            x, side = int(rng.integers(2, 36)), int(rng.integers(18, 26))
            points = np.array([(x, y)]) + np.array(shape) * side
            cv2.fillPoly(picture, [points.round().astype(int)], COLOURS[label])
            row = {"id": len(rows) + 1, "image_id": image, "category_id": label + 1, "iscrowd": 0, "area": side**2 / 2}
            rows.append(row | {"bbox": [x, y, side, side], "segmentation": [points.ravel().tolist()]})
        cv2.imwrite(str(folder / "images" / f"{image}.png"), picture)
        images.append({"id": image, "file_name": f"{image}.png", "width": SIDE, "height": SIDE})
    categories = [{"id": number, "name": name} for number, name in enumerate(SHAPES, 1)]
    known = {"images": images[:labelled], "annotations": rows[: 2 * labelled], "categories": categories}
    hidden = [image | {"labelled": False} for image in images[labelled:]]
    (folder / "val.json").write_text(json.dumps(known))
    (folder / "train.json").write_text(json.dumps(known | {"images": images[:labelled] + hidden}))


def test_a_run_learns_boxes_and_masks_and_its_teacher_labels_others(tiny_config, tmp_path):
    write_images(tmp_path, labelled=4, unlabelled=2)
    words = ["--config_path", tiny_config, *RUN.split(), "--save_checkpoint_path", tmp_path / "run"]
    words += ["--train_img_dir", tmp_path / "images", "--train_ann_file", tmp_path / "train.json"]
    words += ["--eval_img_dir", tmp_path / "images", "--eval_ann_file", tmp_path / "val.json"]
    training_script.main([str(word) for word in words])
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    assert all(np.isfinite(list(row.values())).all() and row["overflow"] == 0 for row in steps)
    assert steps[0]["rcnn_mask_loss"] > 3 * steps[-1]["rcnn_mask_loss"] > 0
    assert steps[-1]["pseudo_boxes"] > 1 and steps[-1]["rcnn_mask_loss_pseudo"] > 0
    learnt, taught = (row for row in rows if "student/AP50" in row)
    for score in (learnt["student/AP50"], learnt["student/segm/AP50"]):
        assert score >= 0.9
    for score in (taught["teacher/AP50"], taught["teacher/segm/AP50"]):
        assert score >= 0.9
