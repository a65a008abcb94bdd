#!/usr/bin/env bash
# Builds the detector in C++: bash ascend310_infer/build.sh [FOLDER] [CMAKE_OPTION ...]; the program is FOLDER/main (FOLDER: out
# beside this script). It needs cmake, g++, OpenCV, nlohmann-json, OpenSSL, and one engine at least:
#   OPENVINO_DIR=FOLDER         of OpenVINOConfig.cmake, for .onnx (default: of the openvino package in the Python environment)
#   MINDSPORE_LITE_HOME=FOLDER  an unpacked MindSpore Lite, for .mindir (default: mindspore_lite beside this script)
# `bash ascend310_infer/get_dependencies.sh` gets all of them.
set -euo pipefail

here="$(realpath --no-symlinks -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")"
folder="$here/out"
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
    folder="$(realpath --canonicalize-missing --no-symlinks -- "${1:-$folder}")"
    shift
fi
venv="$(realpath --canonicalize-missing --no-symlinks -- "${VENV:-$here/../.venv}")"

fail() {
    printf 'error: %s\nAll that is needed comes by: bash %s\n' "$*" "$here/get_dependencies.sh" >&2
    exit 2
}

# shellcheck source=scripts/_packages.sh
source "$here/../scripts/_packages.sh"
packages=()
find_cpp_packages
[ ${#packages[@]} -eq 0 ] || fail "missing: what Debian calls ${packages[*]}"

in_venv=("$venv"/lib/python3.*/site-packages/openvino/cmake)
openvino="$(realpath --canonicalize-missing --no-symlinks -- "${OPENVINO_DIR:-${in_venv[0]}}")"
lite="$(realpath --canonicalize-missing --no-symlinks -- "${MINDSPORE_LITE_HOME:-$here/mindspore_lite}")"
engines=()
if [ -f "$openvino/OpenVINOConfig.cmake" ]; then
    engines+=("-DOpenVINO_DIR=$openvino")
elif [ -n "${OPENVINO_DIR:-}" ]; then
    fail "OPENVINO_DIR=$OPENVINO_DIR has no OpenVINOConfig.cmake"
fi
if [ -d "$lite" ]; then
    engines+=("-DMINDSPORE_LITE_HOME=$lite")
elif [ -n "${MINDSPORE_LITE_HOME:-}" ]; then
    fail "there is no folder MINDSPORE_LITE_HOME=$MINDSPORE_LITE_HOME"
fi
[ ${#engines[@]} -gt 0 ] || fail "no engine: neither OpenVINO (for .onnx) in $openvino nor MindSpore Lite (for .mindir) in $lite"

mkdir -p -- "$folder"
log="$folder/build.log"
if ! { cmake -S "$here" -B "$folder" "${engines[@]}" "$@" && cmake --build "$folder" --parallel "$(nproc)"; } >"$log" 2>&1; then
    tail --lines=30 "$log" >&2
    fail "the program was not built; the whole log is in $log"
fi
grep '^-- engine' "$log" | sed 's/^-- //'
echo "built: $folder/main"
