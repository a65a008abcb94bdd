# shellcheck shell=bash
# Sourced: parses the positional arguments of a launch script and the options that follow them.

# arguments "NAME ... [OPTIONAL] [--key value ...]" "$@": the line declares the arguments and is the usage text.
# Each NAME is assigned to a variable of that name and checked by `check_argument`; the rest becomes the array `options`.
arguments() {
    local line="$1" word words name value faults=()
    shift
    if [ $# -eq 0 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
        sed -n '2,/^[^#]/s/^# //p' "$0"
        case "$(readlink -f -- "$0")" in *_cpu.sh | *_onnx.sh) ;; *) echo "Never run on GPU or Ascend: see README.md." ;; esac
        echo "usage: bash $0 $line"
        exit $(($# == 0 ? 2 : 0))
    fi
    read -ra words <<<"${line%% \[--key*}"
    for word in "${words[@]}"; do
        if is_left_out "$word" "${1:-}"; then # all that follow would be taken for others
            faults=("$word is missing: '$1' is a file or folder")
            set --
            break
        fi
        name="${word//[\[\]]/}"
        value=""
        if [ $# -gt 0 ] && [[ $1 != --* ]]; then
            value="$1"
            shift
        fi
        if [ -n "$value" ]; then
            if is_path "$name"; then absolute value; fi
            check_argument "$name" "$value"
        elif [[ $word != \[* ]]; then
            faults+=("$name is missing")
        fi
        printf -v "$name" '%s' "$value"
    done
    [ $# -eq 0 ] || [[ $1 == --* ]] || faults+=("unexpected argument: $1")
    split_equals "$@"
    if [ ${#faults[@]} -gt 0 ]; then
        printf 'error: %s\n' "${faults[@]}" >&2
        echo "usage: bash $0 $line" >&2
        exit 2
    fi
}

# is_left_out WORD VALUE: whether a necessary argument that is no path seems to be forgotten, for a path stands in its place.
is_left_out() {
    local faults=()
    [[ $1 != \[* ]] && ! is_path "$1" && [ -e "$2" ] || return 1
    check_argument "$1" "$2"
    [ ${#faults[@]} -gt 0 ]
}

# is_path NAME: whether the argument of this name is a path.
is_path() {
    case "$1" in
    DEVICE_ID | DEVICE_NUM | TARGET | DEVICE_T* | BACKBONE | DATASET | DVPP | IMAGE_WIDTH | IMAGE_HEIGHT | KEEP_RATIO) return 1 ;;
    esac
}

# absolute NAME: makes the path in the variable NAME absolute. It is read up to a null character, because
# $(...) would drop a line break at the end of a path.
absolute() {
    IFS= read -rd '' "$1" < <(realpath --canonicalize-missing --no-symlinks --zero -- "${!1}")
}

# check_argument NAME VALUE: adds an error message to `faults` if the value is invalid; the name decides what is valid.
check_argument() {
    case "$1" in
    DEVICE_ID) [[ $2 =~ ^[0-9]+$ ]] || faults+=("$1 must be a number such as 0, not '$2'") ;;
    DEVICE_NUM) [[ $2 =~ ^[1-9][0-9]{0,3}$ ]] || faults+=("$1 must be a whole number from 1 to 9999, not '$2'") ;;
    BACKBONE) [ -f "${root:?}/configs/faster_rcnn_$2.yaml" ] || faults+=("$1 must be one of $(backbones), not '$2'") ;;
    TARGET | DEVICE_TYPE) [[ $2 =~ ^(CPU|GPU|Ascend)$ ]] || faults+=("$1 must be CPU, GPU or Ascend, not '$2'") ;;
    DEVICE_TARGET) [ "$2" = CPU ] || faults+=("$1 must be CPU, on which exported models are evaluated, not '$2': omit it") ;;
    DATASET) [[ $2 =~ ^(coco|voc|other)$ ]] || faults+=("$1 must be coco, voc or other, not '$2'") ;;
    DVPP) [ "${2^^}" = CPU ] || faults+=("$1 must be CPU, because images are decoded and resized there, not '$2'") ;;
    IMAGE_WIDTH | IMAGE_HEIGHT) [[ $2 =~ ^[0-9]+$ ]] || faults+=("$1 must be a number of pixels, not '$2'") ;;
    KEEP_RATIO) [[ $2 =~ ^([Tt]rue|[Ff]alse)$ ]] || faults+=("$1 must be true or false, not '$2'") ;;
    *_ROOT | DATA_PATH | DATASET_PATH)
        if [ -f "$2" ]; then faults+=("$1: $2 is a file, not the folder of the images; the order of the arguments is below"); fi
        [ -e "$2" ] || faults+=("$1: there is no folder $2")
        ;;
    OUTPUT_DIR | TRAIN_OUTPUT_PATH) [ ! -e "$2" ] || [ -d "$2" ] || faults+=("$1: $2 is not a folder") ;;
    NEW_ANN | MINDRECORD_DIR | MINDRECORD_PATH) ;;
    ANN | *_ANN) [ -e "$2" ] || faults+=("$1: there is no file $2") ;; # or a folder, such as one of Pascal VOC files
    PRE_TRAINED | PRE_TRAINED_PATH | PRETRAINED_*)
        [ ! -d "$2" ] || faults+=("$1: $(no_file "$2")")
        [ -e "$2" ] || faults+=("$1: there is no file $2; to make one of torchvision's weights or others: python -m src.convert_checkpoint --ckpt_file WEIGHTS")
        ;;
    *) [ -f "$2" ] || faults+=("$1: $(no_file "$2")") ;;
    esac
}

