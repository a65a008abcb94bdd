#!/usr/bin/env bash
# Builds the detector in C++: bash ascend310_infer/build.sh [FOLDER] [CMAKE_OPTION ...]; the program is FOLDER/main (FOLDER: out
# beside this script). It needs cmake, g++, OpenCV, nlohmann-json, OpenSSL, and one engine at least:
#   OPENVINO_DIR=FOLDER         of OpenVINOConfig.cmake, for .onnx (default: of the openvino package in the Python environment)
#   MINDSPORE_LITE_HOME=FOLDER  an unpacked MindSpore Lite, for .mindir (default: mindspore_lite in the Python environment)
# `bash ascend310_infer/get_dependencies.sh` gets all of them.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${1:-$here/out}"
[ $# -eq 0 ] || shift
venv="${VENV:-$here/../.venv}"

fail() {
    printf 'error: %s\nAll that is needed comes by: bash %s\n' "$*" "$here/get_dependencies.sh" >&2
    exit 2
}

# includes HEADER: the compiler finds it, where Debian and OpenCV's own installation put it or where CPATH says.
includes() {
    echo "#include <$1>" | g++ -I/usr/include/opencv4 -I/usr/local/include/opencv4 -x c++ -E - >/dev/null 2>&1
}

missing=()
for program in cmake g++ make; do
    command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -eq 0 ]; then
    includes opencv2/imgcodecs.hpp || missing+=("OpenCV (libopencv-imgcodecs-dev)")
    includes openssl/evp.h || missing+=("OpenSSL (libssl-dev)")
    includes nlohmann/json.hpp || missing+=("nlohmann-json (nlohmann-json3-dev)")
fi
[ ${#missing[@]} -eq 0 ] || fail "missing: $(printf '%s; ' "${missing[@]}")"

openvino="${OPENVINO_DIR:-$(echo "$venv"/lib/python3.*/site-packages/openvino/cmake)}"
lite="${MINDSPORE_LITE_HOME:-$venv/mindspore_lite}"
engines=()
[ ! -f "$openvino/OpenVINOConfig.cmake" ] || engines+=("-DOpenVINO_DIR=$openvino")
[ ! -d "$lite" ] || engines+=("-DMINDSPORE_LITE_HOME=$lite")
[ ${#engines[@]} -gt 0 ] || fail "no engine: neither OpenVINO (for .onnx) in $openvino nor MindSpore Lite (for .mindir) in $lite"

mkdir -p "$folder"
log="$folder/build.log"
if ! { cmake -S "$here" -B "$folder" "${engines[@]}" "$@" && cmake --build "$folder" --parallel "$(nproc)"; } >"$log" 2>&1; then
    tail --lines=30 "$log" >&2
    fail "the program was not built; the whole log is in $log"
fi
grep '^-- engine' "$log" | sed 's/^-- //'
echo "built: $folder/main"
