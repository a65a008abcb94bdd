#!/usr/bin/env bash
# Trains Faster R-CNN on DEVICE_NUM GPUs with the labels of COCO_ROOT; the run goes
# into ./train_parallel (or --save_checkpoint_path).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "DEVICE_NUM PRETRAINED_MODEL BACKBONE COCO_ROOT [MINDRECORD_DIR] [--key value ...]" "$@"
TARGET=GPU
several_devices
train_faster_rcnn train_parallel
