#!/usr/bin/env bash
# Searches each parser of strangers' bytes for SECONDS, guided by coverage, from the kept corpus.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]
#
# Needs `cargo install cargo-fuzz`. No sanitizer, for our code has no `unsafe`, so the stable toolchain is
# enough. What it finds lies in `artifacts/`; put it into `corpus/TARGET/` before mending what it shows.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2
    exit 69
fi
eval "$(../../ops/dev/rocksdb-cache.sh ensure)"
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)
fi
for target in "${targets[@]}"; do
    echo "== $target" >&2
    # New inputs go to `work/`, so that the kept corpus changes only by hand.
    mkdir -p "work/$target"
    cargo fuzz run --fuzz-dir . --sanitizer none "$target" "work/$target" "corpus/$target" -- \
        -max_total_time="$seconds" -max_len=70000
done
