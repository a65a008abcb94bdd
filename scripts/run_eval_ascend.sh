#!/usr/bin/env bash
# Scores a checkpoint on an Ascend device: COCO metrics into CKPT without its .ckpt, plus _eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"
launch "DEVICE_ID CKPT EVAL_ROOT EVAL_ANN [--key value ...]" "$@"
TARGET=Ascend
take_folder eval_output_dir EVAL_OUTPUT_DIR "${CKPT%.ckpt}_eval"
evaluate "$CKPT" "$EVAL_ROOT" "$EVAL_ANN" "$EVAL_OUTPUT_DIR"
