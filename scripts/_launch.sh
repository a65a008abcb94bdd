# shellcheck shell=bash
# Sourced by the launch scripts: the verbs train, rank, pick and evaluate. They read TARGET, DEVICE_ID, DATA_ROOT, PRE_TRAINED,
# RANK_TABLE and the array `options`, and never leave the caller's folder, so relative paths keep their meaning.

# shellcheck source=scripts/_env.sh
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
# shellcheck source=scripts/_arguments.sh
source "$root/scripts/_arguments.sh"

# Programs write through tee; training shows its progress on the terminal itself.
if [ -t 1 ]; then
    PROGRESS_TTY="$(readlink "/proc/$$/fd/1")"
    export PROGRESS_TTY
fi
# Arguments of some scripts; what the environment exports under these names reaches none.
unset RANK_TABLE RANK_TABLE_FILE PRE_TRAINED PRETRAINED_MODEL PRETRAINED_CKPT PRE_TRAINED_PATH DEVICE_ID

rank_keys=(strategy weights box_exponent seed) # options of sorted_values.py
pick_keys=(policy at_least random_share) # options of pick_select.py, beside pick_ratio, seed and flags; all others are keys of the configuration

# launch LINE "$@": binds the arguments by LINE (see `arguments`) and makes the environment ready.
launch() {
    arguments "$@"
    environment requirements.txt
}

# setting KEY NAME: binds NAME to a setting as the programs read it, from --config_path and the options; nothing when it is not
# set. The full stop keeps a line break at its end, which $(...) would drop.
setting() {
    local text
    text="$(PYTHONPATH="$root" "$PYTHON" "$root/scripts/_setting.py" "$1" "${options[@]}" && echo .)"
    printf -v "$2" '%s' "${text%$'\n.'}"
}

say() {
    printf '\n==== %s ====\n' "$*"
}

# ---- programs, and the signals that stop them ----

running=    # the process number of the program of run_logged
stopped_by= # the first signal
copy=       # see run_logged
trap 'stop_program INT' INT
trap 'stop_program TERM' TERM
trap 'stop_program HUP' HUP

# stop_program SIGNAL: asks the running program to stop: training saves and exits. Another signal more than a second later ends
# it at once; within the second it has the same cause, for a terminal that closes may send several.
stop_program() {
    if [ -z "$stopped_by" ]; then
        stopped_by="$1" stopped_at=$SECONDS
        [ -n "$running" ] || exit "$(status_of "$1")"
        echo "SIG$1: waiting for the program to stop (training saves first); once more ends it at once" >&2 || true
        [ "$running" = starting ] || kill -TERM "$running" 2>/dev/null || true # it may have ended by itself
    elif [ $((SECONDS - stopped_at)) -gt 1 ]; then
        kill -KILL "$running" 2>/dev/null || true
    fi
}

# status_of SIGNAL: the exit status of a program that the signal ended.
status_of() {
    echo $((128 + $(kill -l "$1")))
}

# run_logged FOLDER PROGRAM ARGUMENT ...: shows the output of the program and adds it to FOLDER/console.log, and to the file `copy`
# if that is set. A signal that this shell gets meanwhile is passed on (see `stop_program`), and ends the script after the program.
run_logged() {
    local folder="$1" status
    shift
    mkdir -p -- "$folder"
    running=starting
    "$@" 2>&1 | (
        trap '' INT TERM HUP
        exec tee --output-error=warn-nopipe --append "$folder/console.log" ${copy:+"$copy"}
    ) &
    running="$(jobs -p %%)" # its process, not that of tee, which ends last
    [ -z "$stopped_by" ] || kill -TERM "$running" 2>/dev/null || true
    while true; do
        wait %% && status=0 || status=$?
        kill -0 $! 2>/dev/null || break # else a signal cut the waiting short
    done
    running=
    [ -z "$stopped_by" ] || exit "$(status_of "$stopped_by")"
    return "$status"
}

# ---- training ----

# several_devices: training uses DEVICE_NUM devices (8 unless the environment says otherwise), all else device 0.
several_devices() {
    workers="${DEVICE_NUM:-8}"
    [[ $workers =~ ^[1-9][0-9]*$ ]] || fail "DEVICE_NUM must be a number from 1 up, not '$workers'"
    DEVICE_ID=0
    # Seconds: ranks compile long before they meet, and wait for rank 0 while it evaluates.
    export HCCL_CONNECT_TIMEOUT="${HCCL_CONNECT_TIMEOUT:-6000}"
    export HCCL_EXEC_TIMEOUT="${HCCL_EXEC_TIMEOUT:-6000}"
    export MS_NODE_TIMEOUT="${MS_NODE_TIMEOUT:-6000}"
}

