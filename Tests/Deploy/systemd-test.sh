#!/bin/bash
# The units under a real systemd: run it by Tests/Deploy/sandbox.sh --boot, with MARTLET_BINARY set.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
[[ -d /sandbox && -d /run/systemd/system ]] || { echo "run it by Tests/Deploy/sandbox.sh --boot" >&2; exit 64; }

predict() { curl -sS -f -m 5 -H 'Content-Type: application/json' -d '{"input": "hello"}' "$@"; }
under_load() {
  local asked
  asked="$(grep -c 'POST /predict' /var/log/nginx/martlet.access.log)"
  python3 Tests/Deploy/ask.py load http://127.0.0.1/predict 600 4 0.03 &
  local asker=$! status=0
  wait_for 60 is_asked
  "$@" || status=$?
  wait "$asker" && return "$status"
}
# Whether requests arrive: the log of the site grows.
is_asked() { [[ "$(grep -c 'POST /predict' /var/log/nginx/martlet.access.log)" -gt "$asked" ]]; }
restart_thrice() { for _ in 1 2 3; do systemctl restart martlet || return 1; done; }
reload_thrice() { for _ in 1 2 3; do systemctl reload martlet || return 1; done; }
kill_daemon() { systemctl kill --kill-whom=main --signal=KILL martlet; }
main_pid() { systemctl show -P MainPID martlet.service; }
comes_back() {
  local first
  first="$(main_pid)"
  under_load kill_daemon && wait_for 60 is_another "$first"
}
is_another() { local now; now="$(main_pid)"; [[ "$now" != "$1" && "$now" != 0 ]]; }
on_demand() {
  systemctl stop martlet.service && systemctl is-active martlet.socket && predict http://127.0.0.1:5000/predict && wait_for 60 systemctl is-active martlet.service
}
confined() {
  local pid
  pid="$(main_pid)"
  grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status"
  grep -Eq '^CapBnd:\s+0+$' "/proc/$pid/status" && grep -Eq '^CapEff:\s+0+$' "/proc/$pid/status" &&
    grep -Eq '^NoNewPrivs:\s+1$' "/proc/$pid/status" && grep -Eq '^Seccomp:\s+2$' "/proc/$pid/status" || return 1
  # As the daemon sees the files: only its own folders can be written to, and homes and devices are not there.
  local line
  for line in "/var/lib/martlet/model/x denied" "/var/lib/martlet/x denied" "/etc/x denied" "/usr/x denied" "/var/lib/martlet/state/x allowed" "/var/log/martlet/x allowed" "/tmp/x allowed"; do
    if nsenter -t "$pid" -m setpriv --reuid martlet --regid martlet --clear-groups touch "${line% *}" 2>/dev/null; then
      same "$line" "${line% *} allowed" || return 1
    else
      same "$line" "${line% *} denied" || return 1
    fi
  done
  local homes
  homes="$(nsenter -t "$pid" -m ls -A /home /root 2>/dev/null)"
  ! grep -v -e ':$' -e '^$' <<<"$homes" && ! nsenter -t "$pid" -m test -e /dev/vda
}
logs_in_journal() { said_in_journal martlet '^ready'; }
# said_in_journal UNIT PATTERN: not through a pipe, which grep -q would close while journalctl writes.
said_in_journal() { grep -q -- "$2" <<<"$(journalctl -u "$1" --no-pager -o cat)"; }
second_model() {
  cp -r Models/sms-spam /var/lib/martlet/models/second
  mkdir -p /etc/martlet && echo 'MARTLET_OPTIONS=--workers 1 --bind 127.0.0.1:5010 --admin-bind 127.0.0.1:5011' >/etc/martlet/second.env
  # Started means that it serves.
  systemctl enable --now martlet@second && predict http://127.0.0.1:5010/predict && predict http://127.0.0.1/predict || return 1
  systemctl reload martlet@second && systemctl show -P StatusText martlet@second | grep 'of 1 workers serve' &&
    same "30s notify" "$(systemctl show -P WatchdogUSec martlet@second) $(systemctl show -P Type martlet@second)"
}
second_socket() {
  mkdir -p /etc/systemd/system/martlet@second.socket.d
  printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:5010\n' >/etc/systemd/system/martlet@second.socket.d/listen.conf
  systemctl daemon-reload && systemctl stop martlet@second && systemctl enable --now martlet@second.socket && systemctl start martlet@second || return 1
  python3 Tests/Deploy/ask.py load http://127.0.0.1:5010/predict 300 4 0.03 &
  local asker=$!
  systemctl restart martlet@second && wait "$asker" || return 1
  systemctl disable --now martlet@second.socket martlet@second && rm -r /etc/systemd/system/martlet@second.socket.d /var/lib/martlet/models/second
}
no_noise() {
  local unit
  for unit in martlet martlet@second; do
    if said_in_journal "$unit" 'thread priority'; then
      echo "$unit:"
      journalctl -u "$unit" --no-pager -o cat | grep -c 'thread priority'
      return 1
    fi
  done
}
# A model that does not load, in the place of the one that is served.
breaks_model() { served="$(readlink /var/lib/martlet/model)"; mkdir -p /var/lib/martlet/models/broken && echo '{}' >/var/lib/martlet/models/broken/config.json && ln -sfn models/broken /var/lib/martlet/model; }
mends_model() { ln -sfn "$served" /var/lib/martlet/model; }
has_metric() { grep -qx "$1" <<<"$(curl -sS -m 5 http://127.0.0.1:5001/metrics)"; }
refused_reload() {
  local served said pid
  pid="$(main_pid)"
  breaks_model
  ! systemctl reload martlet || { echo "the reload succeeded"; return 1; }
  said="$(journalctl -u martlet --no-pager -o cat -n 20)"
  grep 'Error: the reload was refused.*config.json' <<<"$said" || { echo "$said"; return 1; }
  predict http://127.0.0.1/predict && systemctl is-active martlet && same "$pid" "$(main_pid)" && has_metric 'martlet_last_reload_successful 0' || return 1
  said="$(martlet doctor)"
  grep '^warning *reload .*refused' <<<"$said" || { echo "$said"; return 1; }
  wait_for 60 alerted || { curl -s http://127.0.0.1:5001/monitor.json | head -c 2000; return 1; }
  mends_model
  systemctl reload martlet && has_metric 'martlet_last_reload_successful 1' && said="$(martlet doctor)"
  ! grep '^warning *reload' <<<"$said"
}
alerted() { grep -q '"ReloadRefused"' <<<"$(curl -s -m 5 http://127.0.0.1:5001/monitor.json)"; }
listens() {
  ip addr add 10.77.0.1/32 dev lo || return 1
  # In the control group of the daemon, so that what its unit says of addresses holds.
  local blocked=(bash -c "echo \$\$ >/sys/fs/cgroup/system.slice/martlet.service/cgroup.procs && curl -sS -m 2 http://10.77.0.1:80/healthz")
  ! predict http://10.77.0.1:5000/predict && curl -sS -m 5 http://10.77.0.1:80/healthz || return 1
  ! "${blocked[@]}" || { echo "the sandbox does not enforce IPAddressDeny="; return 1; }
  deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam --listen 10.77.0.1 && predict http://10.77.0.1:5000/predict &&
    predict http://127.0.0.1/predict && "${blocked[@]}" || return 1
  ! said_in_journal martlet 'is not listened on' || return 1
  deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam | grep 'nothing to change' && predict http://10.77.0.1:5000/predict || return 1
  # A restart keeps it, and what the settings alone say is told to be nothing.
  sed -i 's/^bind = .*/bind = ["0.0.0.0:5000"]/' /etc/martlet/martlet.toml
  systemctl restart martlet && predict http://10.77.0.1:5000/predict && said_in_journal martlet 'bind = 0.0.0.0:5000 is not listened on' || return 1
  deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam --listen 127.0.0.1 && ! predict http://10.77.0.1:5000/predict &&
    ! "${blocked[@]}" && predict http://127.0.0.1/predict && [[ ! -e /etc/systemd/system/martlet.socket.d/listen.conf ]]
}
rotates() {
  command -v logrotate >/dev/null || return 0
  mkdir -p /etc/systemd/system/martlet.service.d
  printf '[Service]\nExecStart=\nExecStart=%s --access-logfile /var/log/martlet/access.log\n' "$(systemctl cat martlet.service | sed -n 's/^ExecStart=//p')" \
    >/etc/systemd/system/martlet.service.d/log.conf
  systemctl daemon-reload && systemctl restart martlet && predict http://127.0.0.1:5000/predict && wait_for 60 test -s /var/log/martlet/access.log &&
    logrotate -f /etc/logrotate.d/martlet && predict http://127.0.0.1:5000/predict && wait_for 60 rotated || return 1
  rm -r /etc/systemd/system/martlet.service.d && systemctl daemon-reload && systemctl restart martlet
}
rotated() { [[ -s /var/log/martlet/access.log && -s /var/log/martlet/access.log.1 ]]; }
verifies() {
  # Only what concerns these units; the manual page comes with the Debian package.
  local said
  said="$(systemd-analyze verify --man=no martlet.service martlet.socket martlet@second.service martlet@second.socket 2>&1)"
  ! grep martlet <<<"$said"
}
hardened() {
  local unit
  for unit in martlet.service martlet@second.service; do systemd-analyze security --threshold=20 --no-pager "$unit" >"$folder/security" || { cat "$folder/security"; return 1; }; done
}
http3() {
  deploy/enable-https.sh -d api.example.org --self-signed --http3 || return 1
  local question=(curl -sS -m 10 --cacert /etc/martlet/tls/self-signed.crt --resolve api.example.org:443:127.0.0.1 -o /dev/null -w '%{http_version}' https://api.example.org/healthz)
  same 3 "$("${question[@]}" --http3-only)" && same 2 "$("${question[@]}" --http2)" && deploy/enable-https.sh --rollback
}
doctor() {
  local said
  # In this machine no time server keeps the clock: a warning, and no failure.
  said="$(martlet doctor)" || [[ "$?" = 1 ]] || { echo "$said"; return 1; }
  echo "$said"
  grep -q '^ok *nginx .*martlet.conf sends to port 5000' <<<"$said" && grep -q '^ok *model .*it serves model' <<<"$said" || return 1
  systemctl stop martlet.socket martlet.service
  martlet doctor
  [[ "$?" = 2 ]] && systemctl start martlet.service
}

deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam >"$folder/install.log" 2>&1 || { cat "$folder/install.log"; exit 1; }
check "systemd-analyze verify accepts the units" verifies
check "systemd-analyze security is 2.0 or less" hardened
check "a request starts the daemon by its socket" on_demand
check "three restarts under load fail no request" under_load restart_thrice
check "three reloads under load fail no request" under_load reload_thrice
check "the daemon killed under load comes back, and no request fails" comes_back
check "the daemon has no capability, and writes only where it should" confined
check "its lines are in the journal" logs_in_journal
check "a second model runs as an instance, which systemd knows to serve" second_model
check "with a socket of its own an instance restarts without a refused request" second_socket
check "nothing is logged of thread priorities" no_noise
check "a refused reload fails with the reason, in metrics, alerts and doctor too" refused_reload
check "--listen listens and lets out, without it neither is done, and bind alone says so" listens
check "logs are rotated without a lost line" rotates
if grep -q -- --with-http_v3_module <<<"$(nginx -V 2>&1)" && grep -q HTTP3 <<<"$(curl --version)"; then
  check "HTTP/3 is spoken where it is asked for" http3
else
  skipped "HTTP/3" "this Nginx or this curl has none"
fi
check "martlet doctor finds it sound, and a stopped one not" doctor
finish
