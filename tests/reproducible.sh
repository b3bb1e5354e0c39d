#!/usr/bin/env bash
# Builds the static binary of the present commit twice and compares the results byte for byte (make reproducible). The
# second build has another working directory, target directory, CARGO_HOME and HOME.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "$(git status --porcelain)" ]; then
    echo "commit first: the binary names the commit that it was built from" >&2
    exit 2
fi
binary=$(uname -m)-unknown-linux-gnu/release/boundtoken
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

make static
git clone --quiet . "$scratch/another-clone"
env HOME="$scratch" CARGO_HOME="$scratch/cargo" CARGO_TARGET_DIR="$scratch/target" \
    RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" make -C "$scratch/another-clone" static
sha256sum "${CARGO_TARGET_DIR:-target}/$binary" "$scratch/target/$binary"
cmp "${CARGO_TARGET_DIR:-target}/$binary" "$scratch/target/$binary"
echo "both builds are equal"
