# shellcheck shell=bash
# Sourced: inference in C++ and its score, over _launch.sh. Reads MODEL, DATA_ROOT, ANN, IMAGE_WIDTH, IMAGE_HEIGHT, KEEP_RATIO and
# DEVICE_ID, of which the last four may be empty, and the array `options`.
#   INFER_MAIN=/path/to/main  a program that is built already (default: ascend310_infer/out/main, built if need be)

# shellcheck source=scripts/_launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

# make_program: binds `program`; builds it if it is not there or older than one of its sources.
make_program() {
    local source="$root/ascend310_infer"
    program="${INFER_MAIN:-$source/out/main}"
    if [ -n "${INFER_MAIN:-}" ]; then
        [ -f "$program" ] && [ -x "$program" ] || fail "INFER_MAIN=$program is not a program"
        absolute program
    elif [ ! -x "$program" ] || [ -n "$(find "$source/src" "$source/cmake" "$source/CMakeLists.txt" -newer "$program")" ]; then
        VENV="$(dirname "$PYTHON")/.." bash "$source/build.sh"
        touch "$program"
    fi
}

# detect_and_score DEVICE: detections.json, acc.log and what eval.py writes, in MODEL without its ending plus _infer.
detect_and_score() {
    local program folder stem
    PYTHONPATH="$root" "$PYTHON" "$root/scripts/_model_metadata.py" "$MODEL" "$IMAGE_WIDTH" "$IMAGE_HEIGHT" "$KEEP_RATIO"
    make_program
    without_ending "$MODEL" stem
    take_folder eval_output_dir folder "${stem}_infer"
    take_option device_id DEVICE_ID "${DEVICE_ID:-0}"
    tool_options
    divide_options threads draw
    run_logged "$folder" "$program" --model "$MODEL" --images "$DATA_ROOT" --annotations "$ANN" --out "$folder/detections.json" \
        --device "$1" --device_id "$DEVICE_ID" "${picked[@]}" "${overwrite[@]}"
    true >"$folder/acc.log"
    copy="$folder/acc.log" run_logged "$folder" "$PYTHON" "$root/eval.py" "${others[@]}" --results "$folder/detections.json" \
        --eval_ann_file "$ANN" --eval_output_dir "$folder"
}
