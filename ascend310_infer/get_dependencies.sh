#!/usr/bin/env bash
# Gets what the C++ detector is built with, as far as it is not there: compiler, OpenCV, nlohmann-json and OpenSSL by apt-get
# (as root), OpenVINO and MindSpore Lite into the project's Python environment.
set -euo pipefail
# shellcheck source=scripts/_env.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/_env.sh"
environment requirements-deploy.txt
"$PYTHON" -c 'import importlib.util as find; raise SystemExit(find.find_spec("openvino") is None)' ||
    fail "$VENV has no openvino, and nothing is installed into an environment of your own: pip install -r requirements-deploy.txt"

# The newest MindSpore Lite on PyPI. A MINDIR must not be newer than the runtime: 2.0.0 builds and links the engine and refuses
# models of MindSpore 2.8; for those set MINDSPORE_LITE_HOME to a release of MindSpore's download page.
lite_version=2.0.0
lite_python=3.7 # the wheel is built for it; its C++ libraries are of no Python

packages=()
declare -A package_of=(
    [cmake]=cmake [g++]=g++ [make]=make
    [opencv4/opencv2/core.hpp]=libopencv-core-dev [opencv4/opencv2/imgproc.hpp]=libopencv-imgproc-dev
    [opencv4/opencv2/imgcodecs.hpp]=libopencv-imgcodecs-dev [nlohmann/json.hpp]=nlohmann-json3-dev [openssl/evp.h]=libssl-dev
)
for thing in "${!package_of[@]}"; do
    [ -f "/usr/include/$thing" ] || command -v "$thing" >/dev/null || packages+=("${package_of[$thing]}")
done

if [ ${#packages[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || fail "install what Debian calls ${packages[*]}, by the tools of this system"
    [ "$(id -u)" = 0 ] || fail "not installed; as root: apt-get install --no-install-recommends ${packages[*]}"
    echo "Installing ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet=2
    apt-get install --yes --quiet=2 --no-install-recommends "${packages[@]}" >/dev/null
fi

lite="$(dirname "$PYTHON")/../mindspore_lite"
if [ -z "${MINDSPORE_LITE_HOME:-}" ] && [ ! -d "$lite" ]; then
    echo "Getting MindSpore Lite $lite_version (170 MB, once)"
    work="$(mktemp --directory --tmpdir="$(dirname "$PYTHON")/..")"
    trap 'rm -rf "$work"' EXIT
    "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version "$lite_python" \
        --dest "$work" "mindspore-lite==$lite_version"
    "$PYTHON" -m zipfile --extract "$work"/mindspore_lite-*.whl "$work/unpacked"
    mv "$work/unpacked/mindspore_lite" "$lite"
fi
