# shellcheck shell=bash
# Sourced by the checks of this folder: starts `martlet serve` with one worker on a free loopback port, and stops it at the end.
#   MARTLET_BINARY   the binary; built if not set

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
server=""

finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT

martlet=${MARTLET_BINARY:-}
if [ -z "$martlet" ]; then
  (cd "$root" && swift build -c release --product martlet >&2)
  martlet=$(cd "$root" && swift build -c release --show-bin-path)/martlet
fi

# start [flags]: the port is in $port, the log in $work/log.
start() {
  "$martlet" serve "$root/Models/sms-spam" -w 1 -b 127.0.0.1:0 --admin-bind none "$@" >"$work/out" 2>"$work/log" &
  server=$!
  for _ in $(seq 100); do
    port=$(sed -n 's/.*http[s]*:\/\/127\.0\.0\.1:\([0-9]*\)\/predict.*/\1/p' "$work/out")
    [ -n "$port" ] && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "the server did not come up:" >&2
  cat "$work/log" >&2
  exit 1
}

# certificate NAME [openssl req flags]: $work/NAME.pem and $work/NAME.key.
certificate() {
  local name=$1
  shift
  openssl req -x509 -nodes -days 30 -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$work/$name.key" -out "$work/$name.pem" "$@" 2>/dev/null
}
