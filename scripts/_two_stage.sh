# shellcheck shell=bash
# Sourced by the scripts that run the whole job: train, select images to label, train again, and evaluate both stages.

# shellcheck source=scripts/_launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"

# two_stages: reads TRAIN_ANN, ORI_ANN and OUTPUT_DIR, and the variables of `train`. With --resume a stopped job continues.
two_stages() {
    local first="$OUTPUT_DIR/first_stage" second="$OUTPUT_DIR/second_stage"
    local new_ann="$first/new_ann_file.json"
    take_selection_options
    find_evaluation_data
    is_ranked "$new_ann" || check_selection "$ORI_ANN" "$TRAIN_ANN"
    recipe_of_first_stage "$first"

    if is_ranked "$new_ann"; then # the first stage is complete; its images may have been moved since, for labelling
        say "first stage and ranking: reused"
        choose_between "$first" "$second"
        evaluate_stage "$first"
    else
        say "first stage: training with the labels of $TRAIN_ANN"
        train_stage "$TRAIN_ANN" "$first"
        evaluate_stage "$first"
        say "selection: images to label, up to $PICK_RATIO % of all images"
        choose_between "$first" "$second"
    fi

    recipe_of_second_stage "$new_ann"
    say "second stage: training with the labels of $new_ann"
    train_stage "$new_ann" "$second"
    evaluate_stage "$second"

    say "results in $OUTPUT_DIR"
    if [ -n "$EVAL_ANN" ]; then
        "$PYTHON" "$root/scripts/_stage_table.py" "$first/eval/metrics.json" "$second/eval/metrics.json"
    else
        echo "No evaluation: pass --eval_img_dir and --eval_ann_file, or set these keys in the file of --config_path."
    fi
}

# recipe_of_first_stage FIRST: without --config_path, or with "auto", the settings are derived from the data; each stage gets half
# of --hours. A job that an earlier version started without a recipe is resumed without one.
recipe_of_first_stage() {
    local hours
    automatic=false
    if ! is_automatic || { $resuming && [ -f "$1/config.yaml" ] && [ ! -f "$OUTPUT_DIR/recipe.yaml" ]; }; then return 0; fi
    automatic=true
    split_options config_path
    options=("${others[@]}")
    pop_option hours hours ""
    write_recipe "$TRAIN_ANN" "$OUTPUT_DIR/recipe.yaml" --runs 2 ${hours:+--hours "$hours"}
    options=(--config_path "$OUTPUT_DIR/recipe.yaml" "${options[@]}")
}

# recipe_of_second_stage NEW_ANN: network and input size stay the same, lengths are derived from the new number of labels.
recipe_of_second_stage() {
    $automatic || return 0
    split_options config_path
    options=("${others[@]}")
    write_recipe "$1" "$OUTPUT_DIR/recipe_second_stage.yaml" --keep "$OUTPUT_DIR/recipe.yaml"
    options=(--config_path "$OUTPUT_DIR/recipe_second_stage.yaml" "${options[@]}")
}

# choose_between FIRST SECOND: selects images by the detector of FIRST; their labels train SECOND.
choose_between() {
    choose "$(best_checkpoint "$1")" "$ORI_ANN" "$TRAIN_ANN" "$1/new_ann_file.json" "$1" "$2"
}

# find_evaluation_data: sets EVAL_ROOT and EVAL_ANN to the settings eval_img_dir and eval_ann_file (both or none).
find_evaluation_data() {
    setting eval_img_dir EVAL_ROOT
    setting eval_ann_file EVAL_ANN
    [ -z "$EVAL_ROOT" ] || [ -d "$EVAL_ROOT" ] || fail "eval_img_dir: there is no folder $EVAL_ROOT"
    [ -z "$EVAL_ANN" ] || [ -e "$EVAL_ANN" ] || fail "eval_ann_file: there is no file $EVAL_ANN"
}

# train_stage ANN FOLDER: trains one stage; a resumed job continues where the stage stopped.
train_stage() {
    local options=("${options[@]}")
    if $resuming && [ -f "$2/config.yaml" ]; then options+=(--resume true); fi
    train "$@"
}

# evaluate_stage FOLDER: evaluates the best detector of the stage if there are evaluation data.
evaluate_stage() {
    [ -n "$EVAL_ANN" ] || return 0
    local options=("${options[@]}")
    if $resuming; then options+=(--overwrite true); fi
    say "evaluation of $1"
    evaluate "$(best_checkpoint "$1")" "$EVAL_ROOT" "$EVAL_ANN" "$1/eval"
}
