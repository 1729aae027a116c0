#!/bin/bash
# Nginx before three hosts, which are network namespaces; each is killed, paused and cut off under load. Run it by
# Tests/Deploy/sandbox.sh, with MARTLET_BINARY set. The load is bounded and never leaves the sandbox.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
# shellcheck source=Tests/Deploy/nginx-pair.sh
source Tests/Deploy/nginx-pair.sh
[[ -d /sandbox ]] || { echo "run it by Tests/Deploy/sandbox.sh" >&2; exit 64; }

ip link add bridge type bridge && ip addr add 10.99.0.1/24 dev bridge && ip link set bridge up
start_host() {
  # A session of its own, so that the whole pool is killed or paused at once, as a machine is.
  launcher=(setsid ip netns exec "host$1")
  start_daemon "$folder/host$1" Models/sms-spam -w 1 -b "10.99.0.1$1:5000" --admin-bind none || return 1
  pids[$1]=$daemon
  wait_for 60 curl -s -f -m 1 "http://10.99.0.1$1:5000/readyz"
}
for number in 1 2 3; do
  ip netns add "host$number"
  ip link add "host$number" type veth peer name eth0 netns "host$number"
  ip link set "host$number" master bridge up
  ip -n "host$number" addr add "10.99.0.1$number/24" dev eth0
  ip -n "host$number" link set eth0 up
  ip -n "host$number" link set lo up
  start_host "$number" || exit 1
done
port=8080
url="http://127.0.0.1:$port"
write_nginx_conf
sed 's/192\.0\.2\.1/10.99.0.1/' nginx/martlet-upstream-hosts.conf >"$folder/snippets/martlet-upstream.conf"
start_nginx || { cat "$folder/nginx.log"; exit 1; }
reload="nginx -c $folder/nginx.conf -t -q && nginx -c $folder/nginx.conf -s reload 2>/dev/null"

# under_load REQUESTS COMMAND…: while requests are made, the command; none of them may fail.
under_load() {
  local requests="$1" asker before
  shift
  before=$(asked)
  python3 Tests/Deploy/ask.py load "$url/predict" "$requests" 8 0.01 &
  asker=$!
  wait_for 60 is_asked "$before"
  "$@"
  wait "$asker" && return 0
  # Why, for who looks at a failure.
  tail -n 10 "$folder/nginx-error.log" "$folder"/host*/log
  return 1
}
asked() { wc -l <"$folder/nginx-access.log"; }
# is_asked COUNT: whether there are fifty requests more than that.
is_asked() { [[ "$(asked)" -gt $(($1 + 50)) ]]; }
kill_host() { kill -KILL -- "-${pids[$1]}"; }
pause_host() { kill -STOP -- "-${pids[$1]}"; }
resume_host() { kill -CONT -- "-${pids[$1]}"; }
cut_off() { ip link set "host$1" down; }
join_again() { ip link set "host$1" up && wait_for 60 curl -s -f -m 1 "http://10.99.0.1$1:5000/readyz"; }

each_host_serves() {
  under_load 600 true || return 1
  for number in 1 2 3; do
    [[ "$(ip netns exec "host$number" cat /proc/net/tcp | grep -c ':1388 .* 01 ')" -gt 0 ]] || { echo "host $number was not asked"; return 1; }
  done
}
killed() { under_load 2500 kill_host "$1"; local status=$?; start_host "$1" && return "$status"; }
cut() { under_load 2500 cut_off "$1"; local status=$?; join_again "$1" && return "$status"; }
# A host that ends in order: the rest take what it refuses.
stopped() { under_load 2500 stop_host "$1"; local status=$?; start_host "$1" && return "$status"; }
stop_host() { kill -TERM "${pids[$1]}"; }
paused() { under_load 2500 pause_host "$1"; local status=$?; resume_host "$1" && return "$status"; }
without_retries_it_fails() {
  cp "$folder/snippets/martlet-server.conf" "$folder/server.before"
  sed -i 's/^\( *\)proxy_next_upstream error.*/\1proxy_next_upstream off;/' "$folder/snippets/martlet-server.conf"
  reload_nginx
  ! killed 1
  local status=$?
  mv "$folder/server.before" "$folder/snippets/martlet-server.conf"
  reload_nginx
  return "$status"
}
active_check() {
  local output="$folder/snippets/martlet-upstream.conf"
  printf '10.99.0.11:5000\n# the second\n10.99.0.12:5000\n10.99.0.13:5000\n' >"$folder/hosts"
  deploy/check-upstream.sh --hosts "$folder/hosts" --output "$output" --reload "$reload" --watch 1 &
  local watcher=$! status=1
  started+=("$watcher")
  pause_host 2
  # Paused, it takes connections and never answers: only a question notices.
  wait_for 60 grep -q '10.99.0.12:5000 down' "$output" && under_load 1000 true && resume_host 2 &&
    wait_for 60 grep -q '10.99.0.12:5000 max_fails' "$output" && under_load 500 true && status=0
  kill "$watcher"
  resume_host 2
  if [[ "$status" = 0 ]]; then
    for number in 1 2 3; do pause_host "$number"; done
    # One look takes out whoever does not answer.
    deploy/check-upstream.sh --hosts "$folder/hosts" --output "$output" --reload "$reload"
    ! grep -q down "$output" || { echo "it took every host out"; status=1; }
    for number in 1 2 3; do resume_host "$number"; done
  fi
  return "$status"
}

check "requests go to each of three hosts" each_host_serves
for number in 1 2 3; do
  check "host $number killed under load: no request fails" killed "$number"
  check "host $number cut off under load: no request fails" cut "$number"
done
check "a host stopped under load: no request fails" stopped 3
check "a host paused under load: no request fails, the late ones are sent again" paused 2
check "without sending again, requests would fail (the test can tell)" without_retries_it_fails
check "the active check takes a paused host out and back, and never all" active_check
for number in 1 2 3; do kill_host "$number"; done
finish
