#!/usr/bin/env bash
# Evaluates a checkpoint on an Ascend device with all evaluation images of DATASET_PATH (its layout: run_standalone_train_ascend.sh):
# COCO metrics into <CHECKPOINT_PATH without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "DEVICE_ID DATASET DATASET_PATH CHECKPOINT_PATH MINDRECORD_PATH [--key value ...]" "$@"
TARGET=Ascend
score_ssd