# is_automatic: whether settings come from the data: no --config_path is given, or auto.
is_automatic() {
    divide_options config_path
    [ ${#picked[@]} -eq 0 ] || [ "${picked[-1]}" = auto ]
}

# write_recipe ANN FILE OPTION ...: settings from the data of ANN, once: a job that is resumed keeps them.
write_recipe() {
    if [ -f "$2" ] && { ${resuming:-false} || is_wanted resume; }; then
        say "settings: kept from before in $2"
        return 0
    fi
    say "settings from the data of $1"
    run_logged "$(dirname -- "$2")" env PYTHONPATH="$root" "$PYTHON" -m src.recipe --output "$2" --devices "${workers:-1}" \
        --device_target "$TARGET" --train_img_dir "$DATA_ROOT" --train_ann_file "$1" \
        ${PRE_TRAINED:+--pre_trained "$PRE_TRAINED"} "${options[@]}" "${@:3}"
}

# train ANN FOLDER: one training run on TARGET with the images of DATA_ROOT.
train() {
    local options=("${options[@]}")
    divide_options config_path
    if [ -n "${workers:-}" ] && [ ${#picked[@]} -gt 0 ] && [ "${picked[-1]}" = auto ]; then # one recipe for all processes
        options=("${others[@]}")
        write_recipe "$1" "$2/recipe.yaml"
        options=(--config_path "$2/recipe.yaml" "${options[@]}")
    fi
    local command=("$root/train.py" --device_target "$TARGET" --train_img_dir "$DATA_ROOT" --train_ann_file "$1"
        --save_checkpoint_path "$2" ${PRE_TRAINED:+--pre_trained "$PRE_TRAINED"} "${options[@]}")
    if [ -n "${workers:-}" ]; then
        train_on_several "$2" "${command[@]}" --run_distribute true
    else
        run_logged "$2" "$PYTHON" "${command[@]}" --device_id "$DEVICE_ID"
    fi
}

# train_on_several FOLDER TRAIN.PY ARGUMENT ...: rank 0 writes to the console, every rank to FOLDER/worker_logs. In a session of
# its own the scheduler does not get the Ctrl-C of the terminal.
train_on_several() {
    local folder="$1" logs="$1/worker_logs" number=2 port
    shift
    while [ -e "$logs" ]; do # a resumed run keeps the logs of the first one
        logs="$folder/worker_logs_$number"
        number=$((number + 1))
    done
    mkdir -p "$logs"
    port="${MASTER_PORT:-$(free_port)}"
    PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" run_logged "$folder" setsid "$PYTHON" "$root/scripts/_msrun.py" \
        --worker_num="$workers" --local_worker_num="$workers" --master_port="$port" --log_dir="$logs" \
        ${RANK_TABLE:+--rank_table_file="$RANK_TABLE"} "$@"
}

free_port() {
    "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

# best_checkpoint FOLDER: the best detector on the evaluation set, or the latest one when no AP was measured.
best_checkpoint() {
    if [ -f "$1/best_model.ckpt" ]; then printf '%s\n' "$1/best_model.ckpt"; else printf '%s\n' "$1/model_0.ckpt"; fi
}

# ---- selection and evaluation ----

# take_selection_options: --pick_ratio (total share of labelled images in percent), the other options of the ranking and of
# the pick, --empty_is_reviewed and --resume.
take_selection_options() {
    resuming=false
    if is_wanted resume; then resuming=true; fi
    divide_options resume
    options=("${others[@]}")
    take_option pick_ratio PICK_RATIO 60
    divide_options seed
    local seed=("${picked[@]}")
    divide_options "${rank_keys[@]}"
    rank_options=("${picked[@]}")
    options=("${others[@]}")
    divide_options "${pick_keys[@]}"
    pick_options=("${picked[@]}" "${seed[@]}")
    options=("${others[@]}")
    if is_wanted empty_is_reviewed; then pick_options+=(--empty_is_reviewed); fi
    divide_options empty_is_reviewed
    options=("${others[@]}")
}

# rank CKPT PICKED_ANN FOLDER: acquisition scores of the unlabelled images, FOLDER/top_value_data.json.
rank() {
    local detect=() more=()
    tool_options
    case " ${rank_options[*]} " in
        *" ppal "* | *" coverage "*)
            detect=(--features true)
            more=(--features_file "$3/infer_features.npz")
            ;;
        *" disagreement "*) more=(--second_infer_json "$3/infer_results_second.json") ;;
    esac
    run_logged "$3" "$PYTHON" "$root/infer.py" "${options[@]}" "${detect[@]}" --checkpoint_path "$1" \
        --train_img_dir "$DATA_ROOT" --train_ann_file "$2" --eval_output_dir "$3" \
        --device_target "$TARGET" --device_id "$DEVICE_ID"
    run_logged "$3" "$PYTHON" "$root/sorted_values.py" --infer_json "$3/infer_results.json" \
        --combine_ann_file "$2" --pick_ratio "$PICK_RATIO" --exp_dir "$3" "${rank_options[@]}" "${more[@]}" "${overwrite[@]}"
}

# pick ORI_ANN PICKED_ANN NEW_ANN FOLDER OPTION ...: labels the images that the options tell to pick, as in ORI_ANN.
pick() {
    local folder
    tool_options
    setting unlabelled_img_dir folder
    run_logged "$4" "$PYTHON" "$root/pick_select.py" --ann_file "$1" --combine_ann_file "$2" --output_ann_file "$3" \
        --img_dir "$DATA_ROOT" ${folder:+--unlabelled_img_dir "$folder"} "${pick_options[@]}" "${@:5}" "${overwrite[@]}"
}

# selection_folder NEW_ANN: where its ranking lies.
selection_folder() {
    printf '%s\n' "${1%.json}_selection"
}

# is_ranked NEW_ANN: whether a resumed job has its ranking from before.
is_ranked() {
    $resuming && [ -f "$(selection_folder "$1")/top_value_data.json" ]
}

# check_selection ORI_ANN PICKED_ANN: stops the job at once if ranking or picking would fail hours later; writes nothing.
check_selection() {
    local folder good=true
    setting unlabelled_img_dir folder
    "$PYTHON" "$root/sorted_values.py" --check "${rank_options[@]}" || good=false
    "$PYTHON" "$root/pick_select.py" --ann_file "$1" --combine_ann_file "$2" --pick_ratio "$PICK_RATIO" \
        --img_dir "$DATA_ROOT" "${pick_options[@]}" ${folder:+--unlabelled_img_dir "$folder"} || good=false
    if [[ " ${rank_options[*]} " == *" disagreement "* ]] && ! is_wanted second_checkpoint; then
        echo "error: --strategy disagreement needs a second detector, such as the student: pass --second_checkpoint FILE" >&2
        good=false
    fi
    $good || exit 2
}

# choose CKPT ORI_ANN PICKED_ANN NEW_ANN [FIRST SECOND]: ranks and picks. A resumed job keeps ranking and list, for somebody may
# have labelled by them, and moved images; it stops if the job is another one. FIRST, SECOND: folders of the runs before and after.
choose() {
    local folder ranking more=() options=("${options[@]}")
    folder="$(selection_folder "$4")"
    ranking="$folder/top_value_data.json"
    if $resuming; then
        more=(--resume ${6:+--used_by "$6"})
        if is_wanted resume_anyway; then more+=(--resume_anyway); fi
        options+=(--overwrite true) # what a stopped ranking left
    fi
    if is_ranked "$4"; then
        run_logged "$folder" env PYTHONPATH="$root" "$PYTHON" "$root/scripts/_kept_ranking.py" "$ranking" "$1" "$3" \
            "$DATA_ROOT" ${5:+--trained "$5"} "${rank_options[@]}" -- "${options[@]}"
    else
        rank "$1" "$3" "$folder"
    fi
    pick "$2" "$3" "$4" "$folder" --pick_ratio "$PICK_RATIO" --top_value_file "$ranking" "${more[@]}"
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

# evaluate_model MODEL EVAL_ROOT EVAL_ANN FOLDER: the same of an exported model, which runs on the CPU.
evaluate_model() {
    run_logged "$4" "$PYTHON" "$root/eval.py" "${options[@]}" --model "$1" --eval_img_dir "$2" \
        --eval_ann_file "$3" --eval_output_dir "$4"
}
