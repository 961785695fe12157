#!/usr/bin/env bash
# Checks with promtool: the scrape configuration, the alert rules and their tests,
# and that every expression of the dashboards parses. That each metric they name
# exists is checked by `cargo test --package tests --test ops`.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v promtool >/dev/null; then
    printf 'promtool is missing: run ops/dev/install.sh test\n' >&2
    exit 69
fi
promtool check config --syntax-only prometheus.yml
promtool check rules rules/*.yml
promtool test rules tests/*.yml

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo xtask dashboard-rules "$folder"
promtool check rules "$folder"/*.yml
