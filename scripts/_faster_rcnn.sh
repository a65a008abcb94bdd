# shellcheck shell=bash
# Sourced by the scripts in faster_rcnn/, over _launch.sh: Faster R-CNN with the labels alone, on a folder laid out as COCO's:
# train2017/, val2017/ and annotations/instances_{train,val}2017.json below COCO_ROOT. They bind BACKBONE, COCO_ROOT and the rest
# by the names that the model zoo's FasterRCNN gives them.

# shellcheck source=scripts/_launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

# coco_file NAME: binds `file` to COCO_ROOT/NAME, which must be there.
coco_file() {
    file="$COCO_ROOT/$1"
    [ -e "$file" ] || fail "COCO_ROOT: there is no $file; for data laid out otherwise, use train.py (README.md)"
}

# train_on_coco FOLDER: one run into FOLDER (or --save_checkpoint_path) by the leaf of BACKBONE (or --config_path), with scores
# on val2017 where it is there.
train_on_coco() {
    local file folder first=() PRE_TRAINED="$PRETRAINED_MODEL" RANK_TABLE="${RANK_TABLE_FILE:-}" DATA_ROOT="$COCO_ROOT/train2017"
    coco_file train2017
    coco_file annotations/instances_train2017.json
    divide_options config_path
    [ ${#picked[@]} -gt 0 ] || first=(--config_path "$root/configs/faster_rcnn_$BACKBONE.yaml")
    if [ -d "$COCO_ROOT/val2017" ] && [ -f "$COCO_ROOT/annotations/instances_val2017.json" ]; then
        first+=(--eval_img_dir "$COCO_ROOT/val2017" --eval_ann_file "$COCO_ROOT/annotations/instances_val2017.json")
    fi
    [ -z "$MINDRECORD_DIR" ] || first+=(--mindrecord_dir "$MINDRECORD_DIR")
    take_option save_checkpoint_path folder "$PWD/$1"
    options=("${first[@]}" --backbone "$BACKBONE" "${options[@]}")
    train "$file" "$folder"
}

# evaluate_on_coco: scores CHECKPOINT_PATH, which must be of BACKBONE, with VALIDATION_JSON_FILE on COCO_ROOT/val2017 (or
# --eval_img_dir).
evaluate_on_coco() {
    local file folder images
    coco_file val2017
    PYTHONPATH="$root" "$PYTHON" "$root/scripts/_backbone.py" "$CHECKPOINT_PATH" "$BACKBONE"
    [ -z "$MINDRECORD_DIR" ] || options=(--mindrecord_dir "$MINDRECORD_DIR" "${options[@]}")
    take_option eval_img_dir images "$file"
    take_option eval_output_dir folder "${CHECKPOINT_PATH%.ckpt}_eval"
    evaluate "$CHECKPOINT_PATH" "$images" "$VALIDATION_JSON_FILE" "$folder"
}

# evaluate_model_on_coco: the same of the exported ONNX_MODEL, with ANNO_PATH.
evaluate_model_on_coco() {
    local file folder images
    coco_file val2017
    take_option eval_img_dir images "$file"
    [ -z "$MINDRECORD_DIR" ] || options=(--mindrecord_dir "$MINDRECORD_DIR" "${options[@]}")
    take_option eval_output_dir folder "${ONNX_MODEL%.*}_eval"
    evaluate_model "$ONNX_MODEL" "$images" "$ANNO_PATH" "$folder"
}
