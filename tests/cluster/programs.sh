#!/usr/bin/env bash
# Prints the directory that holds the programs of a Kubernetes control plane, named as arguments, or `helm`.
# They come from KUBEBUILDER_ASSETS if that is set, else from a cache whose key is go.mod and go.sum:
# the first run builds them with Go from the module proxy (some ten minutes on two cores). Helm has a module of its own,
# because it needs other versions of the libraries of Kubernetes. KUBERNETES=1.33 names a minor version with a directory
# kubernetes-1.33; its etcd is that of the newest version. KUBECTL=1.36 takes kubectl from another version.
# Exit codes: 2 something failed, 3 neither Go nor the programs are there (2 with CI=true).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
product=kubernetes source=k8s.io/kubernetes
newest=$(sed -n "s|^.*$source v\([0-9]*\.[0-9]*\)\..*|\1|p" "$here/go.mod")
if [ "$*" = helm ]; then
    product=helm source=helm.sh/helm/v4 here=$here/helm
elif [ -n "${KUBERNETES:-}${KUBECTL:-}" ] && [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    echo "KUBERNETES and KUBECTL exclude KUBEBUILDER_ASSETS: unset the one or the other" >&2
    exit 2
elif [ -n "${KUBECTL:-}" ] && [[ " $* " = *" kubectl "* ]]; then
    # A directory of links: kubectl of one version beside the other programs of another.
    others=()
    for program in "$@"; do
        [ "$program" = kubectl ] || others+=("$program")
    done
    kubectl=$(KUBERNETES=$KUBECTL KUBECTL='' "$0" kubectl)
    [ ${#others[@]} -gt 0 ] || { echo "$kubectl"; exit; }
    directory=$(KUBECTL='' "$0" "${others[@]}")
    mkdir -p "$directory/kubectl-$KUBECTL"
    ln -sf "${others[@]/#/$directory/}" "$kubectl/kubectl" "$directory/kubectl-$KUBECTL"
    echo "$directory/kubectl-$KUBECTL"
    exit
elif [ "${KUBERNETES:-$newest}" != "$newest" ]; then
    here=$here/kubernetes-$KUBERNETES
    for program in "$@"; do
        if [ "$program" != etcd ] && ! grep -qs "/cmd/$program\$" "$here/go.mod"; then
            minors=$(grep -l "/cmd/$program\$" "${here%/*}"/kubernetes-*/go.mod | sed 's|.*kubernetes-\(.*\)/go.mod|\1|')
            echo "$program of Kubernetes $KUBERNETES is not a program of the tests; the versions are" $minors "$newest" >&2
            exit 2
        fi
    done
fi

missing() {
    local program
    for program in "$@"; do
        [ -x "$directory/$program" ] || printf '%s ' "$program"
    done
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ $product = kubernetes ]; then
    directory=$KUBEBUILDER_ASSETS
    lacking=$(missing "$@")
    if [ -n "$lacking" ]; then
        echo "KUBEBUILDER_ASSETS=$directory lacks ${lacking% }: put it there, or unset the variable to build all with Go" >&2
        exit 2
    fi
    echo "$directory"
    exit
fi

version=$(sed -n "s|^.*$source \(v[0-9.]*\).*|\1|p" "$here/go.mod")
key=$(cat "$here/go.mod" "$here/go.sum" | sha256sum | cut -c1-16)
tools=${BOUNDTOKEN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/boundtoken/tools}
directory=$tools/$product-$version-$key
lacking=$(missing "$@")
if [ -z "$lacking" ]; then
    echo "$directory"
    exit
fi
if ! command -v go >/dev/null; then
    if [ $product = helm ]; then
        echo "left out: the tests of the chart; install Go (https://go.dev/dl) to build Helm" >&2
    else
        echo "left out: the tests against a real API server; install Go (https://go.dev/dl) to build it, or name a directory with $* in KUBEBUILDER_ASSETS" >&2
    fi
    [ "${CI:-}" != true ] || exit 2
    exit 3
fi

package_of() {
    case $1 in
        etcd) echo go.etcd.io/etcd/server/v3 ;;
        helm) echo helm.sh/helm/v4/cmd/helm ;;
        *) echo "k8s.io/kubernetes/cmd/$1" ;;
    esac
}

# Counts the packages that the compiler names; a new line now and then where nothing can be overwritten.
progress() {
    local total=$1 count=0 shown=0 begin=$SECONDS package
    while read -r package; do
        count=$((count + 1))
        if [ -t 2 ]; then
            printf '\r  %d of %d packages, %d s ' "$count" "$total" $((SECONDS - begin)) >&2
        elif [ $((SECONDS - shown)) -ge 30 ]; then
            shown=$SECONDS
            printf '  %d of %d packages, %d s\n' "$count" "$total" $((SECONDS - begin)) >&2
        fi
        # What is no package is an error or a download.
        case $package in *[\ :]*) printf '\n%s\n' "$package" >&2 ;; esac
    done
    printf '%s  linked after %d s\n' "$([ ! -t 2 ] || printf '\r')" $((SECONDS - begin)) >&2
}

# Tests that need the same program at once build it once.
mkdir -p "$directory"
exec {lock}>"$directory/lock"
flock "$lock"
lacking=$(missing "$@")
if [ -z "$lacking" ]; then
    echo "$directory"
    exit
fi
echo "Building ${product^} $version (${lacking% }) into $directory; only the first run does" >&2
scratch=$(mktemp -d "$directory/build.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
if [ "${KUBERNETES:-$newest}" != "$newest" ] && [[ " $lacking" = *" etcd "* ]]; then
    etcd=$(KUBERNETES='' "${here%/*}/programs.sh" etcd)
    ln -sf "$etcd/etcd" "$directory/etcd"
    lacking=${lacking/etcd /}
    [ -n "$lacking" ] || { echo "$directory"; exit; }
fi
packages=()
for program in $lacking; do
    packages+=("$(package_of "$program")")
done
cd "$here"
export CGO_ENABLED=0 GOWORK=off
stamp=k8s.io/component-base/version
minor=${version#v1.}
total=$(go list -deps "${packages[@]}" | wc -l)
go build -v -trimpath -o "$scratch/" \
    -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" \
    "${packages[@]}" 2>&1 | progress "$total"
# Each program appears at once and whole, also while another process builds it.
[ ! -e "$scratch/server" ] || mv "$scratch/server" "$scratch/etcd"
for program in $lacking; do
    mv "$scratch/$program" "$directory/$program"
done
echo "$directory"
