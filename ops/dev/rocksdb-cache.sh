#!/usr/bin/env bash
# Compiles RocksDB once per machine instead of once per profile and checkout.
#
#   eval "$(ops/dev/rocksdb-cache.sh ensure)"   make the library if there is none, set the environment for it
#   ops/dev/rocksdb-cache.sh path               where the library is or would be
#
# Everything about the crate comes from this workspace: its version and those of what it needs from
# Cargo.lock, its features from Cargo.toml. The library lies in
#   ${TALLY_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/tally}/rocksdb-<version>-<codecs>-<processor>-<compiler>/
# so another version, codec, processor or compiler is another library, and none is ever overwritten.
# Standard output carries the environment only; words go to standard error.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "rocksdb-cache: $*"
    exit 69
}

# The version of a package in Cargo.lock.
locked() {
    awk -v name="\"$1\"" '$1 == "name" { found = ($3 == name) }
        found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' Cargo.lock
}

# The compression codecs among the features of the rocksdb line in Cargo.toml, sorted: `lz4` or `lz4-zstd`.
codecs() {
    grep '^rocksdb = ' Cargo.toml | grep -o '"[a-z0-9]*"' | tr -d '"' |
        grep -E '^(bzip2|lz4|snappy|zlib|zstd)$' | sort | paste -sd - -
}

# What the machine code depends on: the architecture, and the model if RUSTFLAGS asks for one.
processor() {
    local model
    model=$(sed -n 's/.*target-cpu=\([A-Za-z0-9._-]*\).*/\1/p' <<<"${RUSTFLAGS:-}")
    printf '%s-%s' "$(uname -m)" "${model:-generic}"
}

# `gcc12`, `clang16`.
compiler() {
    local cxx=${CXX:-c++} family=gcc
    command -v "$cxx" >/dev/null || fail "no C++ compiler (\`$cxx\`): run ops/dev/install.sh build"
    if "$cxx" --version | grep -qi clang; then family=clang; fi
    printf '%s%s' "$family" "$("$cxx" -dumpversion | cut -d . -f 1)"
}

# bindgen reads RocksDB's header through libclang, in every build that links the library.
require_libclang() {
    [ -z "${LIBCLANG_PATH:-}" ] || return 0
    if compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null ||
        compgen -G '/usr/lib/*/libclang*.so*' >/dev/null ||
        compgen -G '/usr/lib*/libclang*.so*' >/dev/null; then
        return 0
    fi
    fail "no libclang: run ops/dev/install.sh build, or set LIBCLANG_PATH to the folder that has libclang.so"
}

# A project with nothing but RocksDB in it, with this workspace's versions, features and profile.
write_project() {
    local folder=$1
    mkdir -p "$folder/src"
    : >"$folder/src/lib.rs"
    {
        printf '[package]\nname = "rocksdb-cache"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\n'
        grep '^rocksdb = ' Cargo.toml
        printf '\n[profile.dev]\ndebug = "line-tables-only"\n\n'
        printf '[profile.dev.package."*"]\ndebug = false\nopt-level = 2\n\n[workspace]\n'
    } >"$folder/Cargo.toml"
    # Cargo drops from it what this project does not need, and keeps the versions of what it does.
    cp Cargo.lock "$folder/Cargo.lock"
}

# Waits for the build with a line now and then: a quarter of an hour of silence looks like a hang.
wait_with_progress() {
    local folder=$1 total=$2 process=$3 began=$SECONDS said=$SECONDS made
    while kill -0 "$process" 2>/dev/null; do
        sleep 1
        if ((SECONDS - said >= 10)); then
            said=$SECONDS
            made=$(find "$folder/target" -path '*/librocksdb-sys-*/out/*.o' 2>/dev/null | wc -l)
            say "  RocksDB: $made of $total files after $(((SECONDS - began) / 60)) min $(((SECONDS - began) % 60)) s"
        fi
    done
    wait "$process"
}

build() {
    local library=$1 folder=$2 version=$3
    local log=$folder/build.log total process made
    require_libclang
    say "RocksDB $version is not compiled on this machine yet. This takes about 15 minutes on two cores,"
    say "once: later builds, other profiles and other checkouts use $library"
    write_project "$folder"
    # Fetched first, so that the list of sources is there to count.
    cargo fetch --quiet --manifest-path "$folder/Cargo.toml" >&2
    total=$(cat "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/librocksdb-sys-"$version"/rocksdb_lib_sources.txt |
        sort -u | grep -c . || true)

    # The environment that this script hands out would make the build look for its own result.
    env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET_DIR \
        cargo build --manifest-path "$folder/Cargo.toml" --target-dir "$folder/target" \
        >"$log" 2>&1 &
    process=$!
    trap 'kill "$process" 2>/dev/null || true' EXIT
    if ! wait_with_progress "$folder" "$total" "$process"; then
        tail -n 30 "$log" >&2
        fail "RocksDB did not compile; the whole output is in $log"
    fi
    trap - EXIT

    made=$(find "$folder/target" -path '*/librocksdb-sys-*/out/librocksdb.a' | head -n 1)
    [ -n "$made" ] || fail "the build succeeded without a librocksdb.a; see $log"
    mkdir -p "$library"
    # Under its final name only when it is whole.
    cp "$made" "$library/librocksdb.a.tmp"
    mv "$library/librocksdb.a.tmp" "$library/librocksdb.a"
    rm -rf "$folder"
    say "RocksDB is compiled"
}

ensure() {
    local library=$1 version=$2
    if [ ! -s "$library/librocksdb.a" ]; then
        mkdir -p "$(dirname "$library")"
        # One compiles, whoever comes second waits for it and finds the library made.
        exec 9>"$library.lock"
        flock -n 9 || { say "another run is compiling RocksDB; waiting for it" && flock 9; }
        if [ ! -s "$library/librocksdb.a" ]; then build "$library" "$library.build" "$version" 9>&-; fi
        exec 9>&-
    fi
    printf 'export ROCKSDB_LIB_DIR=%q\nexport ROCKSDB_STATIC=1\n' "$library"
}

version=$(locked librocksdb-sys)
[ -n "$version" ] || fail "Cargo.lock has no librocksdb-sys"
cache=${TALLY_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/tally}
library=$cache/rocksdb-$version-$(codecs)-$(processor)-$(compiler)

case ${1:-} in
ensure) ensure "$library" "$version" ;;
path) printf '%s\n' "$library" ;;
*)
    sed -n '2,/^set -euo/s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac
