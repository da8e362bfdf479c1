#!/bin/bash
# Puts the sample documents into a library of their own and opens the window on it; without a
# display it asks a question there instead. Run by `make run`.
set -euo pipefail
cd "$(dirname "$0")/../.."

export MUNIMENT_LIBRARY="$PWD/build/sample-library"
export MUNIMENT_KEY_FILE="$PWD/build/sample-library.key"
unset MUNIMENT_PASSPHRASE
mkdir -p build

.venv/bin/muniment add resources/samples/documents -c Samples
if [[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" || "$(uname -s)" == Darwin ]]; then
    exec .venv/bin/muniment
fi
echo
echo "There is no display to open the window on. Asking on the command line instead:"
set -x
.venv/bin/muniment ask "Which antibiotic was given instead of cefuroxime?" -c Samples
