# The image: one static binary, nothing else. `make image` builds the binary, then this.
FROM scratch
ARG BINARY=target/x86_64-unknown-linux-gnu/release/boundtoken
COPY ${BINARY} /boundtoken
USER 65532:65532
ENTRYPOINT ["/boundtoken"]
CMD ["serve"]
