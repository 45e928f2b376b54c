# The browser suite and the gateway that it starts, for a grid of browsers: see docker-compose.test.yml.
FROM debian:12-slim
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /src
COPY tools/packages.txt tools/packages.txt
RUN apt-get update \
  && awk -F'|' '/^\[/ {on = $1 == "[run]"; next} on && /^[^#]/ {print $1}' tools/packages.txt \
  | xargs apt-get install -y --no-install-recommends nodejs ca-certificates \
  && rm -rf /var/lib/apt/lists/*
COPY . .
RUN ./dev build release
ENTRYPOINT ["tests/webdriver/run"]
