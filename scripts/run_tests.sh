#!/usr/bin/env bash
# Everything that must hold before a commit: style, shell scripts, tests. Arguments go to pytest.
set -euo pipefail
# shellcheck source=scripts/_env.sh
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
environment requirements-dev.txt

cd "$root"
ruff check .
ruff format --check .
shellcheck --external-sources scripts/*.sh scripts/faster_rcnn/*.sh ascend310_infer/*.sh .ci/run
"$PYTHON" -m pytest --quiet --durations=15 "$@"
