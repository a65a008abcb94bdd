#!/usr/bin/env bash
# Detects with an exported model (.onnx, .mindir) and the C++ program, which is built when needed, and evaluates the detections:
# detections.json, acc.log and metrics.json in <MODEL without extension>_infer (or --eval_output_dir).
# Size and KEEP_RATIO are in the metadata of the model; if given, they must agree. --threads and --draw go to the program.
set -euo pipefail
# shellcheck source=scripts/_infer_cpp.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_infer_cpp.sh"
launch "MODEL DATA_ROOT ANN TARGET [IMAGE_WIDTH] [IMAGE_HEIGHT] [KEEP_RATIO] [DEVICE_ID] [--key value ...]" "$@"
detect_and_score "$TARGET"
