# The image with a binary that is there already: `make image` builds the binary, then this, in its directory. A release
# also has the licences of what is linked there, LICENSES-THIRD-PARTY of `make archive`.
FROM scratch
ARG BINARY=boundtoken
COPY ${BINARY} /boundtoken
COPY LICENSE* /licenses/
USER 65532:65532
ENTRYPOINT ["/boundtoken"]
CMD ["serve"]
