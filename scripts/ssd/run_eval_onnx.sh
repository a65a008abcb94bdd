#!/usr/bin/env bash
# Evaluates an exported model (.onnx, or .mindir) on this machine's processor with all evaluation images of DATASET_PATH (its layout:
# run_standalone_train_cpu.sh): COCO metrics into <ONNX_MODEL without extension>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "DATASET DATASET_PATH ONNX_MODEL [MINDRECORD_PATH] [--key value ...]" "$@"
set_data_paths "$DATASET" "$DATASET_PATH"
score evaluate_model "$ONNX_MODEL" "$MINDRECORD_PATH"
