# shellcheck shell=bash
# Sourced by the scripts in faster_rcnn/, mask_rcnn/ and ssd/, over _launch.sh: a detector trained and scored with the labels
# alone. They bind the arguments of the model zoo's scripts by the same names, and here these become options of the programs.

# shellcheck source=scripts/_launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

# ---- where things lie in a folder ----

# lay_out DATASET FOLDER: binds the keys train_img_dir, train_ann_file, eval_img_dir and eval_ann_file for data of the kind coco,
# voc or other, as the model zoo lays them out; Pascal VOC also as its challenge does.
lay_out() {
    case "$1" in
    coco)
        train_img_dir="$2/train2017" train_ann_file="$2/annotations/instances_train2017.json"
        eval_img_dir="$2/val2017" eval_ann_file="$2/annotations/instances_val2017.json"
        ;;
    voc)
        train_img_dir="$2" train_ann_file="$2/ImageSets/Main/train.txt"
        eval_img_dir="$2" eval_ann_file="$2/ImageSets/Main/val.txt"
        if [ ! -d "$2/ImageSets" ]; then
            train_img_dir="$(either "$2/train/Images" "$2/train")" train_ann_file="$(either "$2/train/Annotations" "$2/train")"
            eval_img_dir="$(either "$2/eval/Images" "$2/eval")" eval_ann_file="$(either "$2/eval/Annotations" "$2/eval")"
        fi
        ;;
    other)
        train_img_dir="$2" train_ann_file="$2/train.txt"
        eval_img_dir="$2" eval_ann_file="$2/val.txt"
        ;;
    esac
}

# either PATH OTHER: says the first one if it is there.
either() {
    if [ -e "$1" ]; then printf '%s\n' "$1"; else printf '%s\n' "$2"; fi
}

# must_be_there KEY: what the layout says of KEY, unless --KEY says something else.
must_be_there() {
    divide_options "$1"
    [ ${#picked[@]} -gt 0 ] || [ -e "${!1}" ] || fail "there is no ${!1}; for data laid out otherwise, add --$1"
}

# ---- the two verbs ----

# train_by LEAF FOLDER CACHE: one run by the configuration LEAF (or --config_path) into FOLDER (or --save_checkpoint_path), with
# a MindRecord cache in CACHE unless that is empty, and with scores where there are evaluation data.
train_by() {
    local folder first=()
    must_be_there train_img_dir
    must_be_there train_ann_file
    divide_options config_path
    [ ${#picked[@]} -gt 0 ] || first=(--config_path "$root/configs/$1.yaml")
    if [ -e "$eval_img_dir" ] && [ -e "$eval_ann_file" ]; then
        first+=(--eval_img_dir "$eval_img_dir" --eval_ann_file "$eval_ann_file")
    fi
    [ -z "$3" ] || first+=(--mindrecord_dir "$3")
    take_folder save_checkpoint_path folder "$2"
    take_option device_id DEVICE_ID "${DEVICE_ID:-0}"
    options=("${first[@]}" "${options[@]}")
    DATA_ROOT="$train_img_dir"
    train "$train_ann_file" "$folder"
}

# score evaluate|evaluate_model FILE CACHE: scores a checkpoint or an exported model on the evaluation data.
score() {
    local folder stem
    must_be_there eval_img_dir
    must_be_there eval_ann_file
    [ -z "$3" ] || options=(--mindrecord_dir "$3" "${options[@]}")
    take_option eval_img_dir eval_img_dir "$eval_img_dir"
    take_option eval_ann_file eval_ann_file "$eval_ann_file"
    without_ending "$2" stem
    take_folder eval_output_dir folder "${stem}_eval"
    take_option device_id DEVICE_ID "${DEVICE_ID:-0}"
    "$1" "$2" "$eval_img_dir" "$eval_ann_file" "$folder"
}

# ---- Faster R-CNN: by the leaf of BACKBONE ----

train_faster_rcnn() {
    PRE_TRAINED="$PRETRAINED_MODEL" RANK_TABLE="${RANK_TABLE_FILE:-}"
    lay_out coco "$COCO_ROOT"
    options=(--backbone "$BACKBONE" "${options[@]}")
    train_by "faster_rcnn_$BACKBONE" "$PWD/$1" "$MINDRECORD_DIR"
}

score_faster_rcnn() {
    lay_out coco "$COCO_ROOT"
    eval_ann_file="$VALIDATION_JSON_FILE"
    PYTHONPATH="$root" "$PYTHON" "$root/scripts/_backbone.py" "$CHECKPOINT_PATH" "$BACKBONE"
    score evaluate "$CHECKPOINT_PATH" "$MINDRECORD_DIR"
}

# ---- Mask R-CNN: by the leaf of ResNet-50, or of --backbone ----

train_mask_rcnn() {
    local chosen
    PRE_TRAINED="$PRETRAINED_CKPT" RANK_TABLE="${RANK_TABLE_FILE:-}"
    lay_out coco "$DATA_PATH"
    take_option backbone chosen resnet_v1.5_50
    options=("${picked[@]}" "${options[@]}")
    train_by "mask_rcnn_$chosen" "$PWD/$1" ""
}

score_mask_rcnn() {
    lay_out coco "$DATA_PATH"
    eval_ann_file="$VALIDATION_JSON_FILE"
    score evaluate "$CHECKPOINT_PATH" ""
}

# ---- SSD ----

train_ssd() {
    PRE_TRAINED="$PRE_TRAINED_PATH" RANK_TABLE="${RANK_TABLE_FILE:-}"
    lay_out "$DATASET" "$DATASET_PATH"
    train_by ssd_resnet34 "$TRAIN_OUTPUT_PATH" "$MINDRECORD_PATH"
}

score_ssd() {
    lay_out "$DATASET" "$DATASET_PATH"
    score evaluate "$CHECKPOINT_PATH" "$MINDRECORD_PATH"
}
