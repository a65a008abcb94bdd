#!/usr/bin/env bash
# The whole job in DEVICE_NUM (8) processes on this machine's processor: train, select images to label, train again.
set -euo pipefail
# shellcheck source=scripts/_rounds.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_rounds.sh"
launch "DATA_ROOT TRAIN_ANN ORI_ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
TARGET=CPU
several_devices
two_stages
