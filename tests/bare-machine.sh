#!/usr/bin/env bash
# `make demo` on a Debian with Git and make and nothing else (make test-bare): what it prints without the right to
# install, what it installs, and the demo itself. The Debian is a directory, which needs root and mmdebstrap.
# Rust is that of this machine, because its download is large; RUST=download downloads it instead.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=bookworm

fail() {
    echo "bare machine: $1" >&2
    exit 1
}

# Runs a command in the directory below the root, as it would be run there.
enter() {
    local directory=$1
    shift
    chroot "$root" env --unset=CI --unset=YES --unset=MAKEFLAGS --unset=MAKELEVEL --chdir="$directory" "$@"
}

# expect_refusal REASON COMMAND...: `make demo` ends at once, and names what is missing.
expect_refusal() {
    local reason=$1 output line
    shift
    if output=$(enter /srv "$@" make demo 2>&1 </dev/null); then fail "the demo ran without its tools"; fi
    echo "$output"
    for line in '  a C compiler: .*apt-get install build-essential' '  curl: .*apt-get install curl ca-certificates' \
        '  Rust .*: curl .*https://sh.rustup.rs' "Nothing was installed: $reason" 'make: .* Error 2'; do
        grep -q "^$line" <<<"$output" || fail "expected to see: $line"
    done
}

# Mounts of this process, which end with it.
mount_machine() {
    local directory rust=()
    [ "${RUST:-}" = download ] || rust=("${CARGO_HOME:-$HOME/.cargo}" "${RUSTUP_HOME:-$HOME/.rustup}")
    for directory in "$PWD" "${rust[@]}"; do
        mkdir -p "$root$directory"
        mount --bind "$directory" "$root$directory"
    done
    # The certificates that this machine trusts, for downloads behind a proxy.
    if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
        cp /etc/ssl/certs/ca-certificates.crt "$root/srv/trusted.pem"
        export CURL_CA_BUNDLE=/srv/trusted.pem SSL_CERT_FILE=/srv/trusted.pem
    fi
}

# What this machine builds later can use the same build if its C library is the same.
share_build() {
    local VERSION_CODENAME=
    # shellcheck source=/dev/null
    . /etc/os-release
    [ "$VERSION_CODENAME" = "$suite" ] && [ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR=/tmp/target
}

inside() {
    root=$1
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp -r --parents .ci Makefile Cargo.toml rust-toolchain.toml tests/cluster/go.mod "$root/srv"
    chmod -R a+rX "$root/srv"
    expect_refusal "there is no terminal to ask on"
    expect_refusal "this needs root or sudo" setpriv --reuid=65534 --regid=65534 --clear-groups env YES=1
    mount_machine
    share_build
    enter "$PWD" env YES=1 make demo
    local output
    output=$(enter "$PWD" make demo 2>&1 </dev/null) || fail "the second demo failed: $output"
    case $output in *Missing*) fail "tools are missing after their installation: $output" ;; esac
}

if [ "${1:-}" = inside ]; then
    inside "$2"
    exit
fi
if [ "$(id -u)" != 0 ] || ! command -v mmdebstrap >/dev/null; then
    echo "left out: the test of a bare machine, which needs root and mmdebstrap" >&2
    [ "${CI:-}" != true ] || exit 2
    exit
fi
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
mmdebstrap --quiet --variant=minbase --include=git,make "$suite" "$scratch/root"
unshare --mount "$0" inside "$scratch/root"
