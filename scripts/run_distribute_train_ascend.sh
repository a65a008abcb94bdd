#!/usr/bin/env bash
# The whole job on DEVICE_NUM (8) Ascend devices: train, select images to label, train again.
set -euo pipefail
# shellcheck source=scripts/_rounds.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_rounds.sh"
launch "RANK_TABLE DATA_ROOT TRAIN_ANN ORI_ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
TARGET=Ascend
several_devices
two_stages
