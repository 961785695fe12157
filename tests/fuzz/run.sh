#!/usr/bin/env bash
# Searches each parser of strangers' bytes for SECONDS, from the kept corpus and a seed that is new each time.
#
#   tests/fuzz/run.sh SECONDS [SEED]
#
# The seed is printed: with it the same inputs come again. Put an input that failed into `corpus/TARGET/` before
# mending what it shows.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:?usage: run.sh SECONDS [SEED]}
seed=${2:-$(date +%s)}
eval "$(ops/dev/rocksdb-cache.sh ensure)"
export TALLY_FUZZ_SECONDS=$seconds TALLY_FUZZ_SEED=$seed
exec cargo test --locked --quiet --package tests --test fuzz -- --nocapture no_mutation
