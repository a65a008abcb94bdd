#!/usr/bin/env bash
# Evaluates an exported model (.onnx, or .mindir) on this machine's processor: COCO metrics into
# <MODEL without extension>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
launch "MODEL EVAL_ROOT EVAL_ANN [--key value ...]" "$@"
without_extension "$MODEL" STEM
pop_folder eval_output_dir EVAL_OUTPUT_DIR "${STEM}_eval"
evaluate_model "$MODEL" "$EVAL_ROOT" "$EVAL_ANN" "$EVAL_OUTPUT_DIR"
