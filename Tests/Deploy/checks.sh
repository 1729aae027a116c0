# shellcheck shell=bash
# One line for each check: ok, FAILED with what it printed, or skipped with what is missing. To be sourced.

# shellcheck source=Tests/Daemon/daemon.sh
source Tests/Daemon/daemon.sh
martlet="${MARTLET_BINARY:-}"

failures=0
passed=0
folder="$(mktemp -d)"
started=()

clean_up() {
  local pid
  for pid in "${started[@]+"${started[@]}"}"; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$folder"
}
trap clean_up EXIT

check() {
  local name="$1"
  shift
  if "$@" >"$folder/output" 2>&1; then
    echo "ok      $name"
    passed=$((passed + 1))
  else
    echo "FAILED  $name"
    sed 's/^/        /' "$folder/output"
    failures=$((failures + 1))
  fi
}

skipped() { echo "skipped $1 ($2)"; }

# with TOOL NAME COMMAND…: the check, or a line that says it was skipped for want of the tool.
with() {
  local tool="$1"
  shift
  if command -v "$tool" >/dev/null 2>&1; then check "$@"; else skipped "$1" "no $tool"; fi
}

finish() { exit "$((failures > 0))"; }

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
  local tries=$(($1 * 10))
  shift
  while ((tries-- > 0)); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  return 1
}

# same TEXT TEXT: says what differs.
same() {
  [[ "$1" = "$2" ]] || {
    diff <(printf '%s\n' "$1") <(printf '%s\n' "$2")
    return 1
  }
}
