# shellcheck shell=bash
# Sourced by the launch scripts: the verbs train, rank, pick and evaluate. They read TARGET, DEVICE_ID, DATA_ROOT, PRE_TRAINED,
# RANK_TABLE and the array `options`, and never leave the caller's folder, so relative paths keep their meaning.

# shellcheck source=scripts/_env.sh
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
# shellcheck source=scripts/_arguments.sh
source "$root/scripts/_arguments.sh"
trap 'exit 130' INT # msrun ends with 0 when it is interrupted

rank_keys=(strategy weights seed) # options of sorted_values.py; all others are keys of the configuration

# launch LINE "$@": binds the arguments by LINE (see `arguments`) and makes the environment ready.
launch() {
    arguments "$@"
    environment requirements.txt
}

say() {
    printf '\n==== %s ====\n' "$*"
}

# run_logged FOLDER PROGRAM ARGUMENT ...: shows what the program says and adds it to FOLDER/console.log.
run_logged() {
    local folder="$1"
    shift
    mkdir -p "$folder"
    "$@" 2>&1 | tee --ignore-interrupts --append "$folder/console.log"
}

# ---- training ----

# several_devices: training uses DEVICE_NUM devices (8 unless the environment says otherwise), all else device 0.
several_devices() {
    workers="${DEVICE_NUM:-8}"
    [[ $workers =~ ^[1-9][0-9]*$ ]] || fail "DEVICE_NUM must be a number from 1 up, not '$workers'"
    DEVICE_ID=0
    export HCCL_CONNECT_TIMEOUT="${HCCL_CONNECT_TIMEOUT:-6000}" # seconds: on Ascend ranks compile long before they meet
}

# train ANN FOLDER: one training run on TARGET with the images of DATA_ROOT.
train() {
    local command=("$root/train.py" --device_target "$TARGET" --train_img_dir "$DATA_ROOT" --train_ann_file "$1"
        --save_checkpoint_path "$2" ${PRE_TRAINED:+--pre_trained "$PRE_TRAINED"} "${options[@]}")
    if [ -n "${workers:-}" ]; then
        train_on_several "$2" "${command[@]}" --run_distribute true
    else
        run_logged "$2" "$PYTHON" "${command[@]}" --device_id "$DEVICE_ID"
    fi
}

# train_on_several FOLDER TRAIN.PY ARGUMENT ...: rank 0 speaks to the console, every rank to FOLDER/worker_logs.
train_on_several() {
    local folder="$1" logs="$1/worker_logs" number=2 port
    shift
    while [ -e "$logs" ]; do # a resumed run keeps the logs of the first one
        logs="$folder/worker_logs_$number"
        number=$((number + 1))
    done
    mkdir -p "$logs"
    port="${MASTER_PORT:-$(free_port)}"
    if ! run_logged "$folder" msrun_quietly "$logs" --worker_num="$workers" --local_worker_num="$workers" \
        --master_port="$port" ${RANK_TABLE:+--rank_table_file="$RANK_TABLE"} "$@"; then
        echo "error: training stopped because a worker failed; the end of each log in $logs:" >&2
        tail --lines=5 "$logs"/worker_*.log >&2
        return 1
    fi
}

free_port() {
    "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

# Its own words (a traceback when a worker fails) go to a log; the workers' words are what one wants to see.
msrun_quietly() {
    local logs="$1"
    shift
    "$PYTHON" -m mindspore.parallel.cluster.run --log_dir="$logs" --join=True --tail_worker_log=0 "$@" 2>"$logs/msrun.log"
}

# best_checkpoint FOLDER: the best teacher on the evaluation set, or the last one when nothing was evaluated.
best_checkpoint() {
    if [ -f "$1/best_model.ckpt" ]; then echo "$1/best_model.ckpt"; else echo "$1/model_0.ckpt"; fi
}

# ---- selection and evaluation ----

# take_selection_options: --pick_ratio (total share of labelled images in percent) and the options of the ranking.
take_selection_options() {
    take_option pick_ratio PICK_RATIO 60
    divide_options "${rank_keys[@]}"
    rank_options=("${picked[@]}")
    options=("${others[@]}")
}

# rank CKPT PICKED_ANN FOLDER: what would a label of each unlabelled image teach? FOLDER/top_value_data.json.
rank() {
    tool_options
    run_logged "$3" "$PYTHON" "$root/infer.py" "${options[@]}" --checkpoint_path "$1" \
        --train_img_dir "$DATA_ROOT" --train_ann_file "$2" --eval_output_dir "$3" \
        --device_target "$TARGET" --device_id "$DEVICE_ID"
    run_logged "$3" "$PYTHON" "$root/sorted_values.py" --infer_json "$3/infer_results.json" \
        --exp_dir "$3" "${rank_options[@]}" "${overwrite[@]}"
}

# pick ORI_ANN PICKED_ANN NEW_ANN FOLDER: labels the most valuable images as in ORI_ANN.
pick() {
    tool_options
    run_logged "$4" "$PYTHON" "$root/pick_select.py" --ann_file "$1" --combine_ann_file "$2" \
        --pick_ratio "$PICK_RATIO" --top_value_file "$4/top_value_data.json" --output_ann_file "$3" "${overwrite[@]}"
}

# tool_options: `overwrite` as the label tools want it.
tool_options() {
    overwrite=()
    if is_wanted overwrite; then overwrite=(--overwrite); fi
}

# evaluate CKPT EVAL_ROOT EVAL_ANN FOLDER: COCO metrics, FOLDER/metrics.json.
evaluate() {
    run_logged "$4" "$PYTHON" "$root/eval.py" "${options[@]}" --checkpoint_path "$1" --eval_img_dir "$2" \
        --eval_ann_file "$3" --eval_output_dir "$4" --device_target "$TARGET" --device_id "$DEVICE_ID"
}
