#!/usr/bin/env bash
# Rounds of labelling on this machine's processor: train, select images, write tasks for a labelling tool, take the labels back, train again.
# It stops when labels are needed and says what to type next. With --ori_ann FILE, the labels of all images, it needs no tool.
set -euo pipefail
# shellcheck source=scripts/_rounds.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_rounds.sh"
own_options+=(labelling)
launch "DATA_ROOT TRAIN_ANN OUTPUT_DIR [PRE_TRAINED] [--key value ...]" "$@"
TARGET=CPU DEVICE_ID=0
labelling_rounds
