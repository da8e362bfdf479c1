#!/bin/bash
# Makes .venv/ with the locked dependencies and this project, and sees to Qt's system libraries.
# Run by `make setup`. What it cannot do itself it names, with the command, and stops.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is missing. On Debian: sudo apt-get install python3 python3-venv"
}

# Debian ships ensurepip, which a virtual environment needs, as a package of its own.
need_ensurepip() {
    "$1" -c 'import ensurepip' 2>/dev/null && return
    local package
    package="$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    if [[ "$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then
        echo "Installing $package"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package"
    else
        fail "Python's venv module is incomplete. Run: sudo apt-get install $package"
    fi
}

python="$(find_python)"
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    need_ensurepip "$python"
    "$python" -m venv --clear .venv
fi
installer/setup/system_libraries.sh
echo "Installing the locked dependencies into .venv (several hundred megabytes the first time)"
.venv/bin/python -m pip install --disable-pip-version-check -q -r requirements.lock
.venv/bin/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .

# The engine runs without its kernels too, several times slower; a missing compiler is said and is no failure.
.venv/bin/python engine/native/build.py || echo "Install gcc and run engine/native/build.py to have the fast kernels."
.venv/bin/python -m pip check ||
    fail "The packages in .venv do not fit together. Make it anew: rm -rf .venv && make setup"
