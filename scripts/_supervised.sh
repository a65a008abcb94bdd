# shellcheck shell=bash
# Sourced by the scripts in faster_rcnn/, mask_rcnn/ and ssd/: supervised training and evaluation, by the functions of _launch.sh.
# Those scripts take the arguments of the model zoo's scripts, by the same names; here these become options of the programs.

# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"

# ---- dataset layouts ----

# set_data_paths DATASET FOLDER: sets train_img_dir, train_ann_file, eval_img_dir and eval_ann_file for a dataset of the kind coco,
# voc or other in the layout of the model zoo; for voc also in the layout of the VOC challenge.
set_data_paths() {
    case "$1" in
    coco)
        train_img_dir="$2/train2017" train_ann_file="$2/annotations/instances_train2017.json"
        eval_img_dir="$2/val2017" eval_ann_file="$2/annotations/instances_val2017.json"
        ;;
    voc)
        train_img_dir="$2" train_ann_file="$2/ImageSets/Main/train.txt"
        eval_img_dir="$2" eval_ann_file="$2/ImageSets/Main/val.txt"
        if [ ! -d "$2/ImageSets" ]; then
            train_img_dir="$(first_existing "$2/train/Images" "$2/train")" train_ann_file="$(first_existing "$2/train/Annotations" "$2/train")"
            eval_img_dir="$(first_existing "$2/eval/Images" "$2/eval")" eval_ann_file="$(first_existing "$2/eval/Annotations" "$2/eval")"
        fi
        ;;
    other)
        train_img_dir="$2" train_ann_file="$2/train.txt"
        eval_img_dir="$2" eval_ann_file="$2/val.txt"
        ;;
    esac
}

# first_existing PATH OTHER: prints PATH if it exists, otherwise OTHER.
first_existing() {
    if [ -e "$1" ]; then printf '%s\n' "$1"; else printf '%s\n' "$2"; fi
}

# require_path KEY: exits if the path of the layout for KEY does not exist, unless --KEY is given.
require_path() {
    split_options "$1"
    [ ${#picked[@]} -gt 0 ] || [ -e "${!1}" ] || fail "there is no ${!1}; for another dataset layout, pass --$1"
}

# ---- training and evaluation ----

# train_with CONFIG FOLDER CACHE: one run with configs/CONFIG.yaml (or --config_path) into FOLDER (or --save_checkpoint_path), with
# a MindRecord cache in CACHE unless that is empty, and with evaluation if there are evaluation data.
train_with() {
    local folder first=()
    require_path train_img_dir
    require_path train_ann_file
    split_options config_path
    [ ${#picked[@]} -gt 0 ] || first=(--config_path "$root/configs/$1.yaml")
    if [ -e "$eval_img_dir" ] && [ -e "$eval_ann_file" ]; then
        first+=(--eval_img_dir "$eval_img_dir" --eval_ann_file "$eval_ann_file")
    fi
    [ -z "$3" ] || first+=(--mindrecord_dir "$3")
    pop_folder save_checkpoint_path folder "$2"
    pop_option device_id DEVICE_ID "${DEVICE_ID:-0}"
    options=("${first[@]}" "${options[@]}")
    DATA_ROOT="$train_img_dir"
    train "$train_ann_file" "$folder"
}

# score evaluate|evaluate_model FILE CACHE: evaluates a checkpoint or an exported model on the evaluation data.
score() {
    local folder stem
    require_path eval_img_dir
    require_path eval_ann_file
    [ -z "$3" ] || options=(--mindrecord_dir "$3" "${options[@]}")
    pop_option eval_img_dir eval_img_dir "$eval_img_dir"
    pop_option eval_ann_file eval_ann_file "$eval_ann_file"
    without_extension "$2" stem
    pop_folder eval_output_dir folder "${stem}_eval"
    pop_option device_id DEVICE_ID "${DEVICE_ID:-0}"
    "$1" "$2" "$eval_img_dir" "$eval_ann_file" "$folder"
}

# ---- Faster R-CNN: with the config of BACKBONE ----

train_faster_rcnn() {
    PRE_TRAINED="$PRETRAINED_MODEL" RANK_TABLE="${RANK_TABLE_FILE:-}"
    set_data_paths coco "$COCO_ROOT"
    options=(--backbone "$BACKBONE" "${options[@]}")
    train_with "faster_rcnn_$BACKBONE" "$PWD/$1" "$MINDRECORD_DIR"
}

score_faster_rcnn() {
    set_data_paths coco "$COCO_ROOT"
    eval_ann_file="$VALIDATION_JSON_FILE"
    PYTHONPATH="$root" "$PYTHON" "$root/scripts/_backbone.py" "$CHECKPOINT_PATH" "$BACKBONE"
    score evaluate "$CHECKPOINT_PATH" "$MINDRECORD_DIR"
}

# ---- Mask R-CNN: with the config of --backbone, by default ResNet-50 ----

train_mask_rcnn() {
    local chosen
    PRE_TRAINED="$PRETRAINED_CKPT" RANK_TABLE="${RANK_TABLE_FILE:-}"
    set_data_paths coco "$DATA_PATH"
    pop_option backbone chosen resnet_v1.5_50
    options=("${picked[@]}" "${options[@]}")
    train_with "mask_rcnn_$chosen" "$PWD/$1" ""
}

score_mask_rcnn() {
    set_data_paths coco "$DATA_PATH"
    eval_ann_file="$VALIDATION_JSON_FILE"
    score evaluate "$CHECKPOINT_PATH" ""
}

# ---- SSD ----

train_ssd() {
    PRE_TRAINED="$PRE_TRAINED_PATH" RANK_TABLE="${RANK_TABLE_FILE:-}"
    set_data_paths "$DATASET" "$DATASET_PATH"
    train_with ssd_resnet34 "$TRAIN_OUTPUT_PATH" "$MINDRECORD_PATH"
}

score_ssd() {
    set_data_paths "$DATASET" "$DATASET_PATH"
    score evaluate "$CHECKPOINT_PATH" "$MINDRECORD_PATH"
}
