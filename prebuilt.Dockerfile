# The image with a binary that is there already: `make image` builds the binary, then this, in its directory.
FROM scratch
ARG BINARY=boundtoken
COPY ${BINARY} /boundtoken
USER 65532:65532
ENTRYPOINT ["/boundtoken"]
CMD ["serve"]
