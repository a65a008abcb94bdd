#!/usr/bin/env bash
# Ranks the unlabelled images of PICKED_ANN and writes NEW_ANN, in which the best are labelled as in ORI_ANN.
set -euo pipefail
# shellcheck source=scripts/_launch.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/_launch.sh"
own_options=(selection)
launch "CKPT ORI_ANN PICKED_ANN NEW_ANN TARGET DEVICE_ID DATA_ROOT [--key value ...]" "$@"
take_selection_options
$resuming || is_enabled overwrite || [ ! -e "$NEW_ANN" ] || fail "$NEW_ANN already exists: choose another name or pass --overwrite"
[ ! -d "$NEW_ANN" ] || fail "NEW_ANN: $NEW_ANN is a folder, expected the name of a file"
for ann in "$CKPT" "$ORI_ANN" "$PICKED_ANN"; do
    $resuming || [ ! "$NEW_ANN" -ef "$ann" ] || fail "NEW_ANN: $NEW_ANN is an input, which would be replaced; choose another name"
done
is_ranked "$NEW_ANN" || check_selection "$ORI_ANN" "$PICKED_ANN"
choose "$CKPT" "$ORI_ANN" "$PICKED_ANN" "$NEW_ANN"
