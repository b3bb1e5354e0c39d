#!/usr/bin/env bash
# Prints the path of a layer with Debian, Python, the official Kubernetes client, curl and openssl: what Pods
# of the tests run. The first run makes it from Debian's packages (one to three minutes); needs root.
set -euo pipefail

suite=bookworm
packages=ca-certificates,curl,openssl,python3,python3-kubernetes
tools=${BOUNDTOKEN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/boundtoken/tools}
layer=$tools/debian-$suite-$(echo "$packages" | sha256sum | cut -c1-16).tar
if [ ! -e "$layer" ]; then
    echo "Making $layer from Debian's packages; only the first run does" >&2
    mkdir -p "$tools"
    scratch=$(mktemp -d "$tools/debian.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$scratch/layer.tar" >&2
    mv "$scratch/layer.tar" "$layer"
fi
echo "$layer"
