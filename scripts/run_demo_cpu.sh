#!/usr/bin/env bash
# A demonstration on small synthetic data, on any machine: data, two training stages, evaluation, an HTML report.
# Everything goes to demo_output/ beside README.md, or to demo_output_2/ and so on if that exists.
# A demonstration that is stopped prints the command that continues it.
set -euo pipefail
# shellcheck source=scripts/_env.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_env.sh"
[ $# -eq 0 ] || { [ $# -eq 2 ] && [ "$1" = --resume ] && [ -f "$root/$2/data/train_25.json" ]; } ||
    fail "unexpected argument: $1; the demonstration takes none: bash $0"
environment requirements.txt
cd "$root"

out="${2:-demo_output}"
number=2
while [ $# -eq 0 ] && [ -e "$out" ]; do
    out="demo_output_$number"
    number=$((number + 1))
done
data="$out/data"

if [ $# -eq 0 ]; then
    "$PYTHON" -m src.data.synthetic --out "$data" --images 240
    "$PYTHON" -m src.split_data --data_path "$data"
    for side in train val; do
        "$PYTHON" -m src.xml2coco --data_path "$data/$side" --save_path "$data/$side.json" \
            --classes with_mask without_mask mask_weared_incorrect
    done
    "$PYTHON" random_select.py --ann_file "$data/train.json" --label_ratio 25 --output_ann_file "$data/train_25.json"
fi

# Sourced, so that a signal reaches the training program.
whole_job=(bash scripts/run_demo_cpu.sh --resume "$out")
# shellcheck source=scripts/run_standalone_train_cpu.sh
source scripts/run_standalone_train_cpu.sh "$data/train/images" "$data/train_25.json" "$data/train.json" "$out/run" \
    --config_path configs/demo_cpu.yaml --eval_img_dir "$data/val/images" --eval_ann_file "$data/val.json" ${1:+"$1"}
"$PYTHON" -m src.evaluation.page --run "$out/run" --eval_img_dir "$data/val/images" --eval_ann_file "$data/val.json"
echo "Open it in a browser: $root/$out/run/report.html"
