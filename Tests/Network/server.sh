# shellcheck shell=bash disable=SC2034
# Sourced by the checks of this folder: a daemon with one worker on a free loopback port, stopped at the end.
#   MARTLET_BINARY   the binary; built if not set

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Daemon/daemon.sh
. Tests/Daemon/daemon.sh
work=$(mktemp -d)
trap 'stop_daemon "$work"; rm -rf "$work"' EXIT
find_martlet

# start [flags]: the port is in $port, the process in $daemon, the log in $work/log.
start() {
  start_daemon "$work" Models/sms-spam -w 1 -b 127.0.0.1:0 --admin-bind none "$@" && port=$(ready "$work" port)
}

# certificate NAME [openssl req flags]: $work/NAME.pem and $work/NAME.key.
certificate() {
  local name=$1
  shift
  openssl req -x509 -nodes -days 30 -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$work/$name.key" -out "$work/$name.pem" "$@" 2>/dev/null
}
