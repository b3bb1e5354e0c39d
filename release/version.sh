#!/bin/sh
# Prints the version of this repository, which is that of the package in Cargo.toml.
set -eu
sed -n '/^version = /{ s/.*"\(.*\)".*/\1/p; q; }' "$(dirname "$0")/../Cargo.toml"
