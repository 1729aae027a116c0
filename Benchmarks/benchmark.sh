# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is read by those who source this
# Sourced by every benchmark, which then stands in the repository's root: what it needs, the servers it starts, the load it gives.
#
#   QUICK=1            the first steps of a long benchmark, to see that it runs; its figures say little
#   MARTLET_BINARY     another program than this tree's release build
#   MARTLET_DATA       the folder of labelled data, one folder a set

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=Tests/Daemon/daemon.sh
. Tests/Daemon/daemon.sh
benchmark=$(basename "$(dirname "$0")")
quick=${QUICK:-}
[ "$quick" != 0 ] || quick=""
work=$(mktemp -d)
trap 'stop_daemon "$work"; rm -rf "$work"' EXIT

# skip WHAT: ends the benchmark, which cannot run here without it.
skip() {
  echo "skipped: $benchmark: needs $1"
  exit 0
}

# need COMMAND…: is skipped where one is not installed.
need() {
  local command
  for command in "$@"; do command -v "$command" >/dev/null || skip "$command"; done
}

# need_data SET…: is skipped where MARTLET_DATA has not all of them.
need_data() {
  local set
  [ -n "${MARTLET_DATA:-}" ] || skip "MARTLET_DATA, the folder of labelled data"
  for set in "$@"; do [ -d "$MARTLET_DATA/$set" ] || skip "the data set $set in MARTLET_DATA"; done
}

# usually LONG SHORT: prints the first, or in quick mode the second.
usually() { if [ -n "$quick" ]; then echo "$2"; else echo "$1"; fi; }

# build PRODUCT: builds a program of this package; sets $built to its path.
build() {
  local flags=(--package-path Benchmarks --scratch-path .build-benchmarks -c release)
  swift build "${flags[@]}" --product "$1" >&2 && built=$(swift build "${flags[@]}" --show-bin-path)/$1
}

model=${MODEL:-Models/sms-spam}
workers=${WORKERS:-2}
connections=${CONNECTIONS:-8}
seconds=${WRK_SECONDS:-$(usually 5 1)}
cores=$(nproc)
pin_server=() pin_client=()
if [ "$cores" -gt 1 ]; then
  pin_server=(taskset -c 0)
  pin_client=(taskset -c "1-$((cores - 1))")
fi

# start_pool [OPTIONS…]: a daemon with an admin listener; sets $url.
start_pool() {
  find_martlet
  start_daemon "$work" "$model" -w "$workers" -b 127.0.0.1:0 --admin-bind "unix:$work/admin" "$@"
  url=$(ready "$work" url)
}

# start_server [OPTIONS…]: one worker on core 0, with nobody who watches it; sets $url and $worker, its process.
start_server() {
  find_martlet
  launcher=("${pin_server[@]}")
  start_daemon "$work" "$model" -w 1 -b 127.0.0.1:0 --admin-bind none --monitor none "$@"
  launcher=()
  url=$(ready "$work" url)
  worker=$(ready "$work" workers)
}

# worker_requests: slot and requests of each worker that serves.
worker_requests() {
  curl -sf --unix-socket "$work/admin" http://localhost/monitor.json |
    tr -d ' \n' | grep -o '"slot":[0-9]*,"pid":[0-9]*,"state":"ready","requests":[0-9]*' |
    sed 's/[^0-9,]//g' | sort -u | awk -F, '{ print $1, $4 }'
}

# load URL [wrk arguments]: a table over connections, from the cores that the server has not.
load() {
  local url=$1 count
  shift
  printf '%12s %12s %12s %12s %10s\n' connections req/s p50 p99 errors
  for count in ${WRK_CONNECTIONS:-1 8 64}; do
    "${pin_client[@]}" wrk -t1 -c"$count" -d"${seconds}s" --latency "$@" "$url" |
      awk -v c="$count" '
        $1 == "50%" { p50 = $2 }
        $1 == "99%" { p99 = $2 }
        /Requests\/sec/ { rate = $2 }
        /Socket errors/ { for (i = 4; i <= NF; i += 2) errors += $i }
        /Non-2xx/ { errors += $NF }
        END { printf "%12d %12.0f %12s %12s %10d\n", c, rate, p50, p99, errors }'
  done
}

# start_load SECONDS: wrk in the background, on all cores; its report goes to $work/wrk.
start_load() {
  wrk -t1 -c"$connections" -d"${1}s" --timeout 10s --latency -s Benchmarks/predict/predict.lua "$url/predict" \
    >"$work/wrk" 2>&1 &
  load=$!
}

# finish_load: waits, and sets requests, connect, read, write, timeout, refused (answers other than 2xx and 3xx) and p99.
finish_load() {
  wait "$load"
  read -r requests connect read write timeout refused p99 <<<"$(awk '
    /requests in/ { requests = $1 }
    /Socket errors/ { gsub(",", ""); connect = $4; read = $6; write = $8; timeout = $10 }
    /Non-2xx/ { refused = $NF }
    $1 == "99%" { p99 = $2 }
    END { print requests + 0, connect + 0, read + 0, write + 0, timeout + 0, refused + 0, p99 }' "$work/wrk")"
  failed=$((connect + read + write + timeout + refused))
}
