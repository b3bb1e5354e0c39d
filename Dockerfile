# The image contains one static binary. `make image` builds the binary, then the image.
FROM scratch
ARG BINARY=target/x86_64-unknown-linux-gnu/release/boundtoken
COPY ${BINARY} /boundtoken
USER 65532:65532
ENTRYPOINT ["/boundtoken"]
CMD ["serve"]
