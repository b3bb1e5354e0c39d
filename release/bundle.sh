#!/usr/bin/env bash
# Writes what all architectures share into dist, beside the archives in it: the manifests and the chart with the image by
# its digest (IMAGE_DIGEST), the manifests of krew and Homebrew, the notes, and the checksums of all files.
set -euo pipefail
cd "$(dirname "$0")/.."
. release/common.sh

digest=${IMAGE_DIGEST:-}
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || {
    echo "IMAGE_DIGEST=$digest must be sha256: and 64 hexadecimal digits" >&2
    exit 1
}
archives=("$dist/boundtoken-$version-linux"-*.tar.gz)
[ -e "${archives[0]}" ] || {
    echo "$dist has no archive of $version; release/archive.sh writes one" >&2
    exit 1
}
download=https://github.com/$repository/releases/download/v$version

manifests() {
    sed "s|image: boundtoken:$version\$|image: $image@$digest|" manifests/install.yaml >"$dist/install.yaml"
    grep -qF "image: $image@$digest" "$dist/install.yaml"
}

# Packed again after Helm has checked and packed it, because Helm notes the time.
chart() {
    local helm scratch
    helm=$(tests/cluster/programs.sh helm)/helm
    scratch=$(mktemp -d)
    cp -r charts/boundtoken "$scratch/source"
    sed -i "s|^  repository: boundtoken\$|  repository: $image|; s|^  digest: \"\"\$|  digest: $digest|" \
        "$scratch/source/values.yaml"
    "$helm" package "$scratch/source" --destination "$scratch" >/dev/null
    tar --extract --gzip --file "$scratch/boundtoken-$version.tgz" --directory "$scratch"
    pack "$dist/boundtoken-$version.tgz" "$scratch" boundtoken
    rm -r "$scratch"
}

sum() { sha256sum "$1" | cut -d ' ' -f 1; }

krew() {
    cat <<END
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: boundtoken
spec:
  version: v$version
  homepage: https://github.com/$repository
  shortDescription: Bound the lifetime of service account tokens
  description: |
    Shows which Pods hold service account tokens that are valid for up to a year, previews what the admission webhook
    boundtoken would do to manifests, and checks an installation of it.
  platforms:
END
    local archive architecture
    for archive in "${archives[@]}"; do
        architecture=${archive##*-linux-}
        cat <<END
  - selector:
      matchLabels:
        os: linux
        arch: ${architecture%.tar.gz}
    uri: $download/$(basename "$archive")
    sha256: $(sum "$archive")
    bin: boundtoken
    files:
    - from: "*/boundtoken"
      to: .
    - from: "*/LICENSE*"
      to: .
END
    done
}

homebrew() {
    cat <<END
class Boundtoken < Formula
  desc "Bounds the lifetime and audience of the service account tokens in Pods"
  homepage "https://github.com/$repository"
  version "$version"
  license "Apache-2.0"
  depends_on :linux

END
    local archive cpu
    for archive in "${archives[@]}"; do
        case $archive in *-arm64.tar.gz) cpu=arm ;; *) cpu=intel ;; esac
        cat <<END
  on_$cpu do
    url "$download/$(basename "$archive")"
    sha256 "$(sum "$archive")"
  end

END
    done
    cat <<'END'
  def install
    bin.install "boundtoken"
    bin.install_symlink bin/"boundtoken" => "kubectl-boundtoken"
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/boundtoken.bash" => "boundtoken"
    zsh_completion.install "completions/_boundtoken"
    fish_completion.install "completions/boundtoken.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/boundtoken --version")
  end
end
END
}

# The section of this version in the changelog.
notes() {
    awk -v heading="## [$version]" '
        index($0, "## [") == 1 { inside = index($0, heading) == 1; next }
        inside && (seen || NF) { seen = 1; print }
    ' CHANGELOG.md
    printf '\nImage: `%s@%s`\n' "$image" "$digest"
}

manifests
chart
krew >"$dist/boundtoken.yaml"
homebrew >"$dist/boundtoken.rb"
notes >"$dist/notes.md"
rm -f "$dist/SHA256SUMS"
sums=$(cd "$dist" && sha256sum -- *)
echo "$sums" >"$dist/SHA256SUMS"
ls -l "$dist"
