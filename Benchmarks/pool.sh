# shellcheck shell=bash
# shellcheck disable=SC2034  # what finish_load sets is read by those who source this
# Sourced by the benchmarks of the worker pool: a daemon with an admin listener, and wrk's counts of what went wrong.
# WORKERS (2) and CONNECTIONS (8) for the load; MODEL for another model than the embedded one.

command -v wrk >/dev/null || { echo "wrk is missing: apt-get install wrk" >&2; exit 1; }
workers=${WORKERS:-2}
connections=${CONNECTIONS:-8}
model=${MODEL:-Models/sms-spam}

# start_pool [OPTIONS...]: the release binary on ports that the kernel chooses; sets url and admin.
start_pool() {
  folder=$(mktemp -d)
  log=$folder/log
  swift build -c release --product martlet >&2
  binary=$(swift build -c release --show-bin-path)/martlet
  "$binary" serve "$model" -w "$workers" -b 127.0.0.1:0 --admin-bind "unix:$folder/admin" -p "$folder/pid" "$@" \
    >"$folder/out" 2>"$log" &
  server=$!
  trap stop_pool EXIT
  for _ in $(seq 200); do
    grep -q '^ready:' "$folder/out" && break
    sleep 0.1
  done
  url=$(sed -n 's/^ready: .* on \(127[0-9.:]*\).*/http:\/\/\1/p' "$folder/out" | head -n 1)
  [ -n "$url" ] || { cat "$folder/out" "$log" >&2; exit 1; }
}

stop_pool() {
  kill "$(cat "$folder/pid" 2>/dev/null)" "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  rm -rf "$folder"
}

# arbiter: the process that the pid file names now.
arbiter() { cat "$folder/pid"; }

# worker_requests: slot and requests of each worker that serves.
worker_requests() {
  curl -sf --unix-socket "$folder/admin" http://localhost/monitor |
    tr -d ' \n' | grep -o '"slot":[0-9]*,"pid":[0-9]*,"state":"ready","requests":[0-9]*' |
    sed 's/[^0-9,]//g' | awk -F, '{ print $1, $4 }'
}

# start_load SECONDS: wrk in the background; its report goes to $folder/wrk.
start_load() {
  wrk -t1 -c"$connections" -d"${1}s" --timeout 10s --latency -s Benchmarks/predict/predict.lua "$url/predict" \
    >"$folder/wrk" 2>&1 &
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
    END { print requests + 0, connect + 0, read + 0, write + 0, timeout + 0, refused + 0, p99 }' "$folder/wrk")"
  failed=$((connect + read + write + timeout + refused))
}
