# shellcheck shell=bash
# Sourced. The Python environment of the project: `.venv`, made once and renewed when the requirement files change.
#   PYTHON=/path/to/python3.11   the interpreter that makes .venv (default: python3.11, python3 or python on the PATH)
#   VENV=/path/to/environment    an environment of your own (venv or conda), used as it is: nothing is installed
# Afterwards PYTHON is the environment's interpreter and its programs come first on the PATH.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export GLOG_v="${GLOG_v:-3}" # MindSpore says errors only

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

is_python_311() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python; do
        if is_python_311 "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python 3.11, which MindSpore 2.8.0 is used with here"
    done
    fail "found no Python 3.11: install it, or name one: PYTHON=/path/to/python3.11 bash $0"
}

# One hash of what the requirement file asks for; requirements-dev.txt includes requirements.txt.
requirements_hash() {
    cat "$root/requirements.txt" "$root/$1" | sha256sum
}

# is_current VENV FILE: what is installed there is what FILE asks for.
is_current() {
    local stamp="$1/.installed-$2"
    [ -x "$1/bin/python" ] && [ -f "$stamp" ] && [ "$(requirements_hash "$2")" = "$(cat "$stamp")" ]
}

# make_environment VENV FILE
make_environment() {
    local base
    base="$(find_python)"
    echo "Installing $2 into $1 (once, a minute or two)"
    [ -x "$1/bin/python" ] || "$base" -m venv "$1"
    is_python_311 "$1/bin/python" || fail "$1 is not of Python 3.11: move it away and start again"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$root/$2"
    requirements_hash requirements.txt >"$1/.installed-requirements.txt"
    requirements_hash "$2" >"$1/.installed-$2"
}

# environment REQUIREMENTS_FILE
environment() {
    local venv="$root/.venv"
    if [ -n "${VENV:-}" ]; then
        [ -x "$VENV/bin/python" ] || fail "VENV=$VENV has no bin/python: give the folder of a virtual environment"
        venv="$(cd "$VENV" && pwd)"
    elif ! is_current "$venv" "$1"; then
        make_environment "$venv" "$1"
    fi
    export PYTHON="$venv/bin/python"
    export PATH="$venv/bin:$PATH"
}
