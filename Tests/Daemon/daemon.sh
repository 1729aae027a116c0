# shellcheck shell=bash
# Sourced, from the repository's root, by benchmarks and by the tests of deploying, of the network and of clients: starts
# `martlet serve`, and knows by its ready file that all workers serve. daemon.py beside it is the same for Python.

launcher=()

# find_martlet: sets $martlet to MARTLET_BINARY, or to the release binary, which it builds.
find_martlet() {
  martlet=${MARTLET_BINARY:-}
  [ -z "$martlet" ] || return 0
  swift build -c release --product martlet >&2 && martlet=$(swift build -c release --show-bin-path)/martlet
}

# start_daemon FOLDER [ARGUMENTS of serve…]: starts $martlet, with the words of the array `launcher` before it, and waits until it
# is ready, a minute at most. FOLDER gets out, log and ready.json. Sets $daemon, the process.
start_daemon() {
  local folder=$1
  shift
  mkdir -p "$folder"
  rm -f "$folder/ready.json"
  "${launcher[@]+"${launcher[@]}"}" "$martlet" serve "$@" --ready-file "$folder/ready.json" >"$folder/out" 2>"$folder/log" &
  daemon=$!
  for _ in $(seq 600); do
    [ ! -e "$folder/ready.json" ] || return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$daemon" 2>/dev/null
  echo "the daemon did not come up: serve $*" >&2
  cat "$folder/out" "$folder/log" >&2
  return 1
}

# ready FOLDER url|port|admin|admin-port|arbiter|workers|health|generation: what the ready file says, of addresses the first; workers a line each.
ready() {
  awk -v what="$2" '
    { gsub(/[",]/, "") }
    $1 == "admin:" { kind = $2 == "true" ? "admin" : "url" }
    $1 == "url:" && !(kind in found) { found[kind] = $2; port = $2; sub(/.*:/, "", port); found[kind == "url" ? "port" : "admin-port"] = port }
    $1 == "arbiter:" || $1 == "health:" || $1 == "generation:" { sub(/:/, "", $1); found[$1] = $2 }
    $1 == "workers:" { isList = 1 }
    $1 == "]" { isList = 0 }
    isList && $1 ~ /^[0-9]+$/ { found["workers"] = found["workers"] (found["workers"] ? "\n" : "") $1 }
    END { if (!(what in found)) exit 1; print found[what] }' "$1/ready.json"
}

# until_ready_differs FOLDER WHAT OLD: waits until the ready file says another thing, half a minute at most.
until_ready_differs() {
  for _ in $(seq 600); do
    [ "$(ready "$1" "$2" 2>/dev/null || echo "$3")" = "$3" ] || return 0
    sleep 0.05
  done
  echo "the ready file still says that $2 is $3" >&2
  return 1
}

# stop_daemon FOLDER: asks the daemon that serves now to end, and waits until it has.
stop_daemon() {
  local arbiter status=0
  arbiter=$(ready "$1" arbiter 2>/dev/null) || return 0
  kill "$arbiter" 2>/dev/null || return 0
  wait "$arbiter" 2>/dev/null || status=$?
  [ "$status" = 127 ] || return 0
  # After USR2 it is no child of this shell.
  for _ in $(seq 600); do
    kill -0 "$arbiter" 2>/dev/null || break
    sleep 0.1
  done
}
