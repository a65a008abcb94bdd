# shellcheck shell=bash
# Sourced: inference in C++ and its evaluation, by the functions of _launch.sh. Reads MODEL, DATA_ROOT, ANN, IMAGE_WIDTH, IMAGE_HEIGHT, KEEP_RATIO and
# DEVICE_ID, of which the last four may be empty, and the array `options`.
#   INFER_MAIN=/path/to/main  a program that is already built (default: ascend310_infer/out/main, which is built when needed)

# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
own_options=(cpp)

# make_program: sets `program` to the path of the C++ program; builds it if it is missing or older than one of its sources.
make_program() {
    local source="$root/ascend310_infer"
    program="${INFER_MAIN:-$source/out/main}"
    if [ -n "${INFER_MAIN:-}" ]; then
        [ -f "$program" ] && [ -x "$program" ] || fail "INFER_MAIN=$program is not an executable file"
        absolute program
    elif [ ! -x "$program" ] || [ -n "$(find "$source/src" "$source/cmake" "$source/CMakeLists.txt" -newer "$program")" ]; then
        VENV="$(dirname "$PYTHON")/.." bash "$source/build.sh"
        touch "$program"
    fi
}

# detect_and_score DEVICE: writes detections.json, acc.log and the files of eval.py to the folder <MODEL without extension>_infer.
detect_and_score() {
    local program folder stem
    PYTHONPATH="$root" "$PYTHON" "$root/scripts/_model_metadata.py" "$MODEL" "$IMAGE_WIDTH" "$IMAGE_HEIGHT" "$KEEP_RATIO"
    make_program
    without_extension "$MODEL" stem
    pop_folder eval_output_dir folder "${stem}_infer"
    pop_option device_id DEVICE_ID "${DEVICE_ID:-0}"
    tool_options
    split_options threads draw
    run_logged "$folder" "$program" --model "$MODEL" --images "$DATA_ROOT" --annotations "$ANN" --out "$folder/detections.json" \
        --device "$1" --device_id "$DEVICE_ID" "${picked[@]}" "${overwrite[@]}"
    true >"$folder/acc.log"
    copy="$folder/acc.log" run_logged "$folder" "$PYTHON" "$root/eval.py" "${others[@]}" --results "$folder/detections.json" \
        --eval_ann_file "$ANN" --eval_output_dir "$folder"
}
