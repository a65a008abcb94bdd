#!/usr/bin/env bash
# Starts a shell in a container of IMAGE (see the Dockerfile); the folders are mounted at the same paths, and the Ascend devices
# of this machine and their driver are passed through. COMMAND is run instead of the shell.
set -euo pipefail

if [ $# -lt 3 ]; then
    sed -n '2,3s/^# //p' "$0"
    echo "usage: bash $0 IMAGE DATA_DIR MODEL_DIR [COMMAND ...]"
    exit 2
fi
image="$1"
data="$(realpath --canonicalize-missing -- "$2")"
model="$(realpath --canonicalize-missing -- "$3")"
shift 3
for folder in "$data" "$model"; do
    [ -d "$folder" ] || { echo "error: there is no folder $folder" >&2; exit 2; }
done

# mounted FOLDER: the words that give it to the container under its own path, with whatever commas and colons it has (a row of CSV).
mounted() {
    local quoted="${1//\"/\"\"}"
    printf 'type=bind,"source=%s","target=%s"' "$quoted" "$quoted"
}

options=(--rm --ipc=host --mount "$(mounted "$data")" --mount "$(mounted "$model")")
[ ! -t 0 ] || options+=(--interactive --tty)
for device in /dev/davinci[0-9]* /dev/davinci_manager /dev/devmm_svm /dev/hisi_hdc; do
    [ ! -e "$device" ] || options+=(--device "$device")
done
driver=/usr/local/Ascend/driver
[ ! -d "$driver" ] || options+=(--volume "$driver:$driver:ro")
exec docker run "${options[@]}" "$image" "$@"
