#!/usr/bin/env bash
# Trains SSD on this machine's processor with the labels of DATASET_PATH, kept in a MindRecord
# cache in MINDRECORD_PATH. DATASET tells what lies in DATASET_PATH. coco: train2017/, val2017/, annotations/. voc: JPEGImages/,
# Annotations/, ImageSets/Main/{train,val}.txt, or {train,eval}/Images and /Annotations. other: {train,val}.txt, and --class_names.
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "DATASET DATASET_PATH MINDRECORD_PATH TRAIN_OUTPUT_PATH [PRE_TRAINED_PATH] [--key value ...]" "$@"
TARGET=CPU DEVICE_ID=0
train_ssd
