#!/usr/bin/env bash
# Prints the path of a Go program that checks what a release consists of: actionlint, krew, validate-krew-manifest or
# spdx. The versions are pinned in release/tools; the first run builds all of them with Go (less than a minute).
# Exit code 3: there is no Go (an error with CI=true).
set -euo pipefail
program=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/tools" && pwd)
key=$(cat "$here"/go.mod "$here"/go.sum "$here"/*/*.go | sha256sum | cut -c1-16)
directory=${BOUNDTOKEN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/boundtoken/tools}/release-$key
if [ ! -x "$directory/$program" ]; then
    command -v go >/dev/null || {
        echo "left out: $program; install Go (https://go.dev/dl) to build it" >&2
        [ "${CI:-}" != true ] || exit 2
        exit 3
    }
    mkdir -p "$directory"
    scratch=$(mktemp -d "$directory/build.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    (cd "$here" && CGO_ENABLED=0 GOWORK=off GOFLAGS=-buildvcs=false go build -trimpath -ldflags '-s -w' -o "$scratch/" tool) >&2
    mv "$scratch"/* "$directory"
fi
echo "$directory/$program"
