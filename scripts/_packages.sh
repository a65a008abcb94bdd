# shellcheck shell=bash
# Sourced by _env.sh and ascend310_infer/build.sh: finds and installs the system packages of the project, by their Debian names.
# The first two functions add missing packages to the array `packages`.

# find_cpp_packages: packages needed to build the C++ program.
find_cpp_packages() {
    local program header package
    for program in cmake g++ make; do
        command -v "$program" >/dev/null || packages+=("$program")
    done
    while read -r header package; do
        includes "$header" || packages+=("$package")
    done <<'END'
opencv2/core.hpp libopencv-core-dev
opencv2/imgproc.hpp libopencv-imgproc-dev
opencv2/imgcodecs.hpp libopencv-imgcodecs-dev
nlohmann/json.hpp nlohmann-json3-dev
openssl/evp.h libssl-dev
END
}

# find_python_packages PYTHON VENV: packages that this Python needs to create VENV if it does not exist, and that MindSpore needs.
find_python_packages() {
    has_pip "$2" || "$1" -c 'import ensurepip' 2>/dev/null || packages+=(python3.11-venv)
    "$1" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || packages+=(libgomp1)
}

# has_pip VENV: whether the environment is complete; without ensurepip the venv module creates one without pip.
has_pip() {
    "$1/bin/python" -m pip --version >/dev/null 2>&1
}

# includes HEADER: whether the compiler finds it, in the folders of Debian and of OpenCV's installation or in CPATH.
includes() {
    printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$1" |
        g++ -I/usr/include/opencv4 -I/usr/local/include/opencv4 -x c++ -E - >/dev/null 2>&1
}

# get_packages: installs `packages` by apt-get, as root or by sudo; otherwise exits with the command to run.
get_packages() {
    [ ${#packages[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "missing: what Debian calls ${packages[*]}; install it by the package manager of this system"
    local by="" how="type" fault
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null; then by="sudo "; else how="type as root"; fi
    fi
    fault="missing: ${packages[*]}; $how: ${by}apt-get update && ${by}apt-get install --no-install-recommends ${packages[*]}"
    [ "$(id -u)" = 0 ] || can_sudo || fail "$fault"
    echo "Installing ${packages[*]} (once)"
    as_root apt-get update --quiet=2 || true # one of several sources may fail without affecting these packages
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet=2 --no-install-recommends "${packages[@]}" >/dev/null || fail "$fault"
}

# can_sudo: whether sudo needs no password, or there is a terminal to ask for it.
can_sudo() {
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo --validate --prompt="Password of %p, to install ${packages[*]}: "; }
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
