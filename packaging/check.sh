#!/bin/sh
# Starts a built photosim as on a machine without Python, in a real window, and prints its size.
#   packaging/check.sh dist/photosim
set -eu
bundle=$(cd "$1" && pwd)
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT

# Nothing of this checkout's surroundings gets in: no PATH, no variables but the display's and a home.
# shellcheck disable=SC2016
"$(dirname "$0")/../tools/with_xvfb.sh" sh -c '
    cd "$1" && exec /usr/bin/env -i DISPLAY="$DISPLAY" HOME="$1" TMPDIR="$1" PATH="$1" QT_QPA_PLATFORM=xcb \
        "$2/photosim" --smoke-test' sh "$empty" "$bundle"
echo "bundle: $(du -sm "$bundle" | cut -f1) MB in $bundle" >&2
