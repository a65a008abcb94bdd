#!/usr/bin/env bash
# Trains Faster R-CNN on a GPU with the labels of COCO_ROOT; the run goes into ./train (or --save_checkpoint_path).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "PRETRAINED_MODEL BACKBONE COCO_ROOT DEVICE_ID [MINDRECORD_DIR] [--key value ...]" "$@"
TARGET=GPU
train_faster_rcnn train
