#!/bin/bash
# The way of an alert, with the real Prometheus and Alertmanager: a daemon too slow for its own objective, the shipped rules,
# and a receiver at the end. MARTLET_BINARY names the built binary.
# shellcheck disable=SC2317  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh

rules=deploy/prometheus
with promtool "promtool accepts the rules" promtool check rules $rules/martlet-rules.yml
with promtool "the rules raise what they should" promtool test rules $rules/martlet-rules-test.yml
missing=""
for needed in prometheus prometheus-alertmanager python3 curl; do command -v $needed >/dev/null || missing="$missing $needed"; done
[[ -x "${MARTLET_BINARY:-}" ]] || missing="$missing MARTLET_BINARY"
if [[ -n "$missing" ]]; then
  skipped "alerts through Prometheus and Alertmanager" "no$missing"
  finish
fi

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
prometheus=$(free_port)
alertmanager=$(free_port)
mkdir "$folder/prometheus" "$folder/alertmanager"

python3 Tests/Deploy/alert-receiver.py "$folder/port" "$folder/received" topsecret &
started+=($!)
wait_for 60 test -s "$folder/port"
receiver=$(cat "$folder/port")

cat >"$folder/alertmanager.yml" <<END
route: {receiver: hook, group_by: [alertname, instance], group_wait: 0s, group_interval: 1s}
receivers:
  - name: hook
    webhook_configs: [{url: "http://127.0.0.1:$receiver/prometheus"}]
END
printf 'topsecret\n' >"$folder/secret"
prometheus-alertmanager --config.file="$folder/alertmanager.yml" --storage.path="$folder/alertmanager" \
  --web.listen-address="127.0.0.1:$alertmanager" --cluster.listen-address="" >"$folder/alertmanager.log" 2>&1 &
started+=($!)
# No list is answered within a microsecond.
start_daemon "$folder" Models/sms-spam -w 1 -b 127.0.0.1:0 --admin-bind 127.0.0.1:0 --latency-objective 0.001 \
  --alert-webhook "http://127.0.0.1:$receiver/direct" --alert-webhook-secret-file "$folder/secret" \
  --alertmanager "http://127.0.0.1:$alertmanager" || exit 1
started+=("$daemon")
url="$(ready "$folder" url)"
admin="$(ready "$folder" admin-port)"

cat >"$folder/prometheus.yml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$PWD/$rules/martlet-rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:$alertmanager"]}]}]}
scrape_configs: [{job_name: martlet, static_configs: [{targets: ["127.0.0.1:$admin"]}]}]
END
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/prometheus" \
  --web.listen-address="127.0.0.1:$prometheus" >"$folder/prometheus.log" 2>&1 &
started+=($!)

scraped() {
  curl -sf "http://127.0.0.1:$prometheus/api/v1/query?query=martlet_workers" >"$folder/answer" && grep -q '"1"\]' "$folder/answer"
}
# received PATTERN: the receiver has a line of it.
received() { grep -q "$1" "$folder/received" 2>/dev/null; }
# Lists, because a quarter of a millisecond is the shortest time that is told from a shorter one, and a fast machine answers one
# text sooner.
predict() {
  local texts
  texts=$(printf '"see you at seven",%.0s' {1..63})
  for _ in $(seq 20); do
    curl -sf "$url/predict" -H 'Content-Type: application/json' -d "{\"input\": [$texts\"at eight\"]}" >/dev/null || return 1
  done
}
# All of it, for who looks at a failure.
awaits() {
  wait_for 90 received "$1" && return 0
  cat "$folder/received" "$folder/log"
  tail -n 5 "$folder/prometheus.log" "$folder/alertmanager.log"
  return 1
}
by_prometheus() { awaits '"path": "/prometheus".*"alertname": "MartletLatencyBudgetBurn", "instance"'; }
by_daemon() { awaits '"path": "/prometheus".*"alertname": "MartletLatencyBudgetBurn", "job": "martlet", "severity": "critical"}'; }
refused_first() { awaits '"path": "/refused"'; }
signed() { awaits '"path": "/direct".*"alert": "LatencyBudgetBurn".*"signed": true' && ! received '"signed": false'; }
reported() {
  "$MARTLET_BINARY" report --url "http://127.0.0.1:$admin" -o "$folder/report.html" &&
    grep -q '"name":"LatencyBudgetBurn"' "$folder/report.html" &&
    "$MARTLET_BINARY" report --url "http://127.0.0.1:$admin" --json >"$folder/report.json" &&
    python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["burn"]["hour"] > 14.4' "$folder/report.json"
}

dashboard() { python3 Tests/Deploy/grafana.py deploy/grafana/martlet.json "http://127.0.0.1:$prometheus"; }

check "Prometheus scrapes /metrics" wait_for 90 scraped
check "the daemon answers" predict
check "the rule's alert comes through Prometheus and Alertmanager" by_prometheus
check "the daemon's own alert comes through Alertmanager" by_daemon
check "an alert that the webhook refuses comes again" refused_first
check "and has the right signature" signed
check "every query of the Grafana dashboard finds series" dashboard
check "martlet report writes what the listener shows" reported
finish
