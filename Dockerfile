FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY src src
COPY config/example.yaml config/example.yaml
RUN mkdir -p data && chown node:node data
USER node
VOLUME ["/app/data", "/app/config"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["start"]
