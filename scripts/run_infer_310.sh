#!/usr/bin/env bash
# As run_infer_cpp.sh, on an Ascend 310: detects with an exported model (.mindir) and the C++ program, which is built when
# needed, and evaluates the detections: detections.json, acc.log and metrics.json in <MODEL without extension>_infer.
set -euo pipefail
# shellcheck source=scripts/_infer_cpp.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_infer_cpp.sh"
launch "MODEL DATA_ROOT ANN [IMAGE_WIDTH] [IMAGE_HEIGHT] [DEVICE_ID] [--key value ...]" "$@"
KEEP_RATIO="" # not an argument of this script
detect_and_score Ascend310
