#!/bin/bash
# Sees to the system libraries that the wheels of Qt and ONNX Runtime load but do not bring.
# As root on Debian and its kin it installs what is missing; else it prints the command.
set -euo pipefail

# What is loaded, and the Debian package that holds it.
libraries=(
    "libEGL.so.1 libegl1"
    "libGL.so.1 libgl1"
    "libglib-2.0.so.0 libglib2.0-0"
    "libxkbcommon.so.0 libxkbcommon0"
    "libxkbcommon-x11.so.0 libxkbcommon-x11-0"
    "libdbus-1.so.3 libdbus-1-3"
    "libfontconfig.so.1 libfontconfig1"
    "libfreetype.so.6 libfreetype6"
    "libX11-xcb.so.1 libx11-xcb1"
    "libxcb-cursor.so.0 libxcb-cursor0"
    "libxcb-icccm.so.4 libxcb-icccm4"
    "libxcb-image.so.0 libxcb-image0"
    "libxcb-keysyms.so.1 libxcb-keysyms1"
    "libxcb-randr.so.0 libxcb-randr0"
    "libxcb-render-util.so.0 libxcb-render-util0"
    "libxcb-shape.so.0 libxcb-shape0"
    "libxcb-sync.so.1 libxcb-sync1"
    "libxcb-xfixes.so.0 libxcb-xfixes0"
    "libxcb-xkb.so.1 libxcb-xkb1"
    "libwayland-client.so.0 libwayland-client0"
    "libwayland-cursor.so.0 libwayland-cursor0"
    "libwayland-egl.so.1 libwayland-egl1"
    "libgomp.so.1 libgomp1"
    "libstdc++.so.6 libstdc++6"
)

[[ "$(uname -s)" == Linux ]] || exit 0

present="$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p)"
missing=()
names=()
for entry in "${libraries[@]}"; do
    read -r library package <<<"$entry"
    if ! grep -qF "${library} (" <<<"$present"; then
        missing+=("$package")
        names+=("$library")
    fi
done
[[ ${#missing[@]} == 0 ]] && exit 0

if [[ "$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing system libraries: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
elif command -v apt-get >/dev/null; then
    echo "System libraries are missing. Run this, then try again:" >&2
    echo "  sudo apt-get install ${missing[*]}" >&2
    exit 1
else
    echo "System libraries are missing: ${names[*]}" >&2
    echo "Install them with this system's package manager, then try again." >&2
    exit 1
fi
