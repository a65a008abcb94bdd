#!/usr/bin/env bash
# All checks before a commit: style, shell scripts, tests. Arguments go to pytest. Missing requirements are installed.
set -euo pipefail
here="$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")"
bash "$here/../ascend310_infer/get_dependencies.sh" requirements-dev.txt
# shellcheck source=scripts/_env.sh
source "$here/_env.sh"
environment requirements-dev.txt

cd "$root"
ruff check .
ruff format --check .
# It takes most of a minute of one core, which tests that wait for something leave to it.
exec 3< <(exec nice -n 5 shellcheck --external-sources scripts/*.sh scripts/*/*.sh ascend310_infer/*.sh .ci/run 2>&1)
shellcheck=$!
trap 'kill "$shellcheck" 2>/dev/null; exit 130' INT TERM
LD_PRELOAD="$("$PYTHON" -c 'from src.allocator import jemalloc; print(jemalloc() or "")')" # the tests compile networks, as the programs do
export LD_PRELOAD
# Test files run in up to four parallel processes: two per core, for some wait long for programs, if each can have its 3 GB of memory.
processes=4
for limit in $(($(nproc) * 2)) $(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 3000000)); do
    [ "$processes" -le "$limit" ] || processes="$limit"
done
status=0
"$PYTHON" -m pytest --quiet --durations=15 --numprocesses="$((processes > 1 ? processes : 1))" --dist=loadfile --no-loadscope-reorder "$@" 3<&- || status=$?
cat <&3
wait "$shellcheck" || status=$?
exit "$status"
