#!/usr/bin/env bash
# All checks before a commit: style, shell scripts, tests. Arguments go to pytest. Missing requirements are installed.
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
# MindSpore compiles networks in a fraction of the time with the allocator that it brings along than with that of the C library.
jemalloc=("${PYTHON%/bin/*}"/lib/python3.*/site-packages/mindspore/lib/libjemalloc.so.2)
if [ -f "${jemalloc[0]}" ] && [[ ${jemalloc[0]} != *[[:space:]:]* ]]; then # LD_PRELOAD is a list
    export LD_PRELOAD="${jemalloc[0]}${LD_PRELOAD:+:$LD_PRELOAD}"
fi
# Compiling a network keeps one core busy, so test files run in parallel processes; each takes up to 3 GB of memory.
processes=$(nproc)
"$PYTHON" -m pytest --quiet --durations=15 --numprocesses="$((processes < 4 ? processes : 4))" --dist=loadfile --no-loadscope-reorder "$@"
