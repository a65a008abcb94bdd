#!/usr/bin/env bash
# Evaluates a checkpoint on a GPU with all evaluation images of DATASET_PATH (its layout: run_standalone_train_gpu.sh):
# COCO metrics into <CHECKPOINT_PATH without .ckpt>_eval (or --eval_output_dir).
set -euo pipefail
# shellcheck source=scripts/_supervised.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../_supervised.sh"
launch "DEVICE_ID DATASET DATASET_PATH CHECKPOINT_PATH MINDRECORD_PATH [--key value ...]" "$@"
TARGET=GPU
score_ssd
