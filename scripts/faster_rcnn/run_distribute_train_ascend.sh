#!/usr/bin/env bash
# Trains Faster R-CNN on 8 (or DEVICE_NUM=N) Ascend devices with the labels of COCO_ROOT; the run goes
# into ./train_parallel (or --save_checkpoint_path).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "RANK_TABLE_FILE PRETRAINED_MODEL BACKBONE COCO_ROOT [MINDRECORD_DIR] [--key value ...]" "$@"
TARGET=Ascend
several_devices
train_faster_rcnn train_parallel
