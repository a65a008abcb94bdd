#!/usr/bin/env bash
# One training run on one device; TARGET is CPU, GPU or Ascend.
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
launch "TARGET DEVICE_ID DATA_ROOT ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
train "$ANN" "$OUTPUT_DIR"
