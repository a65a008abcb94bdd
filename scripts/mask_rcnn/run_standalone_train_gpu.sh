#!/usr/bin/env bash
# Trains Mask R-CNN on a GPU with the labels of DATA_PATH, a folder laid out as COCO's; the run goes
# into ./train (or --save_checkpoint_path). ResNet-50 unless --backbone names another.
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "PRETRAINED_CKPT DATA_PATH [DEVICE_ID] [--key value ...]" "$@"
TARGET=GPU
train_mask_rcnn train
