# shellcheck shell=bash
# Sourced by the benchmarks over HTTP: starts a server on a free loopback port, loads it with wrk, prints a table.
# WRK_SECONDS (5) for each row; the server runs on core 0 and wrk on the others where there are any.

command -v wrk >/dev/null || { echo "wrk is missing: apt-get install wrk" >&2; exit 1; }
seconds=${WRK_SECONDS:-5}
cores=$(nproc)
if [ "$cores" -gt 1 ]; then
  pin_server="taskset -c 0"
  pin_client="taskset -c 1-$((cores - 1))"
else
  pin_server="" pin_client=""
fi

# free_port: prints a loopback port that nobody listens on.
free_port() {
  port=$((20000 + $$ % 20000))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# start_server PORT COMMAND...: starts it, pinned, and waits until it answers /healthz.
start_server() {
  local port=$1
  shift
  $pin_server "$@" >/dev/null 2>&1 &
  server=$!
  trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
  for _ in $(seq 100); do
    curl -sf -o /dev/null "http://127.0.0.1:$port/healthz" && return
    sleep 0.1
  done
  echo "the server did not come up: $*" >&2
  exit 1
}

# load URL [wrk arguments]: a table over connections.
load() {
  local url=$1
  shift
  printf '%12s %12s %12s %12s %10s\n' connections req/s p50 p99 errors
  for connections in ${WRK_CONNECTIONS:-1 8 64}; do
    $pin_client wrk -t1 -c"$connections" -d"${seconds}s" --latency "$@" "$url" |
      awk -v c="$connections" '
        $1 == "50%" { p50 = $2 }
        $1 == "99%" { p99 = $2 }
        /Requests\/sec/ { rate = $2 }
        /Socket errors/ { for (i = 4; i <= NF; i += 2) errors += $i }
        /Non-2xx/ { errors += $NF }
        END { printf "%12d %12.0f %12s %12s %10d\n", c, rate, p50, p99, errors }'
  done
}
