#!/usr/bin/env bash
# Trains Faster R-CNN on 8 (or DEVICE_NUM=N) Ascend devices with the labels of COCO_ROOT; the run goes
# into ./train_parallel (or --save_checkpoint_path).
set -euo pipefail
# shellcheck source=scripts/_faster_rcnn.sh
source "$(dirname "${BASH_SOURCE[0]}")/../_faster_rcnn.sh"
launch "RANK_TABLE_FILE PRETRAINED_MODEL BACKBONE COCO_ROOT [MINDRECORD_DIR] [--key value ...]" "$@"
TARGET=Ascend
several_devices
train_on_coco train_parallel
