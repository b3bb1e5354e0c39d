#!/usr/bin/env bash
# Writes the archive of an architecture and its bill of materials into dist: `release/archive.sh BINARY`.
# The licences of what is linked are in the archive, and beside the binary for `make image`.
# Two runs for one commit and one binary write the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
. release/common.sh

binary=$1
name=boundtoken-$version-linux-$(architecture)
"$binary" --version | grep -qF "boundtoken $version " || {
    echo "$binary is not boundtoken $version" >&2
    exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
contents=$scratch/$name
mkdir -p "$contents/completions" "$contents/man/man1" "$dist"
install -m 755 "$binary" "$contents/boundtoken"
cp LICENSE README.md "$contents"
"$binary" completions bash >"$contents/completions/boundtoken.bash"
"$binary" completions zsh >"$contents/completions/_boundtoken"
"$binary" completions fish >"$contents/completions/boundtoken.fish"
cargo run --locked --quiet --example man -- "$contents/man/man1" "$(date -u -d "@$epoch" +%F)"
cargo run --locked --quiet --example sbom -- \
    "$(uname -m)-unknown-linux-gnu" "$(date -u -d "@$epoch" +%FT%TZ)" "$scratch"
cp "$scratch/LICENSES-THIRD-PARTY" "$(dirname "$binary")"
mv "$scratch/LICENSES-THIRD-PARTY" "$contents"
mv "$scratch/sbom.spdx.json" "$dist/$name.spdx.json"
pack "$dist/$name.tar.gz" "$scratch" "$name"
echo "$dist/$name.tar.gz"
