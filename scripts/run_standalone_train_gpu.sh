#!/usr/bin/env bash
# The whole job on one GPU: train, select images to label, train again.
set -euo pipefail
# shellcheck source=scripts/_rounds.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_rounds.sh"
launch "DEVICE_ID DATA_ROOT TRAIN_ANN ORI_ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
TARGET=GPU
two_stages
