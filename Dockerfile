# A release of the base, so that two builds are alike. For production, name its digest as well:
#   docker build --build-arg NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:… -t lawspeaker .
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Built by the user who runs it: only then does Node use the compiled code in dist/.
RUN chown node:node .
# By number, so that Kubernetes can see that it is not root: the user `node`.
USER 1000:1000
COPY --chown=node:node package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
# Encryption needs a native library that npm's registry does not have: `yes` downloads it from github.com, and
# the build fails if it does not work. Without it, the bot refuses to start with encryption.enabled: true.
ARG ENCRYPTION=no
RUN case "$ENCRYPTION" in \
      yes) npm rebuild --foreground-scripts @matrix-org/matrix-sdk-crypto-nodejs \
        && node -e "require('@matrix-org/matrix-sdk-crypto-nodejs')" ;; \
      no) echo 'The image is built without encryption.' ;; \
      *) echo 'ENCRYPTION must be yes or no.'; exit 1 ;; \
    esac
COPY --chown=node:node . .
RUN node dev/build/main.ts && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Lawspeaker" \
      org.opencontainers.image.description="A chat-ops moderation bot for Matrix homeservers that run Synapse" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
# Inside the container alone. Set it to 0.0.0.0:9090 for a Prometheus in another container. It has
# precedence over http.listen in the configuration.
ENV NODE_ENV=production \
    LAWSPEAKER_HTTP_LISTEN=127.0.0.1:9090
COPY --from=build /app/node_modules node_modules
COPY --from=build --chown=node:node /app/dist dist
COPY package.json LICENSE ./
COPY config/example.yaml example.yaml
# The only folders that the bot writes to: the root file system may be read-only.
RUN install -d -m 700 -o node -g node data config
USER 1000:1000
VOLUME ["/app/data", "/app/config"]
HEALTHCHECK --interval=60s --timeout=15s --start-period=2m --retries=3 \
  CMD ["node", "dist/lawspeaker.js", "healthcheck"]
ENTRYPOINT ["node", "dist/lawspeaker.js"]
CMD ["start"]
