#!/usr/bin/env bash
# One training run in DEVICE_NUM (8) processes on this machine's processor.
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
launch "DATA_ROOT ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
TARGET=CPU
several_devices
train "$ANN" "$OUTPUT_DIR"
