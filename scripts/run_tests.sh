#!/usr/bin/env bash
# Everything that must hold before a commit: style, shell scripts, tests. Arguments go to pytest. What it needs, it gets.
set -euo pipefail
here="$(dirname -- "${BASH_SOURCE[0]}")"
bash "$here/../ascend310_infer/get_dependencies.sh" requirements-dev.txt
# shellcheck source=scripts/_env.sh
source "$here/_env.sh"
environment requirements-dev.txt

cd "$root"
ruff check .
ruff format --check .
shellcheck --external-sources scripts/*.sh scripts/*/*.sh ascend310_infer/*.sh .ci/run
# Compiling a network keeps one core busy, so each core gets files of its own; a process takes up to 3 GB of memory.
processes=$(nproc)
"$PYTHON" -m pytest --quiet --durations=15 --numprocesses="$((processes < 4 ? processes : 4))" --dist=loadfile "$@"
# The C++ program once more, built so that it ends at an access out of bounds, an overflow, and their like.
[ $# -gt 0 ] || SANITIZE=ON "$PYTHON" -m pytest --quiet tests/ascend310_infer
