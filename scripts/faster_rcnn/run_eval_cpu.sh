#!/usr/bin/env bash
# Evaluates a checkpoint on this machine's processor with the images of COCO_ROOT/val2017: COCO metrics into
# <CHECKPOINT_PATH without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "VALIDATION_JSON_FILE CHECKPOINT_PATH BACKBONE COCO_ROOT [MINDRECORD_DIR] [--key value ...]" "$@"
TARGET=CPU DEVICE_ID=0
score_faster_rcnn
