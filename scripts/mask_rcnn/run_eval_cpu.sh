#!/usr/bin/env bash
# Evaluates boxes and masks of a checkpoint on this machine's processor with the images of DATA_PATH/val2017: COCO metrics into
# <CHECKPOINT_PATH without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "VALIDATION_JSON_FILE CHECKPOINT_PATH DATA_PATH [--key value ...]" "$@"
TARGET=CPU DEVICE_ID=0
score_mask_rcnn
