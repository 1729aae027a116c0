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
  python3 Tests/Deploy/ask.py load http://127.0.0.1/predict 600 4 0.03 &
  local asker=$!
  sleep 0.5
  "$@"
  wait "$asker"
}
restart_thrice() { for _ in 1 2 3; do systemctl restart martlet; sleep 0.3; done; }
reload_thrice() { for _ in 1 2 3; do systemctl reload martlet; sleep 0.5; done; }
kill_daemon() { systemctl kill --kill-whom=main --signal=KILL martlet; }
main_pid() { systemctl show -P MainPID martlet.service; }
comes_back() {
  local first
  first="$(main_pid)"
  under_load kill_daemon && wait_for 5 test "$(main_pid)" != "$first" && [[ "$(main_pid)" != "$first" && "$(main_pid)" != 0 ]]
}
on_demand() {
  systemctl stop martlet.service && systemctl is-active martlet.socket && predict http://127.0.0.1:5000/predict && wait_for 10 systemctl is-active martlet.service
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
  ! nsenter -t "$pid" -m ls -A /home /root 2>/dev/null | grep -v -e ':$' -e '^$' && ! nsenter -t "$pid" -m test -e /dev/vda
}
logs_in_journal() { journalctl -u martlet --no-pager -o cat | grep '^ready'; }
second_model() {
  cp -r Models/sms-spam /var/lib/martlet/models/second
  mkdir -p /etc/martlet && echo 'MARTLET_OPTIONS=--workers 1 --bind 127.0.0.1:5010 --admin-bind 127.0.0.1:5011' >/etc/martlet/second.env
  systemctl enable --now martlet@second && wait_for 10 predict http://127.0.0.1:5010/predict && predict http://127.0.0.1/predict || return 1
  systemctl disable --now martlet@second && rm -r /var/lib/martlet/models/second
}
rotates() {
  command -v logrotate >/dev/null || return 0
  mkdir -p /etc/systemd/system/martlet.service.d
  printf '[Service]\nExecStart=\nExecStart=%s --access-logfile /var/log/martlet/access.log\n' "$(systemctl cat martlet.service | sed -n 's/^ExecStart=//p')" \
    >/etc/systemd/system/martlet.service.d/log.conf
  systemctl daemon-reload && systemctl restart martlet && wait_for 5 predict http://127.0.0.1:5000/predict && sleep 1.5 &&
    logrotate -f /etc/logrotate.d/martlet && sleep 0.5 && predict http://127.0.0.1:5000/predict && sleep 1.5 || return 1
  wc -l /var/log/martlet/*
  [[ -s /var/log/martlet/access.log && -s /var/log/martlet/access.log.1 ]] && rm -r /etc/systemd/system/martlet.service.d && systemctl daemon-reload &&
    systemctl restart martlet
}
verifies() {
  # Only what concerns these units; the manual page comes with the Debian package.
  ! systemd-analyze verify --man=no martlet.service martlet.socket martlet@second.service 2>&1 | grep martlet
}
hardened() { systemd-analyze security --threshold=20 --no-pager martlet.service | tail -n 1; systemd-analyze security --threshold=20 --no-pager martlet.service >/dev/null; }
doctor() {
  # In this machine no time server keeps the clock: a warning, and no failure.
  martlet doctor || [[ "$?" = 1 ]] || return 1
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
check "a second model runs as an instance" second_model
check "logs are rotated without a lost line" rotates
if "$MARTLET_BINARY" --help | grep -q '^ *doctor '; then
  check "martlet doctor finds it sound, and a stopped one not" doctor
else
  skipped "martlet doctor" "this program has no such command"
fi
finish
