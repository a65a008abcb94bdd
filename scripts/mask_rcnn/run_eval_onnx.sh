#!/usr/bin/env bash
# Evaluates an exported model (.onnx, or .mindir) on this machine's processor with DATA_PATH/val2017 and its annotations: COCO metrics
# into <ONNX_MODEL_PATH without extension>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "ONNX_MODEL_PATH DATA_PATH [DEVICE_TARGET] [--key value ...]" "$@"
set_data_paths coco "$DATA_PATH"
score evaluate_model "$ONNX_MODEL_PATH" ""
