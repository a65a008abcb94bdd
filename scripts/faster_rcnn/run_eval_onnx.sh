#!/usr/bin/env bash
# Evaluates an exported model (.onnx, or .mindir) on this machine's processor with the images of COCO_ROOT/val2017: COCO metrics
# into <ONNX_MODEL without extension>_eval (or --eval_output_dir). The model itself knows its backbone.
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "ANNO_PATH ONNX_MODEL BACKBONE COCO_ROOT [MINDRECORD_DIR] [--key value ...]" "$@"
set_data_paths coco "$COCO_ROOT"
eval_ann_file="$ANNO_PATH"
score evaluate_model "$ONNX_MODEL" "$MINDRECORD_DIR"
