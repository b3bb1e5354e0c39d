# The image, built from the sources: `docker build .`, for amd64 and arm64. BOUNDTOKEN_COMMIT and BOUNDTOKEN_COMMIT_DATE
# are what `boundtoken version` names, because Git is not in the context.
# The digest is that of the index of the tag, which is built again for each update of Debian.
ARG BUILDER=docker.io/library/rust:1.95.0-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082
FROM ${BUILDER} AS build
# The toolchain of the image, which has not the components of rust-toolchain.toml that only `make lint` needs.
ENV RUSTUP_TOOLCHAIN=1.95.0 YES=1
WORKDIR /src
COPY .ci/requirements .ci/
COPY rust-toolchain.toml ./
RUN .ci/requirements cc make rust static-libc

# The dependencies in a layer of their own, behind empty crates without targets for tests.
COPY Cargo.toml Cargo.lock Makefile ./
COPY src/core/Cargo.toml src/core/
COPY src/static.c src/
RUN sed -i '/^\[\[/,/^$/d' Cargo.toml && \
    printf '//! Empty.\nfn main() {}\n' | tee src/main.rs src/core/lib.rs >src/lib.rs && make static && rm -r src

COPY . .
ARG BOUNDTOKEN_COMMIT=
ARG BOUNDTOKEN_COMMIT_DATE=
# The files may be older than the empty crates, and the targets of Cargo.toml for tests are not in the context.
RUN sed -i '/^\[\[/,/^$/d' Cargo.toml && touch src/lib.rs src/main.rs src/core/lib.rs && make static && cp target/*/release/boundtoken /boundtoken

FROM scratch
COPY --from=build /boundtoken /boundtoken
COPY LICENSE /licenses/
USER 65532:65532
ENTRYPOINT ["/boundtoken"]
CMD ["serve"]