# no_file PATH: prints why there is no file: nothing is there, or a folder, and then the checkpoint that may be meant.
no_file() {
    local name
    if [ ! -d "$1" ]; then
        echo "there is no file $1"
        return
    fi
    for name in best_model.ckpt model_0.ckpt; do
        if [ -f "$1/$name" ]; then
            echo "$1 is a folder, not a file; give a checkpoint in it, such as $1/$name"
            return
        fi
    done
    echo "$1 is a folder, not a file"
}

# backbones: prints the backbones that have a config file in configs/.
backbones() {
    local config names=""
    for config in "$root"/configs/faster_rcnn_resnet_*.yaml; do
        config="${config##*/faster_rcnn_}"
        names="$names, ${config%.yaml}"
    done
    echo "${names#, }"
}

# ---- options: --key value, --key=value or --flag ----

split_equals() {
    local word
    options=()
    for word in "$@"; do
        if [[ $word == --*=* ]]; then
            options+=("${word%%=*}" "${word#*=}")
        else
            options+=("$word")
        fi
    done
}

# split_options KEY ...: splits `options`: those of these keys, with their values, into `picked`, all others into `others`.
split_options() {
    local word key chosen=false
    picked=() others=()
    for word in "${options[@]}"; do
        if [[ $word == --* ]]; then
            chosen=false
            for key in "$@"; do [ "$word" != "--$key" ] || chosen=true; done
        fi
        if $chosen; then picked+=("$word"); else others+=("$word"); fi
    done
}

# without_extension FILE NAME: assigns to NAME the path without the extension of its file name; full stops of folders stay.
without_extension() {
    local base="${1##*/}"
    printf -v "$2" '%s' "${1%"$base"}${base%.*}"
}

# pop_option KEY NAME DEFAULT: assigns the value of --KEY (the last one given) to NAME and removes it from the options.
pop_option() {
    split_options "$1"
    local value="$3"
    if [ ${#picked[@]} -gt 0 ]; then
        value="${picked[-1]}"
        [[ $value != --* ]] || fail "--$1 needs a value"
    fi
    printf -v "$2" '%s' "$value"
    options=("${others[@]}")
}

# pop_folder KEY NAME DEFAULT: the same for an output folder, which becomes absolute.
pop_folder() {
    pop_option "$@"
    [ -n "${!2}" ] || fail "--$1 needs a value"
    absolute "$2"
}

# is_enabled KEY: whether --KEY is among the options, without a value or with one that means true, in the words that settings take, too.
is_enabled() {
    split_options "$1"
    [ ${#picked[@]} -gt 0 ] || return 1
    case "${picked[-1],,}" in
    "--$1" | true | t | yes | y | on | 1) ;;
    false | f | no | n | off | 0) return 1 ;;
    *) fail "--$1 must be true or false, not '${picked[-1]}'; folders are arguments of the script, or have options of their own" ;;
    esac
}
