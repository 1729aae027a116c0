# shellcheck shell=bash disable=SC2154
# Starting, stopping and asking the daemon and Nginx, with systemd and without. To be sourced after transaction.sh.

pid_file="/run/martlet/martlet.pid"
start_by_hand=(start-stop-daemon --pidfile "$pid_file" --exec /usr/local/bin/martlet)

make_user() {
  id martlet >/dev/null 2>&1 && return 0
  # On failure the account goes again; userdel takes the group of the same name with it.
  [[ "$dry_run" = 1 ]] || remember remove_user
  if command -v systemd-sysusers >/dev/null; then
    change systemd-sysusers /etc/sysusers.d/martlet.conf
  else
    change useradd --system --home-dir /var/lib/martlet --no-create-home --shell /usr/sbin/nologin martlet
  fi
}

remove_user() { if id martlet >/dev/null 2>&1; then userdel martlet; fi; }

daemon_is_up() {
  if have_systemd; then
    systemctl is-active --quiet martlet.service
  else
    "${start_by_hand[@]}" --status >/dev/null 2>&1
  fi
}

# start_daemon PROGRAM_CHANGED MODEL_CHANGED SOCKET_CHANGED: starts, restarts or reloads it, whichever is needed; waits until it
# answers.
start_daemon() {
  local program_changed="$1" model_changed="$2" socket_changed="$3"
  if [[ "$socket_changed" = 1 ]]; then program_changed=1; fi
  if have_systemd; then
    if [[ "$program_changed" = 1 ]]; then
      [[ "$dry_run" = 1 ]] || remember systemctl daemon-reload
      change systemctl daemon-reload
    fi
    if ! systemctl is-enabled --quiet martlet.service 2>/dev/null; then
      [[ "$dry_run" = 1 ]] || remember systemctl disable martlet.service
      change systemctl enable --quiet martlet.service
    fi
    if ! daemon_is_up; then
      [[ "$dry_run" = 1 ]] || remember systemctl stop martlet.socket martlet.service
      change systemctl start martlet.service
    elif [[ "$socket_changed" = 1 ]]; then
      [[ "$dry_run" = 1 ]] || undo=("systemctl daemon-reload; systemctl stop martlet.socket martlet.service; systemctl start martlet.service" "${undo[@]+"${undo[@]}"}")
      change systemctl stop martlet.socket martlet.service
      change systemctl start martlet.service
    elif [[ "$program_changed" = 1 ]]; then
      [[ "$dry_run" = 1 ]] || remember_restart
      change systemctl restart martlet.service
    elif [[ "$model_changed" = 1 ]]; then
      [[ "$dry_run" = 1 ]] || remember_reload
      change systemctl reload martlet.service
    fi
  elif ! daemon_is_up; then
    [[ "$dry_run" = 1 ]] || remember stop_daemon
    say "no systemd is running here, so the daemon is started by hand: nothing starts it again after a crash or a reboot"
    change start_daemon_by_hand
  elif [[ "$program_changed" = 1 ]]; then
    [[ "$dry_run" = 1 ]] || remember_restart
    change restart_daemon_by_hand
  elif [[ "$model_changed" = 1 ]]; then
    [[ "$dry_run" = 1 ]] || remember_reload
    change reload_daemon_by_hand
  fi
}

reload_daemon_by_hand() { /usr/local/bin/martlet reload --ready-file /run/martlet/ready.json; }

# Undone last of all, when the files of before are in their places again: so these go to the front.
remember_restart() {
  if have_systemd; then
    undo=("systemctl daemon-reload; systemctl restart martlet.service" "${undo[@]+"${undo[@]}"}")
  else
    undo=(restart_daemon_by_hand "${undo[@]+"${undo[@]}"}")
  fi
}
remember_reload() {
  if have_systemd; then
    undo=("systemctl reload martlet.service" "${undo[@]+"${undo[@]}"}")
  else
    undo=(reload_daemon_by_hand "${undo[@]+"${undo[@]}"}")
  fi
}

# What the unit would run, read from the unit, so that there is one place that says it.
daemon_command() {
  sed -n 's/^ExecStart=//p' /etc/systemd/system/martlet.service
}

start_daemon_by_hand() {
  local command
  read -ra command < <(daemon_command)
  install -d -o martlet -g martlet /run/martlet
  "${start_by_hand[@]}" --start --background --make-pidfile --chuid martlet --output /run/martlet/martlet.log \
    --umask 077 -- "${command[@]:1}"
  # It is on its way until it has become the program that --exec names; before that it could not be stopped.
  local _
  for _ in {1..50}; do
    daemon_is_up && return 0
    sleep 0.1
  done
  tail -n 20 /run/martlet/martlet.log >&2
  return 1
}

