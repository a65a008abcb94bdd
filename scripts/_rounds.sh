# shellcheck shell=bash
# Sourced by the scripts that run the whole job: train, select images to label, train again. The job of two stages is that of two
# rounds. State lies in the folders: what is complete there is reused.
#
# Variables of a round: `title` in words; `folder` of its training; `ann`, the labels it trains on; `next`, the folder of the
# round after it, and `new_ann`, the labels of that one, which are complete when the file is there; `why_unlabelled`, what import_labels.py
# said of labels that label none of its images.

# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
own_options=(selection)
# What continues a job that is part of a larger one: the script that sources it sets this array.
[[ "$(declare -p whole_job 2>&1)" == "declare -a "* ]] || whole_job=()

tools="label_studio cvat labelme yolo voc coco" # formats of export_tasks.py
in_place=" labelme yolo voc "                      # of these, tools that write their labels into the folder of their tasks

# two_stages: reads TRAIN_ANN, ORI_ANN and OUTPUT_DIR, and the variables of `train`. With --resume a stopped job continues.
two_stages() {
    names=(first_stage second_stage)
    tool="" rounds=2
    take_selection_options
    continued_by=(bash "${BASH_SOURCE[1]}" "${launched[@]}") # the script that calls; another one may have sourced it
    $resuming || continued_by+=(--resume)
    [ ${#whole_job[@]} -eq 0 ] || continued_by=("${whole_job[@]}")
    if [ ${#ratios[@]} -gt 0 ]; then ratios=("${ratios[-1]}"); fi
    find_evaluation_data
    work
    if [ -n "$EVAL_ANN" ]; then
        table_of 2
    else
        echo "No evaluation: pass --eval_img_dir and --eval_ann_file, or set these keys in the file of --config_path."
    fi
}

# labelling_rounds: reads TRAIN_ANN and OUTPUT_DIR, and the variables of `train`. The labels of picked images come from the
# export of a labelling tool, or with --ori_ann from a file with all labels. A stopped job always continues.
labelling_rounds() {
    names=()
    continued_by=(bash "${BASH_SOURCE[1]}" "${launched[@]}") # the script that calls; another one may have sourced it
    take_selection_options
    resuming=true
    take_round_options
    check_place
    find_evaluation_data
    check_first_labels
    work
    [ -z "$EVAL_ANN" ] || table_of "$number"
    if [ -z "$ORI_ANN" ] && [ ${#ratios[@]} -gt 0 ]; then
        echo "To label more, give the same command with a further number after --pick_ratio."
    fi
}

# take_round_options: moves the options of labelling from `options` to variables of their own.
take_round_options() {
    local key how precision
    pop_option ori_ann ORI_ANN ""
    [ -z "$ORI_ANN" ] || [ -f "$ORI_ANN" ] || fail "ori_ann: there is no file $ORI_ANN"
    [ -z "$ORI_ANN" ] || absolute ORI_ANN
    pop_option rounds rounds ""
    [[ $rounds =~ ^([1-9][0-9]*)?$ ]] || fail "rounds must be a positive integer, not '$rounds'"
    [ -n "$rounds" ] || [ -z "$ORI_ANN" ] || [ ${#ratios[@]} -gt 0 ] || fail "--ori_ann with a budget needs a number of rounds, such as --rounds 4"
    pop_option format tool label_studio
    [[ $tool != *" "* && " $tools " == *" $tool "* ]] || fail "format must be one of $tools, not '$tool'"
    pop_option image_files how copy
    [[ $how =~ ^(copy|link|none)$ ]] || fail "image_files must be copy, link or none, not '$how'"
    pop_option precision precision ""
    [[ $precision =~ ^(|1|1\.0*|0?\.[0-9]*[1-9][0-9]*)$ ]] || fail "precision must lie between 0 and 1, such as 0.8, not '$precision'"
    task_options=(--image_files "$how" ${precision:+--precision "$precision"})
    split_options annotator
    [ ${#picked[@]} -eq 0 ] || [[ ${picked[-1]} != --* ]] || fail "--annotator needs a value"
    split_options annotator all_reviewed
    import_options=("${picked[@]}")
    options=("${others[@]}")
    split_options labels
    options=("${others[@]}")
    labels=()
    for key in "${picked[@]}"; do [[ $key == --* ]] || labels+=("$key"); done
    [ ${#picked[@]} -eq 0 ] || [ ${#labels[@]} -gt 0 ] || fail "--labels needs a value"
    for key in "${labels[@]}"; do [ -e "$key" ] || fail "labels: there is no file or folder $key"; done
    if [ ${#ratios[@]} -eq 0 ] && [ ${#budget[@]} -eq 0 ]; then
        setting max_iter key # an unknown option, which it names, may be a misspelt one of these
        fail "how much is to be labelled in a round? Pass --budget_hours 2, --budget_images, --budget_boxes or --pick_ratio"
    fi
    if [ -n "$ORI_ANN" ]; then tool=""; else pick_options+=(--list_only); fi
}

# check_place: exits if the tasks of the rounds, which hold copies of images, would lie among the unlabelled images of the next ones.
check_place() {
    local folder
    setting unlabelled_img_dir folder
    [ -n "$folder" ] && [ -n "$tool" ] || return 0
    folder="$(realpath -m -- "$folder" && echo .)"
    [[ "$(realpath -m -- "$OUTPUT_DIR")/" != "${folder%$'\n.'}/"* ]] ||
        fail "OUTPUT_DIR: $OUTPUT_DIR lies in unlabelled_img_dir, where copies of images for labelling would count as new images; choose another folder"
}

# check_first_labels: exits if TRAIN_ANN has other labels than the rounds began with, of which FIRST_LABELS is a copy. Where it only has
# another form, the copy takes its place.
check_first_labels() {
    FIRST_LABELS="$OUTPUT_DIR/first_train_ann.json"
    [ -f "$OUTPUT_DIR/round_1/config.yaml" ] && [ -f "$TRAIN_ANN" ] || return 0
    if [ ! -f "$FIRST_LABELS" ]; then
        echo "note: $FIRST_LABELS, the copy of TRAIN_ANN that the rounds began with, is missing; it is made again from $TRAIN_ANN, which" \
            "cannot be compared with it. If labels were edited since, begin anew in another OUTPUT_DIR"
        copy_first_labels
    fi
    if cmp -s -- "$TRAIN_ANN" "$FIRST_LABELS"; then return 0; fi
    local anyway=() more
    if is_enabled resume_anyway; then anyway=(--resume_anyway); fi
    setting unlabelled_img_dir more
    run_logged "$OUTPUT_DIR" env PYTHONPATH="$root" "$PYTHON" "$root/scripts/_first_labels.py" "$TRAIN_ANN" "$FIRST_LABELS" "$DATA_ROOT" \
        ${more:+--unlabelled_img_dir "$more"} "${anyway[@]}"
    [ ${#anyway[@]} -gt 0 ] || TRAIN_ANN="$FIRST_LABELS"
}

# keep_first_labels: copies TRAIN_ANN to FIRST_LABELS before the first training begins.
keep_first_labels() {
    [ "$number" = 1 ] && [ -n "${FIRST_LABELS:-}" ] && [ -f "$TRAIN_ANN" ] && [ ! -f "$folder/config.yaml" ] || return 0
    copy_first_labels
}

# copy_first_labels: copies TRAIN_ANN to FIRST_LABELS.
copy_first_labels() {
    mkdir -p -- "$OUTPUT_DIR"
    cp -- "$TRAIN_ANN" "$FIRST_LABELS.part"
    mv -- "$FIRST_LABELS.part" "$FIRST_LABELS"
}

# work: round after round, until the last one or until labels are needed.
work() {
    check_folder "$OUTPUT_DIR"
    ann="$TRAIN_ANN"
    for ((number = 1; ; number++)); do
        enter_round
        if is_last; then
            recipe_of_round
            say "$title: training with the labels of $ann"
            train_stage "$ann" "$folder"
            evaluate_stage "$folder"
            write_page
            break
        fi
        is_ranked "$new_ann" || is_imported || check_selection "${ORI_ANN:-$ann}" "$ann"
        recipe_of_round
        if is_imported; then
            say "$title: reused, its labels too"
            tell_changed_labels
        elif is_ranked "$new_ann"; then # its images may have been moved since, for labelling
            say "$title and ranking: reused"
            select_images
            evaluate_stage "$folder"
        else
            say "$title: training with the labels of $ann"
            train_stage "$ann" "$folder"
            evaluate_stage "$folder"
            say "selection: images to label, $(amount_in_words)"
            select_images
        fi
        [ -f "$new_ann" ] || stop_for_labels
        ann="$new_ann"
    done
    say "results in $OUTPUT_DIR"
}

# enter_round: sets the variables of round `number`.
enter_round() {
    folder="$OUTPUT_DIR/${names[number - 1]:-round_$number}"
    next="$OUTPUT_DIR/${names[number]:-round_$((number + 1))}"
    title="${folder##*/}"
    title="${title//_/ }"
    new_ann="$folder/new_ann_file.json"
    why_unlabelled=""
    choose_amount "$number"
}

# is_last: whether round `number` picks no images: --rounds says so, or there is no further number after --pick_ratio.
is_last() {
    [ "$number" = "$rounds" ] || { [ ${#ratios[@]} -gt 0 ] && [ "$number" -gt ${#ratios[@]} ]; }
}

# is_imported: whether labels of a labelling tool are there for this round.
is_imported() {
    [ -n "$tool" ] && [ -f "$new_ann" ]
}

# recipe_of_round: without --config_path, or with "auto", the settings are derived from the data; --hours are those of all rounds,
# or of one where their number is not known. Later rounds keep network and input size, and derive lengths from their number of
# labels. A job that an earlier version started without a recipe is resumed without one.
recipe_of_round() {
    local hours recipe="$OUTPUT_DIR/recipe.yaml"
    if [ "$number" = 1 ]; then
        automatic=false
        if ! is_automatic || { $resuming && [ -f "$folder/config.yaml" ] && [ ! -f "$recipe" ]; }; then return 0; fi
        automatic=true
        split_options config_path
        options=("${others[@]}")
        pop_option hours hours ""
        write_recipe "$ann" "$recipe" --runs "${rounds:-1}" ${hours:+--hours "$hours"}
    else
        $automatic || return 0
        split_options config_path
        options=("${others[@]}")
        recipe="$OUTPUT_DIR/recipe_${folder##*/}.yaml"
        write_recipe "$ann" "$recipe" --keep "$OUTPUT_DIR/recipe.yaml"
    fi
    options=(--config_path "$recipe" "${options[@]}")
}

# select_images: picks images by the detector of this round. Their labels train the next one: NEW_ANN gets them from ORI_ANN, or
# from a labelling tool if they have come back.
select_images() {
    if [ -z "$tool" ]; then
        choose "$(best_checkpoint "$folder")" "$ORI_ANN" "$ann" "$new_ann" "$folder" "$next"
        [ ! -f "$new_ann" ] || write_page
        return
    fi
    local pick_options=("${pick_options[@]}") round written=false
    if [ "$number" -gt 1 ]; then pick_options+=(--labelling_reports); fi
    for ((round = 1; round < number; round++)); do
        pick_options+=("$OUTPUT_DIR/round_$round/new_ann_file_labelling.json")
    done
    choose "$(best_checkpoint "$folder")" "$ann" "$ann" "$new_ann" "$folder" "$next"
    if [ -f "$folder/tasks/manifest.json" ]; then
        run_logged "$folder" env PYTHONPATH="$root" "$PYTHON" "$root/scripts/_round_tasks.py" tasks "$folder/tasks" \
            --list "$(picked_list)" --format "$tool"
    else
        check_no_tasks
        write_tasks
        written=true
    fi
    if ! $written || [ ${#labels[@]} -gt 0 ]; then import_labels; fi # nobody has labelled tasks that were just written
    write_page
}

# picked_list: the list of the images that this round has picked.
picked_list() {
    printf '%s\n' "${new_ann%.json}_picked.txt"
}

# tasks_command TOOL FOLDER: sets the array `command` to what writes the picked images as tasks of a labelling tool.
tasks_command() {
    local more
    setting unlabelled_img_dir more
    command=(export_tasks.py --picked_file "$(picked_list)" --img_dir "$DATA_ROOT" ${more:+--unlabelled_img_dir "$more"}
        --infer_json "$(selection_folder "$new_ann")/infer_results.json" --ann_file "$ann")
    if [ -n "$EVAL_ANN" ] && [ -f "$folder/eval/eval_results.json" ]; then
        command+=(--eval_infer_json "$folder/eval/eval_results.json" --eval_ann_file "$EVAL_ANN" --eval_img_dir "$EVAL_ROOT")
    fi
    command+=(--format "$1" --output_dir "$2")
}

# write_tasks: writes the tasks of this round.
write_tasks() {
    local command
    say "$title: tasks for $tool"
    tasks_command "$tool" "$folder/tasks"
    run_logged "$folder" "$PYTHON" "$root/${command[0]}" "${command[@]:1}" "${task_options[@]}"
    [[ $in_place == *" $tool "* ]] || mkdir -p -- "$folder/labels"
}

# check_no_tasks: exits if the folder for the tasks of this round holds something, without the file that says what was sent.
check_no_tasks() {
    local tasks="$folder/tasks" away="$folder/tasks_before" number=1 given=""
    [ -e "$tasks" ] && { [ ! -d "$tasks" ] || [ -n "$(ls -A -- "$tasks")" ]; } || return 0
    while [ -e "$away" ] || [ -L "$away" ]; do away="$folder/tasks_before_$((++number))"; done
    [[ $in_place != *" $tool "* ]] || given=", with --labels and that other folder if images are labelled in it"
    fail "$tasks holds no manifest.json, which says what was sent to be labelled. Put it back, or have the tasks made again: type this, which moves the folder away, and give the same command$given:
$(print_command mv "$tasks" "$away")"
}

# labels_place: where labels of this round are looked for if --labels does not say it.
labels_place() {
    if [[ $in_place == *" $tool "* ]]; then printf '%s\n' "$folder/tasks"; else printf '%s\n' "$folder/labels"; fi
}

# import_labels: writes NEW_ANN with the labels that have come back; images that were skipped or are not done stay unlabelled.
# Nothing is written while there are no labels of this round.
import_labels() {
    local from=("${labels[@]}") place before
    place="$(labels_place)"
    if [ ${#from[@]} -eq 0 ]; then from=("$place"); fi
    if [ -z "$(find -L "${from[@]}" ! -type d -print -quit)" ]; then # empty folders, however their names are written
        [ ${#labels[@]} -eq 0 ] || echo "no labels yet in ${from[*]}"
        return 0
    fi
    say "$title: labels from ${from[*]}"
    before="$(wc -c <"$folder/console.log")"
    run_logged "$folder" "$PYTHON" "$root/import_labels.py" --labels "${from[@]}" --tasks "$folder/tasks" --ann_file "$ann" \
        --output_ann_file "$new_ann" --if_labelled --overwrite "${import_options[@]}"
    [ -f "$new_ann" ] || why_unlabelled="$(tail -c "+$((before + 1))" -- "$folder/console.log")$(of_other_rounds "${from[@]}")"
    labels=() # used up
    if [ -f "$new_ann" ] && some_not_done; then
        echo "The job continues without them. To give more labels of this round, or --all_reviewed, stop it, type this, and give the command again:"
        print_command rm -r "$new_ann" "$next"
    fi
}

# of_other_rounds PATH ...: prints, each on a new line, which of these labels lie in the folder of another round.
of_other_rounds() {
    local path place
    for path in "$@"; do
        place="$path"
        absolute place
        [[ "$place/" == "$OUTPUT_DIR"/round_*/* && "$place/" != "$folder"/* ]] || continue
        place="${place#"$OUTPUT_DIR"/round_}"
        printf '\n%s holds the labels of round %s, not of %s' "$path" "${place%%/*}" "$title"
    done
}

# some_not_done: whether images of this round's tasks stay unlabelled because they were not done or cannot be used, as far as the labels say it.
some_not_done() {
    "$PYTHON" -c 'import json, sys; n = json.load(open(sys.argv[1]))["images"]; sys.exit(n["not_done"] + n["unclear"] + n["unusable"] == 0)' \
        "${new_ann%.json}_labelling.json"
}

# tell_changed_labels: says which labels have changed or come since they were imported, for they are not read again.
tell_changed_labels() {
    local from=("${labels[@]}")
    [ -f "$folder/tasks/manifest.json" ] || return 0
    if [ ${#from[@]} -eq 0 ]; then # a file that is copied here may keep its old time of writing, but is new here (-cnewer)
        from=("$(labels_place)")
        [ -n "$(find "${from[@]}" -type f -cnewer "$new_ann" -print -quit)" ] || return 0
    fi
    run_logged "$folder" env PYTHONPATH="$root" "$PYTHON" "$root/scripts/_round_tasks.py" labels "$folder/tasks" \
        --new_ann "$new_ann" --labels "${from[@]}" "${import_options[@]}"
}

# stop_for_labels: ends the job, which continues when there are labels; the last line is the command to type next.
stop_for_labels() {
    local command options
    say "$title is complete: now the picked images need labels"
    if [ -z "$tool" ]; then
        options=("${others[@]}")
        tasks_command label_studio "$folder/tasks"
        echo "To send them to a labelling tool (see docs/LABELLING.md for others than Label Studio):"
        print_command "$PYTHON" "$root/${command[0]}" "${command[@]:1}"
    else
        echo "images to label: $(sort -u -- "$(picked_list)" | grep -c .), in $(picked_list)"
        echo "what to click:   $folder/tasks/README.md"
        echo "what is in them: $folder/round.html"
        [ -z "$why_unlabelled" ] || printf 'why they are not labelled yet: %s\n' "$why_unlabelled"
        if [[ $in_place == *" $tool "* ]]; then
            echo "Label them in that folder of tasks, where the tool saves its labels, and give this command:"
        else
            echo "Label them, put what the tool exports into $(labels_place), and give this command:"
        fi
        split_equals "${launched[@]}"
        split_options labels
        print_command bash "$0" "${others[@]}" --labels "$(labels_place)"
    fi
    exit 0
}

# write_page: writes the page of this round, again when there is more to show. The job continues without it.
write_page() {
    local more
    [ ${#names[@]} -eq 0 ] || return 0
    setting unlabelled_img_dir more
    run_logged "$folder" env PYTHONPATH="$root" "$PYTHON" -m src.report.rounds.round_page --run "$OUTPUT_DIR" --round "$number" \
        --ann_file "$TRAIN_ANN" --img_dir "$DATA_ROOT" ${more:+--unlabelled_img_dir "$more"} ||
        echo "note: the page of $title could not be written; everything else is complete" >&2
}

# table_of COUNT: prints the metrics of the first rounds.
table_of() {
    local files=() round
    for ((round = 1; round <= $1; round++)); do
        files+=("$OUTPUT_DIR/${names[round - 1]:-round_$round}/eval/metrics.json")
    done
    PYTHONPATH="$root" "$PYTHON" "$root/scripts/_stage_table.py" "${files[@]}"
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
    keep_first_labels
    if $resuming && [ -f "$2/config.yaml" ]; then options+=(--resume true); fi
    train "$@"
    if [ ! -f "$2/best_model.ckpt" ] && grep -qsE '"[a-z_]+/AP": [0-9]' -- "$2/metrics.jsonl"; then
        echo "note: $2/best_model.ckpt is missing, though this training was evaluated; the latest network, $2/model_0.ckpt, takes its place." \
            "To use the best one, stop the job and put that file back"
    fi
}

# evaluate_stage FOLDER: evaluates the best detector of the stage if there are evaluation data; that of a round once.
evaluate_stage() {
    [ -n "$EVAL_ANN" ] || return 0
    if [ ${#names[@]} -eq 0 ] && [ "$1/eval/metrics.json" -nt "$(best_checkpoint "$1")" ]; then return 0; fi
    local options=("${options[@]}")
    if $resuming; then options+=(--overwrite true); fi
    say "evaluation of $1"
    evaluate "$(best_checkpoint "$1")" "$EVAL_ROOT" "$EVAL_ANN" "$1/eval"
}
