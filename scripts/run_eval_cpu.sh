#!/usr/bin/env bash
# Evaluates a checkpoint on this machine's processor: COCO metrics into <CKPT without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
launch "CKPT EVAL_ROOT EVAL_ANN [--key value ...]" "$@"
TARGET=CPU DEVICE_ID=0
pop_folder eval_output_dir EVAL_OUTPUT_DIR "${CKPT%.ckpt}_eval"
evaluate "$CKPT" "$EVAL_ROOT" "$EVAL_ANN" "$EVAL_OUTPUT_DIR"
