# syntax=docker/dockerfile:1
# The image of Martlet: docker build -t martlet . && docker run -p 5000:5000 martlet
# Another model: docker run -p 5000:5000 -v ./my-model:/var/lib/martlet/model:ro martlet. All of it with Nginx, certificates and
# monitoring: compose.yaml.
FROM swift:6.1-bookworm AS build
WORKDIR /source
COPY deploy/deps.sh deploy/deps.sh
RUN deploy/deps.sh deb
COPY . .
RUN swift build -c release --product martlet --static-swift-stdlib && strip -o /martlet .build/release/martlet

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libssl3 libsqlite3-0 libcurl4 libpq5 ca-certificates tzdata && rm -rf /var/lib/apt/lists/*
RUN echo 'martlet:x:10001:10001:Martlet:/var/lib/martlet:/usr/sbin/nologin' >>/etc/passwd && echo 'martlet:x:10001:' >>/etc/group && mkdir -p /var/lib/martlet/state && chown 10001:10001 /var/lib/martlet/state && ln -s /usr/share/martlet/models/sms-spam /var/lib/martlet/model
COPY --from=build /martlet /usr/bin/martlet
COPY Models/sms-spam /usr/share/martlet/models/sms-spam
USER 10001:10001
# The root may be read-only: docker run --read-only --tmpfs /tmp.
VOLUME ["/var/lib/martlet/state"]
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/usr/bin/martlet", "probe"]
# The end begins at SIGTERM and takes two seconds; with --drain-delay, for a balancer that looks only every few seconds, longer: then
# give docker stop --time more.
ENTRYPOINT ["/usr/bin/martlet"]
CMD ["serve", "/var/lib/martlet/model", "--bind", "0.0.0.0:5000", "--workers", "2"]
