#!/usr/bin/env bash
# Rounds of labelling on one Ascend device: train, select images, write tasks for a labelling tool, take the labels back, train again.
# It stops when labels are needed and says what to type next. With --ori_ann FILE, the labels of all images, it needs no tool.
set -euo pipefail
# shellcheck source=scripts/_rounds.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_rounds.sh"
own_options+=(labelling)
launch "DEVICE_ID DATA_ROOT TRAIN_ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
TARGET=Ascend
labelling_rounds
