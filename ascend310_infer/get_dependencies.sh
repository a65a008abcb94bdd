#!/usr/bin/env bash
# Gets what the C++ detector is built with, as far as it is not there: compiler, CMake, OpenCV, nlohmann-json and OpenSSL by apt-get
# (as root or by sudo), OpenVINO into the project's Python environment, MindSpore Lite into mindspore_lite beside this script.
#   bash ascend310_infer/get_dependencies.sh [REQUIREMENTS_FILE]     of the environment; default: requirements-deploy.txt
set -euo pipefail
# shellcheck source=scripts/_env.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../scripts/_env.sh"
requirements="${1:-requirements-deploy.txt}"
[ -d "${MINDSPORE_LITE_HOME:-/}" ] || fail "there is no folder MINDSPORE_LITE_HOME=$MINDSPORE_LITE_HOME"

packages=()
examine_environment "$requirements"
find_cpp_packages
get_packages
packages=()
find_cpp_packages
[ ${#packages[@]} -eq 0 ] ||
    fail "${packages[*]}: installed, but not found by $(command -v g++); put this system's own g++ first on the PATH"
environment "$requirements"

# The newest MindSpore Lite on PyPI. A MINDIR must not be newer than the runtime: 2.0.0 builds and links the engine and refuses
# models of MindSpore 2.8; for those set MINDSPORE_LITE_HOME to a release of MindSpore's download page.
lite_version=2.0.0
lite_python=3.7 # the wheel is built for it; its C++ libraries are of no Python

lite="$root/ascend310_infer/mindspore_lite"
if [ -z "${MINDSPORE_LITE_HOME:-}" ] && [ ! -d "$lite" ]; then
    echo "Getting MindSpore Lite $lite_version (170 MB, once)"
    work="$(mktemp --directory "$lite.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version "$lite_python" \
        --dest "$work" "mindspore-lite==$lite_version"
    "$PYTHON" -m zipfile --extract "$work"/mindspore_lite-*.whl "$work/unpacked"
    rm "$work"/unpacked/mindspore_lite/*.py # so that nobody takes them for the project's
    mv --no-target-directory "$work/unpacked/mindspore_lite" "$lite"
fi
