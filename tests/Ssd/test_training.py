"""SSD as a student and as a teacher: a short run that learns four images by heart, then teaches itself."""

import json

import numpy as np
import pytest

import train as training_script

RUN = """
    --system ssd --backbone resnet_v1_10 --ssd_extras_out_channels 64,32,32,16,16 --ssd_min_scale 0.15 --ssd_max_scale 0.8
    --strong_view false --flip_ratio 0 --keep_ratio false --batch_size 5 --unlabelled_batch_size 3
    --max_iter 84 --burn_up_iter 80 --base_lr 0.02 --warmup_step 10 --lr_schedule cosine --ema_keep_rate 0.5
    --bbox_threshold 0.3 --test_max_per_img 8 --print_interval_iter 4 --save_checkpoint_interval 84
"""


@pytest.mark.parametrize("loss", ["focal", "hard_negative"])
def test_a_run_learns_its_images_and_its_teacher_labels_others(tiny_data, tiny_config, tmp_path, loss):
    folder = tmp_path / "run"
    words = ["--config_path", tiny_config, *RUN.split(), "--ssd_loss", loss, "--save_checkpoint_path", folder]
    words += ["--train_img_dir", tiny_data.img_dir, "--train_ann_file", tiny_data.train_file]
    words += ["--eval_img_dir", tiny_data.img_dir, "--eval_ann_file", tiny_data.val_file]
    training_script.main([str(word) for word in words])
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    assert all(np.isfinite(list(row.values())).all() and row["overflow"] == 0 for row in steps)
    assert {"ssd_cls_loss", "ssd_reg_loss"} < set(steps[0]) and "ssd_cls_loss_pseudo" in steps[-1]
    assert steps[-1]["pseudo_boxes"] > 0
    learnt, taught = (row for row in rows if "student/AP50" in row)
    assert learnt["student/AP50"] >= 0.9 and taught["teacher/AP50"] >= 0.9
