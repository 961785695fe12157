#!/usr/bin/env bash
# Installs what building and testing Tally needs and is missing.
#
#   ops/dev/install.sh build   a C++ compiler and libclang (for RocksDB's bindings)
#   ops/dev/install.sh test    the same, promtool, Node with npm (for the second verifier), and what faults are
#                              made with: ip (network namespaces) and faketime
#
# On Debian and Ubuntu it installs packages; elsewhere it names what to install.
# The Rust toolchain is never installed behind your back.
set -euo pipefail
cd "$(dirname "$0")/../.."

want=${1:-build}
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

say() { printf '%s\n' "$*" >&2; }

if ! command -v cargo >/dev/null; then
    say "cargo is missing: install Rust $rust_needed or newer (https://rustup.rs), then run this again"
    exit 69
fi
rust_found=$(rustc --version | awk '{print $2}')
if [ "$(printf '%s\n' "$rust_needed" "$rust_found" | sort -V | head -n 1)" != "$rust_needed" ]; then
    say "rustc $rust_found is too old: Tally needs $rust_needed or newer (\`rustup update stable\`)"
    exit 69
fi

missing=()
command -v c++ >/dev/null || missing+=(build-essential)
if ! ls /usr/lib/llvm-*/lib/libclang.so* /usr/lib/*/libclang-*.so* >/dev/null 2>&1 &&
    [ -z "${LIBCLANG_PATH:-}" ]; then
    missing+=(libclang-dev)
fi
if [ "$want" = test ]; then
    command -v promtool >/dev/null || missing+=(prometheus)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v ip >/dev/null || missing+=(iproute2)
    ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing+=(faketime)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    say "missing: ${missing[*]} (Debian's names). Install their equivalents and run this again:"
    say "  build-essential = a C++20 compiler; libclang-dev = libclang 14 or newer; prometheus = promtool 2.42 or newer; nodejs = Node 18 or newer"
    exit 69
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        say "run as root: apt-get install ${missing[*]}"
        exit 69
    fi
    as_root=(sudo)
fi
say "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
