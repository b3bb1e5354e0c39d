# One recipe per task; `make` alone lists them. POSIX make and sh.
.POSIX:

CARGO = cargo
VERSION = $$(release/version.sh)
IMAGE = boundtoken:$(VERSION)
IMAGE_TOOLS = docker podman buildah
FIND_IMAGE_TOOL = for tool in $(IMAGE_TOOLS); do "$$tool" info >/dev/null 2>&1 && break; tool=; done; \
	if [ -z "$$tool" ]; then echo "make image needs one of $(IMAGE_TOOLS) that works" >&2; exit 1; fi
# Finds the tools of a task, and installs missing ones after one question, which YES=1 and CI=true answer.
WITH = .ci/requirements
# What `boundtoken version` names, unless the environment does; empty outside of a Git repository.
COMMIT = BOUNDTOKEN_COMMIT="$${BOUNDTOKEN_COMMIT-$$(git describe --always --dirty --exclude '*' --abbrev=12 2>/dev/null)}" \
	BOUNDTOKEN_COMMIT_DATE="$${BOUNDTOKEN_COMMIT_DATE-$$(git log -1 --format=%cs 2>/dev/null)}"
# The minor versions of Kubernetes and of kubectl of `make test-cluster`; empty for the newest, and the same.
KUBERNETES =
KUBECTL =
# The tag of a release, for `make release-check`, and a binary that is there already, for `make dist`.
TAG =
BINARY =
TARGET = $$(uname -m)-unknown-linux-gnu
STATIC = $${CARGO_TARGET_DIR:-target}/$(TARGET)/release

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: ## see it work: recorded requests of a real API server, answered on loopback, without a cluster
	@$(WITH) cc curl rust -- demo/run.sh

# With CI=true, no test is left out.
test: ## run every test but `e2e` and `soak`
	@$(WITH) cc curl go openssl rust $${CI:+chromium prometheus} -- $(MAKE) test-hermetic test-cluster test-faults

test-hermetic: ## run the tests that need no Kubernetes
	$(WITH) cc curl openssl rust -- $(CARGO) test --locked

test-cluster: ## run the tests against a real API server (KUBERNETES=1.33; built with Go once, some ten minutes)
	KUBERNETES="$(KUBERNETES)" KUBECTL="$(KUBECTL)" $(WITH) cc go rust -- $(CARGO) test --locked --test cluster

test-versions: ## run them against each version of tests/cluster/versions.txt, and print a table (half an hour)
	CARGO="$(CARGO)" $(WITH) cc go rust -- tests/cluster/versions.sh

test-faults: ## create Pods while replicas restart, certificates change and clients attack: none may fail (eight minutes)
	$(WITH) cc go rust -- $(CARGO) test --locked --test faults

fuzz: ## mutate inputs of each parser of untrusted bytes for a minute each (FUZZ_SECONDS=60)
	@$(WITH) c++ cc rust -- fuzz/run.sh

soak: ## the same at full size, and on a node wait until the kubelet rotates a token (an hour)
	BOUNDTOKEN_SOAK=1 $(WITH) cc go rust -- $(CARGO) test --locked --release --test faults -- --test-threads=6
	BOUNDTOKEN_SOAK=1 tests/e2e/run.sh tokens::clients_of_the_api_server_work_on
	BOUNDTOKEN_SOAK=1 tests/e2e/run.sh monitoring::

e2e: ## install boundtoken on a node of its own, or with E2E_CLUSTER=existing in yours, and read tokens of running Pods
	@tests/e2e/run.sh

test-bare: ## run `demo` on a Debian without any tools, in a directory (root; three minutes)
	@tests/bare-machine.sh

lint: ## check the format and the lints
	$(WITH) clippy -- $(CARGO) fmt --check
	$(WITH) cc clippy -- $(CARGO) clippy --locked --all-targets -- -D warnings
	$(WITH) cc clippy -- $(CARGO) clippy --locked --test cluster --test faults --test e2e --test release --test site --bench cluster --bench namespaces --bench audit -- -D warnings
	$(WITH) clippy -- $(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(WITH) cc clippy -- $(CARGO) clippy --locked --manifest-path fuzz/Cargo.toml -- -D warnings

site: ## build the site from the pages, target/site/index.html (compiles mdBook once, some minutes)
	@$(WITH) cc rust -- site/build.sh

test-site: site ## follow every link of the site, and search in it with a browser
	$(WITH) cc chromium rust -- $(CARGO) test --locked --test site

doc: ## build the API documentation of the library
	RUSTDOCFLAGS="-D warnings" $(WITH) cc rust -- $(CARGO) doc --locked --no-deps --document-private-items

docs: ## write the pages of annotations, diagnostics, checks and metrics, the JSON schemas, and docs/preview.svg
	WRITE_DOCS=1 $(WITH) cc rust -- $(CARGO) test --locked --test hermetic -- docs::reference docs::picture docs::chart

manifests: ## write manifests/install.yaml and the files of the Helm chart from the kustomizations
	kubectl kustomize manifests >manifests/install.yaml
	for part in guard guard-audit guard-namespaces monitoring; do \
		kubectl kustomize manifests/$$part >charts/boundtoken/files/$$part.yaml; \
	done

build: ## build target/release/boundtoken
	$(COMMIT) $(WITH) cc rust -- $(CARGO) build --locked --release

image: image-tool static ## build the container image with docker, podman or buildah (IMAGE=registry.example/boundtoken:1.2.3)
	cp LICENSE "$(STATIC)"
	@$(FIND_IMAGE_TOOL); "$$tool" build --file prebuilt.Dockerfile --tag "$(IMAGE)" "$(STATIC)"

# Checked before the binary is built, which takes minutes.
image-tool:
	@$(WITH) cc image rust static-libc
	@$(FIND_IMAGE_TOOL)

# Panics name files of the sources. Without the directories of this machine, and without incremental compilation, which
# divides the crate in another way, two builds of one commit are equal.
REMAP = --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}/registry/src=/cargo \
	--remap-path-prefix=$${CARGO_TARGET_DIR:-$$(pwd)/target}=/target --remap-path-prefix=$$(pwd)=/boundtoken

