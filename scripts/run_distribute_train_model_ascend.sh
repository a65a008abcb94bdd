#!/usr/bin/env bash
# One training run on DEVICE_NUM (8) Ascend devices.
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
launch "RANK_TABLE DATA_ROOT ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
TARGET=Ascend
several_devices
train "$ANN" "$OUTPUT_DIR"
