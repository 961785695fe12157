#!/usr/bin/env bash
# Gives receipts and the public log to other people's programs and prints what each accepts and refuses.
#
#   ops/dev/interop.sh FOLDER     N.VERSION.receipt, policy.VERSION.txt, nodes.txt and authority.pem, as `tests/interop` writes them
#
# The programs come from PyPI at pinned versions, into the target directory and nowhere else. Needs
# Python 3.12 or newer: `PYTHON` names one, else it is looked for.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:?usage: interop.sh FOLDER}
place=${CARGO_TARGET_DIR:-target}/interop/python
is_new_enough='import sys; sys.exit(sys.version_info < (3, 12))'
if [ ! -x "$place/bin/python" ] || ! "$place/bin/python" -c "$is_new_enough"; then
    found=
    for python in "${PYTHON:-}" python3 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python; do
        if [ -n "$python" ] && "$python" -c "$is_new_enough" 2>/dev/null; then
            found=$python
            break
        fi
    done
    if [ -z "$found" ]; then
        echo "Python 3.12 or newer is missing: install it, or name one with PYTHON=" >&2
        exit 69
    fi
    "$found" -m venv --clear "$place"
fi
"$place/bin/pip" install --quiet --disable-pip-version-check \
    aics-tlog==0.2.1 proofbundle==6.3.1 sigstore==4.5.1
exec "$place/bin/python" tests/interop/check.py "$folder"
