#!/bin/bash
# compose.yaml without an engine: its schema, and its services as programs of this machine, with the files where the containers have
# them. Run it by Tests/Deploy/sandbox.sh, with MARTLET_BINARY set. Needs docker-compose, Nginx, certbot, pebble and Prometheus.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
# shellcheck source=Tests/Deploy/authority.sh
source Tests/Deploy/authority.sh
[[ -d /sandbox ]] || { echo "run it by Tests/Deploy/sandbox.sh" >&2; exit 64; }

words() { python3 Tests/Deploy/compose.py "$@"; }
ask() { curl -sS -m 10 --cacert "$folder/root.pem" "$@"; }
predict() { ask -f -H 'Content-Type: application/json' -d '{"input": "hello"}' "$1/predict"; }
valid() {
  docker-compose -f compose.yaml config -q && DOMAIN=api.example.org docker-compose -f compose.yaml --profile https config >"$folder/config" &&
    python3 -c 'import sys, yaml; print(sorted(yaml.safe_load(open(sys.argv[1]))["services"]))' "$folder/config" | tee "$folder/services" &&
    same "['certbot', 'grafana', 'martlet', 'nginx', 'prometheus']" "$(cat "$folder/services")"
}
serves() {
  local command
  mapfile -t command < <(words command martlet)
  chown 10001:10001 /var/lib/martlet/state
  setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    "$MARTLET_BINARY" "${command[@]}" >"$folder/martlet.log" 2>&1 &
  started+=("$!")
  wait_for 60 healthy || { cat "$folder/martlet.log"; return 1; }
}
healthy() {
  local command
  mapfile -t command < <(words healthcheck)
  "$MARTLET_BINARY" "${command[@]:1}"
}
behind_nginx() {
  local command
  mapfile -t command < <(words command nginx)
  rm -f /etc/nginx/sites-enabled/*
  WATCH_SECONDS=1 "${command[@]}" >"$folder/nginx.log" 2>&1 &
  started+=("$!")
  wait_for 60 predict http://127.0.0.1 || { cat "$folder/nginx.log"; return 1; }
  # The log that a container shows.
  wait_for 60 grep -q '"POST /predict HTTP/1.1" 200 .*request_id=' "$folder/nginx.log"
}
certified() {
  local command
  mapfile -t command < <(words command certbot)
  # Debian 12's Nginx knows HTTP/2 by another word than the image's.
  if printf '%s\n1.25.1\n' "$(nginx -v 2>&1 | sed 's|.*/\([0-9.]*\).*|\1|')" | sort -CV; then sed -i 's/http2 on;//' /martlet/certbot.sh; fi
  DOMAIN=api.example.org EMAIL="" ACME_SERVER=https://localhost:14000/dir "${command[@]}" >"$folder/certbot.log" 2>&1 &
  started+=("$!")
  wait_for 90 predict https://api.example.org || { cat "$folder/certbot.log" "$folder/nginx.log"; return 1; }
  # A worker of before may still take a connection.
  wait_for 60 is_redirected
}
is_redirected() { [[ "$(ask -o /dev/null -w '%{http_code}' -d x http://api.example.org/predict)" = 308 ]]; }
scraped() { grep -q '"1"\]' <<<"$(curl -s 'http://127.0.0.1:9090/api/v1/query?query=up')"; }
watched() {
  prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path="$folder/tsdb" --web.listen-address=127.0.0.1:9090 >"$folder/prometheus.log" 2>&1 &
  started+=("$!")
  wait_for 90 scraped || { cat "$folder/prometheus.log"; return 1; }
}
# The listener has a token, and Grafana finds the dashboard and the data source.
closed() {
  same 401 "$(ask -o /dev/null -w '%{http_code}' http://127.0.0.1:5001/metrics)" && [[ -s /var/lib/grafana/dashboards/martlet.json ]] &&
    grep -q 'path: /var/lib/grafana/dashboards' /etc/grafana/provisioning/dashboards/martlet.yml
}
stops() {
  local begin=$SECONDS
  kill -TERM "${started[1]}" && wait "${started[1]}" && [[ $((SECONDS - begin)) -ge 3 && $((SECONDS - begin)) -lt 45 ]]
}

start_authority || cat "$folder/pebble.log"
echo '127.0.0.1 martlet' >>/etc/hosts
mkdir -p /run/secrets && openssl rand -hex 32 >/run/secrets/admin-token && chmod 644 /run/secrets/admin-token
check "compose.yaml is valid" valid
words mounts || exit 1
check "the daemon serves as user 10001, and its health check says so" serves
check "Nginx serves it, and shows its log" behind_nginx
check "certbot gets a certificate, and Nginx serves it by itself" certified
check "Prometheus scrapes it with the token" watched
check "without the token nobody does, and Grafana has its files" closed
check "it ends after --drain-delay" stops
finish
