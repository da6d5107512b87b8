# AIVillage in a container: the offline bundle, unpacked on a bare Debian. See docs/install.md for how to run it.
#
#   docker build -t aivillage .
#   docker compose up
ARG DEBIAN=bookworm-slim

FROM node:24-${DEBIAN} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# Dependencies first: they are installed anew only when they change.
COPY package.json package-lock.json .npmrc ./
COPY scripts/build-native.js scripts/
RUN VILLAGE_NATIVE=off npm ci
COPY . .
RUN npm run bundle -- --platform "linux-$(node -p process.arch)" --out /bundle.tar.gz \
 && mkdir /opt/bundle \
 && tar -xzf /bundle.tar.gz -C /opt/bundle --strip-components 1 \
 && /opt/bundle/install.sh --prefix /opt/aivillage \
 && rm -rf /opt/bundle /bundle.tar.gz

FROM debian:${DEBIAN}
LABEL org.opencontainers.image.title="AIVillage" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/aivillage /opt/aivillage
RUN groupadd --system --gid 10001 village \
 && useradd --system --uid 10001 --gid village --home-dir /data --shell /usr/sbin/nologin village \
 && install -d -o village -g village -m 700 /data
USER village
# Keys, state, models and knowledge: the only place that is written, beside /tmp.
VOLUME /data
WORKDIR /data
ENV PATH=/opt/aivillage/bin:$PATH \
    HOME=/data \
    XDG_CACHE_HOME=/tmp \
    VILLAGE_DATA_DIR=/data
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s --retries=3 CMD ["village", "status", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["village"]
CMD ["start"]
