#!/usr/bin/env bash
# Evaluates a checkpoint on an Ascend device: COCO metrics into <CKPT without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
launch "DEVICE_ID CKPT EVAL_ROOT EVAL_ANN [--key value ...]" "$@"
TARGET=Ascend
pop_folder eval_output_dir EVAL_OUTPUT_DIR "${CKPT%.ckpt}_eval"
evaluate "$CKPT" "$EVAL_ROOT" "$EVAL_ANN" "$EVAL_OUTPUT_DIR"
