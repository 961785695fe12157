#!/usr/bin/env bash
# Builds the second verifier (client/verifier) and runs its tests.
#
#   ops/dev/verifier.sh          builds and tests
#   ops/dev/verifier.sh build    builds only
set -euo pipefail
cd "$(dirname "$0")/../../client/verifier"

# The lock file says which versions; they are installed once for it.
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules ]; then
    npm ci --no-audit --no-fund --silent
    touch node_modules
fi
npm run --silent build
if [ "${1:-test}" = test ]; then
    npm test --silent
fi
