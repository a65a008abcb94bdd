# shellcheck shell=bash
# Sourced: sets up the Python environment of the project, `.venv`, which is updated when the requirement files change.
#   PYTHON=/path/to/python3.11   the interpreter that creates .venv (default: python3.11, python3 or python on the PATH)
#   VENV=/path/to/environment    an existing environment (venv or conda) to use instead; nothing is installed into it
# Afterwards PYTHON is the environment's interpreter and its programs come first on the PATH.

root="$(realpath --no-symlinks -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/..")"

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# shellcheck source=scripts/_packages.sh
source "$root/scripts/_packages.sh"

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
        [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not Python 3.11, which this project requires"
    done
    fail "found no Python 3.11: install it (Debian 12: apt-get install python3.11-venv)," \
        "or set its path: PYTHON=/path/to/python3.11 bash $0"
}

# included FILE: prints this requirement file and those that it includes.
included() {
    local option file
    printf '%s\n' "$1"
    while read -r option file; do
        [ "$option" != -r ] || included "$file"
    done <"$root/$1"
}

# requirements_hash FILE: a hash of the requirement file and of those that it includes.
requirements_hash() {
    local file
    included "$1" | while read -r file; do cat "$root/$file"; done | sha256sum
}

# is_current VENV FILE: whether the requirements of FILE, as they are now, are installed in VENV.
is_current() {
    local stamp="$1/.installed-$2"
    [ -x "$1/bin/python" ] && [ -f "$stamp" ] && [ "$(requirements_hash "$2")" = "$(cat "$stamp")" ]
}

# examine_environment FILE: exits if a requirement is missing in VENV. If .venv must be created or updated, sets `base` to the Python
# for it, and adds the missing system packages to `packages`.
examine_environment() {
    if [ -z "${VENV:-}" ]; then
        if ! is_current "$root/.venv" "$1"; then
            base="$(find_python)"
            find_python_packages "$base" "$root/.venv"
        fi
        return
    fi
    [ -x "$VENV/bin/python" ] || fail "VENV=$VENV has no bin/python: set it to the folder of a virtual environment"
    is_python_311 "$VENV/bin/python" || fail "VENV=$VENV is not an environment of Python 3.11, which this project requires"
    PATH="$VENV/bin:$PATH" "$VENV/bin/python" "$root/scripts/_requirements.py" "$root/$1" || exit 2
}

# make_environment BASE VENV FILE
make_environment() {
    local file
    echo "Installing $3 into $2 (takes a minute or two, only this time; VENV=/path/to/environment in front of the command uses one that has them)"
    has_pip "$2" || "$1" -m venv "$2"
    is_python_311 "$2/bin/python" || fail "$2 is not an environment of Python 3.11: remove it and start again"
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check -r "$root/$3"
    included "$3" | while read -r file; do requirements_hash "$file" >"$2/.installed-$file"; done
}

# environment FILE: sets up the environment with the requirements of FILE.
environment() {
    local base="" packages=() venv="${VENV:-$root/.venv}"
    examine_environment "$1"
    get_packages
    [ -z "$base" ] || make_environment "$base" "$venv" "$1"
    venv="$(realpath --no-symlinks -- "$venv")"
    export PYTHON="$venv/bin/python"
    export PATH="$venv/bin:$PATH"
}
