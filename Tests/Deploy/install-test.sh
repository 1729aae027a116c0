#!/bin/bash
# deploy/install.sh on a machine that is thrown away: run it by Tests/Deploy/sandbox.sh, with MARTLET_BINARY set.
# shellcheck disable=SC2317,SC2154,SC2016  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
[[ -d /sandbox ]] || { echo "run it by Tests/Deploy/sandbox.sh" >&2; exit 64; }

install=(deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam)
changes() { Tests/Deploy/changes.sh; }
predict() { curl -sS -f -m 5 "$@" -H 'Content-Type: application/json' -d '{"input": "hello"}'; }
main_pid() { if [[ -d /run/systemd/system ]]; then systemctl show -P MainPID martlet.service; else cat /run/martlet/martlet.pid; fi; }
before="$(changes)"
nginx_before="$(pgrep -x nginx | sort)"

dry_run_changes_nothing() {
  "${install[@]}" --dry-run && same "$before" "$(changes)" && nothing_runs
}

# One program is made to fail at its first call that matches, or always; the installation must fail and leave the machine alone.
fails_cleanly() {
  local program="$1" pattern="$2" times="$3" said status=0
  mkdir -p "$folder/shims"
  rm -f "$folder"/shims/* "$folder/failed"
  cat >"$folder/shims/$program" <<SHIM
#!/bin/bash
pattern='$pattern'
if [[ "x\$*" == x\$pattern ]]; then
  if [[ ! -e "$folder/failed" || "$times" = always ]]; then
    touch "$folder/failed"
    echo "$program: made to fail" >&2
    exit 1
  fi
fi
exec "$(command -v "$program")" "\$@"
SHIM
  chmod +x "$folder/shims/$program"
  said="$(PATH="$folder/shims:$PATH" "${install[@]}" 2>&1)" || status=$?
  echo "$said"
  [[ "$status" -ne 0 ]] || { echo "it succeeded although $program failed"; return 1; }
  [[ -e "$folder/failed" ]] || { echo "$program was never called so"; return 1; }
  grep -q 'failed while' <<<"$said" && same "$state" "$(changes)"
}
# Nothing may run that did not run before.
nothing_runs() { ! pgrep -x martlet && [[ -n "$nginx_before" || -z "$(pgrep -x nginx)" ]]; }

installs() {
  "${install[@]}" && predict http://127.0.0.1/predict && predict -g 'http://[::1]/predict' &&
    [[ "$(readlink /etc/nginx/sites-enabled/martlet.conf)" = ../sites-available/martlet.conf ]] &&
    [[ "$(ps -o user= -C martlet | sort -u)" = martlet ]]
}
twice_changes_nothing() {
  local once pids
  once="$(changes)"
  pids="$(pgrep -x martlet | sort)"
  touch "$folder/marker"
  "${install[@]}" | tee "$folder/second" && grep -q 'nothing to change' "$folder/second" &&
    same "$once" "$(changes)" && same "$pids" "$(pgrep -x martlet | sort)" &&
    same "" "$(find /etc /var/lib/martlet /usr/local -newer "$folder/marker")"
}
model_is_changed_by_reload() {
  local pid
  pid="$(main_pid)"
  cp -r Models/sms-spam "$folder/other" && echo '# changed' >>"$folder/other/README.md"
  deploy/install.sh --binary "$MARTLET_BINARY" --model "$folder/other" && predict http://127.0.0.1/predict &&
    [[ "$(readlink /var/lib/martlet/model)" = models/other-* && "$(main_pid)" = "$pid" ]] &&
    [[ "$(find /var/lib/martlet/models -mindepth 1 -maxdepth 1 | wc -l)" = 2 ]]
}
broken_model_is_undone() {
  local was
  was="$(changes)"
  mkdir "$folder/broken" && echo '{}' >"$folder/broken/config.json"
  ! deploy/install.sh --binary "$MARTLET_BINARY" --model "$folder/broken" && same "$was" "$(changes)" &&
    predict http://127.0.0.1/predict
}
failed_upgrade_is_undone() {
  local was
  was="$(changes)"
  printf '#!/bin/sh\n[ "$1" = --version ] && exit 0\nexit 3\n' >"$folder/bad-binary" && chmod +x "$folder/bad-binary"
  ! deploy/install.sh --binary "$folder/bad-binary" --model "$folder/other" && same "$was" "$(changes)" &&
    wait_for 60 predict http://127.0.0.1/predict
}
domain_is_set() {
  "${install[@]}" --domain api.example.org && predict -H 'Host: api.example.org' http://127.0.0.1/predict &&
    "${install[@]}" && grep -q 'server_name api.example.org;' /etc/nginx/sites-available/martlet.conf
}
a_site_of_ones_own_is_left() {
  local was
  was="$(changes)"
  echo '# mine' >>/etc/nginx/sites-available/default
  ! "${install[@]}" && "${install[@]}" --domain api.example.org && [[ -L /etc/nginx/sites-enabled/default ]] &&
    deploy/install.sh --uninstall && cp /sandbox/lower/etc/nginx/sites-available/default /etc/nginx/sites-available/default &&
    same "$was" "$(changes)"
}
uninstalls() {
  deploy/install.sh --uninstall --with-packages && same "$before" "$(changes)" && ! pgrep -x martlet && ! id martlet &&
    grep -q 'nothing to remove' <<<"$(deploy/install.sh --uninstall)"
}

state="$before"
check "a dry run changes nothing" dry_run_changes_nothing
check "a failure to make the user is undone" fails_cleanly systemd-sysusers '*' once
check "a failure to write the program is undone" fails_cleanly install '*martlet.new' once
check "a failure to copy the model is undone" fails_cleanly cp '-rL*' once
check "a failure to write the unit is undone" fails_cleanly install '*martlet.service.new' once
check "a failure to write the site is undone" fails_cleanly install '*sites-available/martlet.conf.new' once
check "a failure to link the site is undone" fails_cleanly ln '*sites-available*' once
if [[ -d /run/systemd/system ]]; then
  check "a failure to read the units is undone" fails_cleanly systemctl 'daemon-reload' once
  check "a failure to enable the unit is undone" fails_cleanly systemctl 'enable*' once
  check "a failure to start the daemon is undone" fails_cleanly systemctl 'start martlet*' once
else
  check "a failure to start the daemon is undone" fails_cleanly start-stop-daemon '*--start*' once
fi
if command -v nginx >/dev/null; then
  check "a failure of nginx -t is undone" fails_cleanly nginx '-t*' once
  if [[ ! -d /run/systemd/system ]]; then check "a failure to start Nginx is undone" fails_cleanly nginx '' once; fi
else
  check "a failure to install packages is undone" fails_cleanly apt-get '*install*' always
fi
if command -v curl >/dev/null; then
  check "a failure of the prediction is undone" fails_cleanly curl '*' always
fi
check "after all those failures nothing runs" nothing_runs
check "it installs, and a prediction comes through Nginx over IPv4 and IPv6" installs
check "a second run changes nothing" twice_changes_nothing
check "another model is loaded by the running daemon" model_is_changed_by_reload
state="$(changes)"
check "a broken model is undone, and the one before answers" broken_model_is_undone
check "a failed upgrade of the program is undone" failed_upgrade_is_undone
check "a domain is set, and kept by a run without --domain" domain_is_set
check "uninstalling leaves nothing of what it made" uninstalls
if [[ -e /etc/nginx/sites-available/default ]]; then
  check "a default site of one's own is never put aside" a_site_of_ones_own_is_left
fi
finish
