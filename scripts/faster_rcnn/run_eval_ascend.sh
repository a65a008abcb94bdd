#!/usr/bin/env bash
# Evaluates a checkpoint on an Ascend device with the images of COCO_ROOT/val2017: COCO metrics into
# <CHECKPOINT_PATH without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "VALIDATION_JSON_FILE CHECKPOINT_PATH BACKBONE COCO_ROOT DEVICE_ID [MINDRECORD_DIR] [--key value ...]" "$@"
TARGET=Ascend
score_faster_rcnn
