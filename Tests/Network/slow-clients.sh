#!/usr/bin/env bash
# slowhttptest in its four modes against one worker, while others use it: every request of theirs must be answered at once, and
# the slow connections must be gone when their time is over.
#   Tests/Network/slow-clients.sh [CONNECTIONS (400)]
# shellcheck disable=SC2317  # conditions are called by name
set -euo pipefail
connections=${1:-400}
# shellcheck source=Tests/Network/server.sh
. "$(dirname "$0")/server.sh"
start --header-timeout 4 --body-timeout 4 --write-timeout 4 --keep-alive 8
worker=$(ready "$work" workers)

# held: connections to the daemon that are open.
held() { ss -Htn state established "( sport = :$port )" | wc -l; }

# wait_until SECONDS COMMAND...
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt "$end" ] || return 1
    sleep 0.1
  done
}

base="http://127.0.0.1:$port"
body='{"input":"see you at the shop"}'
fault=0

# probe SECONDS: one request after the other on connections of their own; prints how many, the slowest, and how many failed.
probe() {
  local end=$((SECONDS + $1)) count=0 failed=0 slowest=0
  while [ $SECONDS -lt $end ]; do
    answer=$(curl -s -o /dev/null -w '%{http_code} %{time_total}' --max-time 2 "$base/predict" -H 'Content-Type: application/json' -d "$body" || true)
    count=$((count + 1))
    [ "${answer%% *}" = 200 ] || failed=$((failed + 1))
    slowest=$(awk -v a="$slowest" -v b="${answer##* }" 'BEGIN { print (b > a) ? b : a }')
  done
  echo "$count $slowest $failed"
}

# attack NAME FLAGS...
attack() {
  local name=$1
  shift
  slowhttptest "$@" -c "$connections" -r 200 -l 12 -p 2 >"$work/slow" 2>&1 &
  local attacker=$!
  # The others come once half of the slow ones are there.
  until_connected() { [ "$(held)" -ge $((connections / 2)) ]; }
  wait_until 30 until_connected || true
  read -r count slowest failed < <(probe 8)
  wait "$attacker" || true
  printf '%-28s %5d requests of others, slowest %s s, %d failed\n' "$name" "$count" "$slowest" "$failed"
  [ "$failed" = 0 ] && [ "$count" -gt 0 ] || fault=1
}

attack "slow headers (-H)" -H -i 1 -t GET -u "$base/healthz" -x 10
attack "slow body (-B)" -B -i 1 -t POST -u "$base/predict" -s 8192 -x 10
attack "range (-R)" -R -t HEAD -u "$base/openapi.json" -a 10 -b 3000
attack "slow read (-X)" -X -i 1 -t GET -u "$base/openapi.json" -w 512 -y 1024 -n 1 -z 32 -k 3

are_gone() { [ "$(held)" -lt 5 ]; }
wait_until 15 are_gone || fault=1
echo "connections left: $(held)"
[ "$(ready "$work" workers)" = "$worker" ] && kill -0 "$worker" || fault=1
[ $fault = 0 ] && echo "no worker was taken away"
exit $fault
