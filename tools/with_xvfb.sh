#!/bin/sh
# Runs a command on an X display of its own: Xvfb with the window manager openbox, both ended afterwards.
#   tools/with_xvfb.sh COMMAND [ARGUMENT...]
set -eu
folder=$(mktemp -d)
trap 'kill ${manager:-} ${server:-} 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

# -displayfd: Xvfb picks a free display itself and writes its number once it answers.
mkfifo "$folder/display"
Xvfb -displayfd 3 -screen 0 1600x1000x24 -dpi 96 -nolisten tcp -noreset \
    3>"$folder/display" >"$folder/log" 2>&1 &
server=$!
read -r number <"$folder/display" || { cat "$folder/log" >&2; exit 1; }
DISPLAY=:$number
export DISPLAY
unset WAYLAND_DISPLAY

XDG_CONFIG_HOME=$folder XDG_CACHE_HOME=$folder openbox >"$folder/openbox.log" 2>&1 &
manager=$!

"$@"
