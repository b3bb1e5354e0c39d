#!/usr/bin/env bash
# Installs boundtoken on a node of its own and reads the tokens of running Pods (`make e2e`).
# With E2E_CLUSTER=existing it does so in the cluster of KUBECONFIG, where IMAGE names the image of boundtoken and
# POD_IMAGE one with sh, cat and sleep; neither root nor Debian is needed then.
# Arguments are those of the tests: a part of a name runs these. `run.sh packages` prints the packages of Debian that are
# missing, one a line.
set -euo pipefail
cd "$(dirname "$0")/../.."

# program:package, as Debian has them.
needed="buildah:buildah cc:build-essential containerd:containerd curl:curl diff:diffutils ip:iproute2
iptables:iptables make:make mmdebstrap:mmdebstrap prometheus:prometheus runc:runc setpriv:util-linux tar:tar umount:mount"

packages() {
    local pair
    for pair in $needed; do
        command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
    done
    [ -x /usr/lib/cni/bridge ] || echo containernetworking-plugins
}

# What this machine lacks for a node, in words.
lacking() {
    local packages
    packages=$(packages | paste -sd ' ')
    [ "$(id -u)" = 0 ] || echo "root"
    [ -z "$packages" ] || echo "Debian's $packages"
}

if [ "${1:-}" = packages ]; then
    packages
    exit
fi
if [ "${E2E_CLUSTER:-}" != existing ]; then
    lacking=$(lacking | paste -sd '&' | sed 's/&/ and /')
    if [ -n "$lacking" ]; then
        echo "left out: the tests on a node, which need $lacking (or a cluster: E2E_CLUSTER=existing)" >&2
        [ "${CI:-}" != true ] || exit 2
        exit
    fi
    export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
    # Whatever IMAGE says, these tests import the image of the manifests.
    make image IMAGE_TOOLS=buildah IMAGE="boundtoken:$(release/version.sh)"
fi
.ci/requirements cc go rust -- cargo test --locked --test e2e -- "$@"
