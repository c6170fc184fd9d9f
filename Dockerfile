FROM node:24-slim AS build
WORKDIR /app
# Built by the user who runs it: only then does Node use the compiled code in dist/.
RUN chown node:node .
USER node
COPY --chown=node:node . .
RUN npm ci && node dev/build/main.ts && npm prune --omit=dev

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/node_modules node_modules
COPY --from=build --chown=node:node /app/dist dist
COPY package.json ./
COPY config/example.yaml config/example.yaml
RUN mkdir -p data && chown node:node data
USER node
VOLUME ["/app/data", "/app/config"]
ENTRYPOINT ["node", "dist/lawspeaker.js"]
CMD ["start"]
