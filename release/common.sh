# What the scripts of a release share; they read it from the root of the repository.
# shellcheck shell=bash

dist=${DIST:-dist}
version=$(release/version.sh)
# OWNER/NAME on GitHub, and the image. Nothing else names them.
repository=${REPOSITORY:-OWNER/boundtoken}
image=ghcr.io/${repository,,}
# Every file in an archive has the time of the commit.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

architecture() {
    case $(uname -m) in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) uname -m ;;
    esac
}

# pack ARCHIVE DIRECTORY NAME: writes DIRECTORY/NAME as .tar.gz; equal contents give equal bytes.
pack() {
    tar --create --directory "$2" --format=ustar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX "$3" | gzip --no-name --best >"$1"
}
