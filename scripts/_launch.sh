# shellcheck shell=bash
# Sourced by the launch scripts: the functions train, rank, pick and evaluate. They read TARGET, DEVICE_ID, DATA_ROOT, PRE_TRAINED,
# RANK_TABLE and the array `options`, and stay in the caller's folder, so that relative paths stay valid.

# shellcheck source=scripts/_env.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_env.sh"
# shellcheck source=scripts/_arguments.sh
source "$root/scripts/_arguments.sh"

# Programs write to tee, not to a terminal, so training gets the terminal for its progress line from PROGRESS_TTY.
if [ -t 1 ]; then
    PROGRESS_TTY="$(readlink "/proc/$$/fd/1")"
    export PROGRESS_TTY
fi
# Arguments of some scripts; what the environment exports under these names reaches none.
unset RANK_TABLE RANK_TABLE_FILE PRE_TRAINED PRETRAINED_MODEL PRETRAINED_CKPT PRE_TRAINED_PATH DEVICE_ID

rank_keys=(strategy weights box_exponent seed) # options of sorted_values.py
pick_keys=(policy at_least random_share) # options of pick_select.py, beside pick_ratio, seed and flags; all others are configuration keys

own_options=() # groups of _options.py that a script takes beside the settings of the programs

# launch LINE "$@": parses the arguments by LINE (see `arguments`), sets up the Python environment, and refuses unknown options before
# anything is written; `launched` keeps the words.
launch() {
    local names
    read -ra names <<<"${1%%[*}"
    # shellcheck disable=SC2034 # read by _rounds.sh
    launched=("${@:2}")
    arguments "$@"
    environment requirements.txt
    [ ${#options[@]} -eq 0 ] || PYTHONPATH="$root" "$PYTHON" "$root/scripts/_options.py" "${own_options[@]}" "${names[@]}" "${options[@]}" || exit 2
}

declare -A known_settings=() # by the question; a program that reads settings takes a quarter of a second to start

# setting KEY NAME: assigns to NAME the value of a setting as the programs read it, from --config_path and the options; empty if it
# is not set. The full stop protects a line break at the end of the value, which $(...) would drop.
setting() {
    local question text
    printf -v question '%q ' "$1" "${options[@]}"
    if [ -z "${known_settings[$question]:-}" ]; then
        text="$(PYTHONPATH="$root" "$PYTHON" "$root/scripts/_setting.py" "$1" "${options[@]}" && echo .)"
        known_settings[$question]="$text"
    fi
    text="${known_settings[$question]}"
    printf -v "$2" '%s' "${text%$'\n.'}"
}

say() {
    printf '\n==== %s ====\n' "$*"
}

# print_command WORD ...: prints a command that can be pasted as it stands.
print_command() {
    local line
    printf -v line '%q ' "$@"
    printf '%s\n' "${line% }"
}

# ---- programs, and the signals that stop them ----

continued_by=() # of a job of several programs: the command that continues it
running=    # process id of the program that run_logged runs, or "starting"
stopped_by= # the first signal received
copy=       # see run_logged
trap 'stop_program INT' INT
trap 'stop_program TERM' TERM
trap 'stop_program HUP' HUP

# stop_program SIGNAL: asks the running program to stop: training saves and exits. Another signal more than a second later kills
# it; signals within that second are ignored, because a terminal that closes may send several.
stop_program() {
    if [ -z "$stopped_by" ]; then
        stopped_by="$1" stopped_at=$SECONDS
        [ -n "$running" ] || exit_stopped
        [ -z "${STOP_SIGNAL_FILE:-}" ] || echo "SIG$1" >"$STOP_SIGNAL_FILE" || true
        echo "SIG$1: waiting for the program to stop (training saves first); a second signal kills it" >&2 || true
        [ "$running" = starting ] || kill -TERM "$running" 2>/dev/null || true # it may have exited
    elif [ $((SECONDS - stopped_at)) -gt 1 ]; then
        kill -KILL "$running" 2>/dev/null || true
    fi
}

# exit_stopped: exits because of a signal. A training that was stopped has printed how to continue it alone; the last lines are how to
# continue the job. Nobody may be there to read them.
exit_stopped() {
    if [ ${#continued_by[@]} -gt 0 ]; then
        printf 'the whole job, not only its training, is continued with\ncd %q && %s\n' "$PWD" "$(print_command "${continued_by[@]}")" || true
    fi
    exit "$(status_of "$stopped_by")"
}

# status_of SIGNAL: the exit status of a program that the signal terminated.
status_of() {
    echo $((128 + $(kill -l "$1")))
}

# make_folder FOLDER: makes it; otherwise exits with the reason of the system.
make_folder() {
    local reason
    reason="$(LC_ALL=C mkdir -p -- "$1" 2>&1)" || fail "$1: cannot be made: ${reason##*: }; choose another folder"
    [ -w "$1" ] || fail "$1: cannot be written: $(LC_ALL=C touch -- "$1/console.log" 2>&1 | sed 's/.*: //'); choose another folder"
}

# check_folder FOLDER: exits if it cannot be made, or written to; makes nothing.
check_folder() {
    local place="$1"
    while [ -n "$place" ] && [ ! -e "$place" ]; do place="${place%/*}"; done
    place="${place:-/}"
    [ -d "$place" ] && [ -w "$place" ] || make_folder "$1"
}

# open_signal_file: makes the file by which programs learn which signal this shell received, because all are passed on as SIGTERM: one
# without a name, which ends with this process. It is called once.
open_signal_file() {
    local file number
    file="$(mktemp 2>/dev/null)" || return 0 # the disk is full: programs say what they receive
    exec {number}<>"$file"
    rm -f -- "$file"
    export STOP_SIGNAL_FILE="/proc/$$/fd/$number"
}
unset STOP_SIGNAL_FILE # of another script

# run_logged FOLDER PROGRAM ARGUMENT ...: prints the output of the program and appends it to FOLDER/console.log, and to the file `copy`
# if that is set. A signal to this shell is passed on (see `stop_program`); the script exits after the program.
run_logged() {
    local folder="$1" status first=""
    shift
    make_folder "$folder"
    [ ! -e "$folder/console.log" ] || [ -f "$folder/console.log" ] || fail "$folder/console.log: is not a file; remove it"
    [ -n "${STOP_SIGNAL_FILE:-}" ] || open_signal_file
    running=starting
    "$@" 2>&1 | (
        trap '' INT TERM HUP
        exec tee --output-error=warn-nopipe --append "$folder/console.log" ${copy:+"$copy"}
    ) &
    # The process of the program; $! is that of tee, which exits last. A signal to all processes of a terminal may end the subshell here.
    for _ in 1 2 3; do first="$(jobs -p %%)" && break; done
    running="$first"
    [ -z "$stopped_by" ] || kill -TERM "$running" 2>/dev/null || true
    while true; do
        wait %% && status=0 || status=$?
        kill -0 $! 2>/dev/null || break # otherwise a signal interrupted wait
    done
    running=
    [ -z "$stopped_by" ] || exit_stopped
    return "$status"
}

# ---- training ----

# several_devices: train on DEVICE_NUM devices (default 8); everything else uses device 0.
several_devices() {
    workers="${DEVICE_NUM:-8}"
    [[ $workers =~ ^[1-9][0-9]{0,3}$ ]] || fail "DEVICE_NUM must be a whole number from 1 to 9999, not '$workers'"
    DEVICE_ID=0
    # Seconds: ranks compile for long before their first communication, and wait for rank 0 while it evaluates.
    export HCCL_CONNECT_TIMEOUT="${HCCL_CONNECT_TIMEOUT:-6000}"
    export HCCL_EXEC_TIMEOUT="${HCCL_EXEC_TIMEOUT:-6000}"
    export MS_NODE_TIMEOUT="${MS_NODE_TIMEOUT:-6000}"
}

# is_automatic: whether the settings are derived from the data: --config_path is missing or "auto".
is_automatic() {
    split_options config_path
    [ ${#picked[@]} -eq 0 ] || [ "${picked[-1]}" = auto ]
}

# write_recipe ANN FILE OPTION ...: derives the settings from the data of ANN; a resumed job reuses its FILE.
write_recipe() {
    if [ -f "$2" ] && { ${resuming:-false} || is_enabled resume; }; then
        say "settings: reused from $2"
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
    split_options config_path
    if [ -n "${workers:-}" ] && [ ${#picked[@]} -gt 0 ] && [ "${picked[-1]}" = auto ]; then # one recipe for all ranks
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

# train_on_several FOLDER TRAIN.PY ARGUMENT ...: rank 0 writes to the console, every rank to FOLDER/worker_logs. They run in
# a new session, in which the scheduler does not get the Ctrl-C of the terminal.
train_on_several() {
    local folder="$1" logs="$1/worker_logs" number=2 port
    shift
    while [ -e "$logs" ]; do # a resumed run does not overwrite earlier logs
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

# best_checkpoint FOLDER: the checkpoint with the best AP on the evaluation set, or the latest one if there was no evaluation.
best_checkpoint() {
    if [ -f "$1/best_model.ckpt" ]; then printf '%s\n' "$1/best_model.ckpt"; else printf '%s\n' "$1/model_0.ckpt"; fi
}

# ---- selection and evaluation ----

# take_selection_options: moves --pick_ratio (percentage of labelled images after selection, or several, one for each round),
# budgets, the other options of ranking and picking, --empty_is_reviewed and --resume from `options` to variables of their own.
take_selection_options() {
    local word
    resuming=false
    if is_enabled resume; then resuming=true; fi
    split_options resume
    options=("${others[@]}")
    split_options pick_ratio
    options=("${others[@]}")
    [ ${#picked[@]} -eq 0 ] || [[ ${picked[-1]} != --* ]] || fail "--pick_ratio needs a value"
    ratios=()
    for word in "${picked[@]}"; do [[ $word == --* ]] || ratios+=("$word"); done
    split_options budget_hours budget_images budget_boxes
    budget=("${picked[@]}")
    options=("${others[@]}")
    choose_amount ${#ratios[@]}
    split_options seed
    local seed=("${picked[@]}")
    split_options "${rank_keys[@]}"
    rank_options=("${picked[@]}")
    options=("${others[@]}")
    split_options "${pick_keys[@]}"
    pick_options=("${picked[@]}" "${seed[@]}")
    options=("${others[@]}")
    if is_enabled empty_is_reviewed; then pick_options+=(--empty_is_reviewed); fi
    split_options empty_is_reviewed
    options=("${others[@]}")
}

# choose_amount NUMBER: sets the array `amount` to the options that say how much is picked: the budget, the given number of
# --pick_ratio, or by default 60 percent.
choose_amount() {
    amount=("${budget[@]}")
    if [ ${#ratios[@]} -gt 0 ]; then
        amount+=(--pick_ratio "${ratios[$1 - 1]:-}")
    elif [ ${#budget[@]} -eq 0 ]; then
        amount=(--pick_ratio 60)
    fi
}

# amount_in_words: `amount` for a human.
amount_in_words() {
    case "${amount[0]}" in
    --pick_ratio) echo "up to ${amount[1]} % of all images" ;;
    *) echo "up to ${amount[1]} ${amount[0]#--budget_}" ;;
    esac
}

# rank CKPT PICKED_ANN FOLDER: writes the acquisition scores of the unlabelled images to FOLDER/top_value_data.json.
rank() {
    local detect=() more=() ratio=()
    tool_options
    if [ "${amount[0]}" = --pick_ratio ]; then ratio=("${amount[@]}"); fi
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
        --combine_ann_file "$2" "${ratio[@]}" --exp_dir "$3" --pick_follows "${rank_options[@]}" "${more[@]}" "${overwrite[@]}"
}

# pick ORI_ANN PICKED_ANN NEW_ANN FOLDER OPTION ...: picks images by the options, and writes NEW_ANN with their labels from ORI_ANN.
pick() {
    local folder
    tool_options
    setting unlabelled_img_dir folder
    run_logged "$4" "$PYTHON" "$root/pick_select.py" --ann_file "$1" --combine_ann_file "$2" --output_ann_file "$3" \
        --img_dir "$DATA_ROOT" ${folder:+--unlabelled_img_dir "$folder"} "${pick_options[@]}" "${@:5}" "${overwrite[@]}"
}

# selection_folder NEW_ANN: the folder of its ranking.
selection_folder() {
    printf '%s\n' "${1%.json}_selection"
}

# is_ranked NEW_ANN: whether this is a resumed job that already has its ranking.
is_ranked() {
    $resuming && [ -f "$(selection_folder "$1")/top_value_data.json" ]
}

# without_usage PROGRAM ARGUMENT ...: runs it; what it says of wrong options comes without its usage, which is not that of this script.
without_usage() {
    { "$@" 2>&1 >&3 | sed -e '/^usage: /,/^[a-z_]*\.py: error: /{/^[a-z_]*\.py: error: /!d}' -e 's/^[a-z_]*\.py: error: /error: /' >&2; } 3>&1
}

# check_selection ORI_ANN PICKED_ANN: exits at once if ranking or picking would fail hours later; writes nothing.
check_selection() {
    local folder valid=true
    setting unlabelled_img_dir folder
    without_usage "$PYTHON" "$root/sorted_values.py" --check "${rank_options[@]}" || valid=false
    without_usage "$PYTHON" "$root/pick_select.py" --ann_file "$1" --combine_ann_file "$2" "${amount[@]}" \
        --img_dir "$DATA_ROOT" "${pick_options[@]}" ${folder:+--unlabelled_img_dir "$folder"} || valid=false
    split_options second_checkpoint
    if [[ " ${rank_options[*]} " == *" disagreement "* ]] && [ ${#picked[@]} -eq 0 ]; then
        echo "error: --strategy disagreement needs a second detector, such as the student: pass --second_checkpoint FILE" >&2
        valid=false
    fi
    if [[ " ${rank_options[*]} " =~ " "(ppal|coverage)" " ]] && [ "${amount[0]}" != --pick_ratio ]; then
        echo "error: --strategy ${BASH_REMATCH[1]} must know how many images are picked: pass --pick_ratio, or choose another strategy" >&2
        valid=false
    fi
    $valid || exit 2
}

# choose CKPT ORI_ANN PICKED_ANN NEW_ANN [FIRST SECOND]: ranks and picks. A resumed job reuses ranking and list, because images may
# have been labelled and moved since; it exits if other settings or files are given. FIRST, SECOND: folders of the runs before and
# after the selection.
choose() {
    local folder ranking more=() options=("${options[@]}")
    folder="$(selection_folder "$4")"
    ranking="$folder/top_value_data.json"
    if $resuming; then
        more=(--resume ${6:+--used_by "$6"})
        if is_enabled resume_anyway; then more+=(--resume_anyway); fi
        options+=(--overwrite true) # files of an interrupted ranking
    fi
    if is_ranked "$4"; then
        run_logged "$folder" env PYTHONPATH="$root" "$PYTHON" "$root/scripts/_kept_ranking.py" "$ranking" "$1" "$3" \
            "$DATA_ROOT" ${5:+--trained "$5"} "${rank_options[@]}" -- "${options[@]}"
    else
        rank "$1" "$3" "$folder"
    fi
    pick "$2" "$3" "$4" "$folder" "${amount[@]}" --top_value_file "$ranking" "${more[@]}"
}

# tool_options: sets the array `overwrite` to the flag of the label tools.
tool_options() {
    overwrite=()
    if is_enabled overwrite; then overwrite=(--overwrite); fi
}

# evaluate CKPT EVAL_ROOT EVAL_ANN FOLDER: writes COCO metrics to FOLDER/metrics.json.
evaluate() {
    run_logged "$4" "$PYTHON" "$root/eval.py" "${options[@]}" --checkpoint_path "$1" --eval_img_dir "$2" \
        --eval_ann_file "$3" --eval_output_dir "$4" --device_target "$TARGET" --device_id "$DEVICE_ID"
}

# evaluate_model MODEL EVAL_ROOT EVAL_ANN FOLDER: the same for an exported model, which runs on the CPU.
evaluate_model() {
    run_logged "$4" "$PYTHON" "$root/eval.py" "${options[@]}" --model "$1" --eval_img_dir "$2" \
        --eval_ann_file "$3" --eval_output_dir "$4"
}
