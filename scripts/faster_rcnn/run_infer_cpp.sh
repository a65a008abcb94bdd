#!/usr/bin/env bash
# Detects with an exported model (.onnx, .mindir) and the C++ program, which is built if need be, and scores what it found, as
# ../run_infer_cpp.sh does: detections.json, acc.log and metrics.json in <MINDIR_PATH without extension>_infer.
set -euo pipefail
# shellcheck source=scripts/_infer_cpp.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_infer_cpp.sh"
launch "MINDIR_PATH DATA_PATH ANNO_PATH DEVICE_TYPE [IMAGE_WIDTH] [IMAGE_HEIGHT] [KEEP_RATIO] [DEVICE_ID] [--key value ...]" "$@"
MODEL="$MINDIR_PATH" DATA_ROOT="$DATA_PATH" ANN="$ANNO_PATH"
detect_and_score "$DEVICE_TYPE"
