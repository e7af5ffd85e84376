#!/bin/sh
# Builds dist/photosim, an application that needs no Python, and tries it: `make bundle`.
#
# It is built in an environment of its own, so that nothing gets in that only tests need, and because hnswlib
# must be compiled differently there: by default for the building machine's own processor, here for any
# x86-64 processor with AVX2.
set -eu
cd "$(dirname "$0")/.."

wanted=$(cat pyproject.toml constraints.txt packaging/build.sh | cksum)
if [ "$(cat .venv-bundle/.installed 2>/dev/null)" != "$wanted" ]; then
    echo "bundle: setting up .venv-bundle" >&2
    rm -rf .venv-bundle
    .venv/bin/python -m venv .venv-bundle
    [ "$(uname -m)" != x86_64 ] || export CXXFLAGS="-march=x86-64-v3"
    # Without the cache: pip would take a file for this processor alone that it has made before.
    HNSWLIB_NO_NATIVE=1 .venv-bundle/bin/python -m pip install --quiet --disable-pip-version-check \
        --no-cache-dir --no-binary hnswlib --constraint constraints.txt hnswlib
    .venv-bundle/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --editable '.[bundle]'
    printf '%s' "$wanted" >.venv-bundle/.installed
fi

.venv-bundle/bin/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build/bundle \
    packaging/photosim.spec
packaging/check.sh dist/photosim