# Runs the binary, because the linker may support compact relocations that the C library cannot load.
static: ## build the static binary of the image
	mkdir -p "$(STATIC)"
	$(WITH) cc rust static-libc -- cc -O2 -c src/static.c -o "$(STATIC)/static.o"
	$(COMMIT) CARGO_INCREMENTAL=0 RUSTFLAGS="-C target-feature=+crt-static $(REMAP)" \
		$(WITH) cc rust static-libc -- $(CARGO) rustc --locked --release --package boundtoken --bin boundtoken \
		--target "$(TARGET)" -- -C link-arg=-Wl,-z,pack-relative-relocs \
		-C link-arg="$(STATIC)/static.o"
	$(STATIC)/boundtoken --version

reproducible: ## build the static binary a second time in other directories: it is the same (a quarter of an hour)
	@$(WITH) cc git rust static-libc -- tests/reproducible.sh

bench: ## measure a decision, and a request against the bare TLS server
	$(WITH) cc rust -- $(CARGO) bench --locked

bench-cluster: ## measure what boundtoken adds to the creation of a Pod by a real API server
	$(WITH) cc go rust -- $(CARGO) bench --locked --bench cluster

bench-namespaces: ## measure ten thousand Namespaces: memory, start, a change of settings
	$(WITH) cc go rust -- $(CARGO) bench --locked --bench namespaces

bench-audit: ## measure the audit: logs of 2 GB beside wc and jq, and twenty thousand Pods (2.2 GB of disk)
	$(WITH) cc go jq rust -- $(CARGO) bench --locked --bench audit

release-check: ## compare every version in the repository with that of Cargo.toml (TAG=v1.2.3 compares the tag as well)
	TAG="$(TAG)" release/check.sh

dist: ## fill dist with the files of a release, for this architecture (BINARY=target/debug/boundtoken to try it)
	rm -rf dist
	$(MAKE) archive
	$(MAKE) bundle

archive: ## write the archive of this architecture and its bill of materials into dist
	binary="$(BINARY)"; if [ -z "$$binary" ]; then $(MAKE) static && binary=$(STATIC)/boundtoken; fi && \
		$(WITH) cc rust -- release/archive.sh "$$binary"

bundle: ## write what all architectures share into dist, beside their archives
	IMAGE_DIGEST="$$(release/digest.sh)" && export IMAGE_DIGEST && release/bundle.sh

release-dry-run: release-check dist release-test ## do all of a release but the upload, and test the files in dist

release-test: ## test the files in dist
	$(WITH) cc rust -- $(CARGO) test --locked --test release

package: ## build the package of crates.io from its own files, as `cargo install` does
	$(WITH) cc rust -- $(CARGO) package --locked

lint-workflows: ## check the workflows of GitHub with actionlint (built with Go once, a minute)
	actionlint="$$(release/tools.sh actionlint)" && "$$actionlint" -shellcheck= -pyflakes=

deny: ## check licences, duplicates and sources of the dependencies
	@$(CARGO) deny --version >/dev/null 2>&1 || { \
		echo "cargo-deny is missing; get it with: cargo install --locked cargo-deny" >&2; exit 1; }
	$(CARGO) deny --locked check bans licenses sources

# Separate from `deny`, because it needs the advisory database on github.com.
advisories: ## check the dependencies against the RustSec database (network)
	$(CARGO) deny --locked check advisories

clean: ## remove what was built
	$(CARGO) clean

.PHONY: help demo test test-hermetic test-cluster test-versions test-faults fuzz soak e2e test-site site test-bare lint doc docs manifests build static image image-tool reproducible bench bench-cluster bench-namespaces bench-audit release-check dist archive bundle release-dry-run release-test lint-workflows package deny advisories clean
