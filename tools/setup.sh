#!/bin/sh
# Sets up this checkout: system libraries, .venv, Python packages at the versions of constraints.txt.
#   tools/setup.sh          what photosim needs to run
#   tools/setup.sh tests    the same, and the programs that the tests under Xvfb need
# Does nothing that is already done. Needs root for system packages alone, and only when one is missing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if have "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$candidate"
            return
        fi
    done
}

# Each line: what to look for, its name, the Debian package that brings it.
RUN_NEEDS="
library libEGL.so.1               libegl1
library libGL.so.1                libgl1
library libglib-2.0.so.0          libglib2.0-0
library libxkbcommon.so.0         libxkbcommon0
library libfontconfig.so.1        libfontconfig1
library libdbus-1.so.3            libdbus-1-3
library libxcb-cursor.so.0        libxcb-cursor0
library libxcb-icccm.so.4         libxcb-icccm4
library libxcb-image.so.0         libxcb-image0
library libxcb-keysyms.so.1       libxcb-keysyms1
library libxcb-randr.so.0         libxcb-randr0
library libxcb-render-util.so.0   libxcb-render-util0
library libxcb-shape.so.0         libxcb-shape0
library libxcb-xkb.so.1           libxcb-xkb1
library libxkbcommon-x11.so.0     libxkbcommon-x11-0
library libwayland-cursor.so.0    libwayland-cursor0
library libwayland-egl.so.1       libwayland-egl1
program c++                       g++
font    any                       fonts-dejavu-core
"
TEST_NEEDS="
program Xvfb                      xvfb
program xdotool                   xdotool
program openbox                   openbox
program convert                   imagemagick
"

is_there() { # kind name
    case $1 in
        program) have "$2" ;;
        library) printf '%s\n' "$libraries" | grep -q "^[[:space:]]*$2 " ;;
        font) [ -n "$(find /usr/share/fonts /usr/local/share/fonts "$HOME/.fonts" "$HOME/.local/share/fonts" \
            \( -name '*.ttf' -o -name '*.otf' -o -name '*.ttc' -o -name '*.pfb' \) 2>/dev/null | head -n 1)" ] ;;
    esac
}

missing_packages() { # needs
    libraries=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p)
    printf '%s\n' "$1" | while read -r kind name package; do
        [ -z "$kind" ] || is_there "$kind" "$name" || printf '%s ' "$package"
    done
    "$python" -c 'import ensurepip, venv' 2>/dev/null || printf '%s-venv ' "$python"
    "$python" -c 'import os, sysconfig as s; os.stat(os.path.join(s.get_path("include"), "Python.h"))' \
        2>/dev/null || printf '%s-dev ' "$python"
}

install_system_packages() { # needs
    [ "$(uname)" = Linux ] || return 0
    missing=$(missing_packages "$1")
    [ -n "$missing" ] || return 0
    if ! have apt-get; then
        die "this system lacks what these Debian packages bring, install their like: $missing"
    elif [ "$(id -u)" != 0 ]; then
        die "system packages are missing. Install them, then start again:
    sudo apt-get install -y --no-install-recommends $missing"
    fi
    say "installing system packages: $missing"
    export DEBIAN_FRONTEND=noninteractive
    # A bare system has no package lists, an old one lists of files that are gone: get them first.
    apt-get -qq update
    # shellcheck disable=SC2086
    apt-get -qq install -y --no-install-recommends $missing >/dev/null
    missing=$(missing_packages "$1")
    [ -z "$missing" ] || die "apt-get installed its packages, but these still bring nothing: $missing"
}

install_python_packages() {
    wanted=$(cat pyproject.toml constraints.txt | "$python" -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest(), end="")')
    if ! .venv/bin/python -c '' 2>/dev/null; then
        say "making .venv with $("$python" --version)"
        rm -rf .venv
        "$python" -m venv .venv
    elif [ "$(cat .venv/.installed 2>/dev/null)" = "$wanted" ]; then
        return 0
    fi
    say "installing Python packages into .venv (some minutes, and up to several GB where torch comes with CUDA)"
    rm -f .venv/.installed
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --editable '.[dev]'
    printf '%s' "$wanted" >.venv/.installed
}

python=$(find_python)
[ -n "$python" ] || die "photosim needs Python 3.11 or newer: install python3"
case "${1:-}" in
    "") install_system_packages "$RUN_NEEDS" ;;
    tests) install_system_packages "$RUN_NEEDS$TEST_NEEDS" ;;
    *) die "unknown set-up: $1" ;;
esac
install_python_packages
touch ".venv/.ready${1:+-$1}"
