#!/usr/bin/env bash
# Evaluates boxes and masks of a checkpoint on an Ascend device with the images of DATA_PATH/val2017: COCO metrics into
# <CHECKPOINT_PATH without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "VALIDATION_JSON_FILE CHECKPOINT_PATH DATA_PATH [DEVICE_ID] [--key value ...]" "$@"
TARGET=Ascend
score_mask_rcnn