stop_daemon() {
  if have_systemd; then
    if systemctl cat martlet.service >/dev/null 2>&1; then change systemctl disable --quiet --now martlet.socket martlet.service; fi
  elif daemon_is_up; then
    change "${start_by_hand[@]}" --stop --retry TERM/35/KILL/5 --quiet
  fi
  if [[ -d /run/martlet && "$dry_run" = 0 ]]; then rm -rf /run/martlet; fi
}

restart_daemon_by_hand() {
  stop_daemon
  start_daemon_by_hand
}

nginx_is_up() { [[ -s /run/nginx.pid ]] && kill -0 "$(cat /run/nginx.pid)" 2>/dev/null; }

# accepting_workers: Nginx's workers that accept; those of an older configuration say that they are shutting down.
accepting_workers() {
  local master child children=()
  master="$(cat /run/nginx.pid 2>/dev/null)" || return 0
  read -ra children 2>/dev/null <"/proc/$master/task/$master/children" || true
  for child in "${children[@]+"${children[@]}"}"; do
    if grep -aq 'worker process' "/proc/$child/cmdline" 2>/dev/null && ! grep -aq 'shutting down' "/proc/$child/cmdline" 2>/dev/null; then
      echo "$child"
    fi
  done
}

# await_new_workers OLD: until none of the workers in OLD accepts, so that what is asked next is answered by the new configuration.
await_new_workers() {
  local old="$1" now _
  for _ in {1..600}; do
    now="$(accepting_workers)"
    # Not through a pipe: what reads half of it would break it.
    if [[ -n "$now" ]] && ! grep -qxF "${old:-none}" <<<"$now"; then return 0; fi
    sleep 0.1
  done
}

# reload_nginx: checks the configuration, then reloads Nginx or starts it; on failure its old configuration is loaded again.
reload_nginx() {
  if [[ "$dry_run" = 0 ]]; then nginx -t -q; fi
  if [[ "$changes" = 0 ]] && nginx_is_up; then return 0; fi
  if nginx_is_up; then
    [[ "$dry_run" = 1 ]] || undo=("nginx -t -q && nginx -s reload" "${undo[@]+"${undo[@]}"}")
    local old
    old="$(accepting_workers)"
    if have_systemd; then change systemctl reload nginx; else change nginx -s reload 2>/dev/null; fi
    if [[ "$dry_run" = 0 ]]; then await_new_workers "$old"; fi
  else
    [[ "$dry_run" = 1 ]] || remember stop_nginx
    if have_systemd; then change systemctl start nginx; else change nginx; fi
  fi
}

stop_nginx() {
  if have_systemd; then systemctl stop nginx; elif nginx_is_up; then nginx -s stop; fi
}

# refuse_name_of_another_site NAME: fails if another site of this Nginx answers for it: one of the two would be ignored.
refuse_name_of_another_site() {
  local others
  others="$(nginx -T 2>/dev/null | awk -v name="$1" '
    /^# configuration file / { file = substr($4, 1, length($4) - 1) }
    $1 == "server_name" { for (i = 2; i <= NF; i++) { word = $i; sub(/;$/, "", word); if (word == name && file !~ /\/martlet\.conf$/) print file } }' | sort -u | tr '\n' ' ')"
  [[ -z "$others" ]] || fail "another site of this Nginx answers for $1: ${others% }. Take the name away there; or keep that site and \
its certificate, and let it send to the daemon (docs/nginx.md, \"Your own Nginx site\")"
}

check_prediction() {
  local attempt host scheme=http options=()
  host="$(sed -n 's/^ *server_name \([^; ]*\).*/\1/p' "$site" | head -n 1)"
  if [[ -z "$host" || "$host" = _ ]]; then host=localhost; fi
  # With HTTPS, port 80 only sends clients on; what is installed is what is asked, whoever signed its certificate.
  if grep -q 'listen .*443' "$site"; then scheme=https options=(--insecure); fi
  for attempt in {1..20}; do
    if curl -sS -f -m 10 -o "$kept/answer" "${options[@]+"${options[@]}"}" --resolve "$host:80:127.0.0.1" \
      --resolve "$host:443:127.0.0.1" -H 'Content-Type: application/json' -d '{"input": "hello"}' \
      "$scheme://$host/predict" 2>"$kept/curl.log"; then
      return 0
    fi
    sleep 0.5
  done
  cat "$kept/curl.log" >&2
  if have_systemd; then
    journalctl -u martlet -n 20 --no-pager >&2 || true
  elif [[ -f /run/martlet/martlet.log ]]; then
    tail -n 20 /run/martlet/martlet.log >&2
  fi
  fail "no prediction came through Nginx in $attempt tries"
}

# shipped_digest PACKAGE PATH: the MD5 sum that dpkg has for a configuration file as shipped.
shipped_digest() {
  dpkg-query -W -f='${Conffiles}\n' "$1" 2>/dev/null | awk -v path="$2" '$1 == path {print $2}'
}
