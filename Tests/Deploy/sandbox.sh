#!/bin/bash
# Runs a command as root of a machine that is thrown away: the files of this one (or of --lower DIR) under an overlay, with
# processes, mounts, host name and network of its own (loopback only). Needs root; leaves nothing.
#
#   Tests/Deploy/sandbox.sh [--lower DIR] [--size 2G] COMMAND…
#
# Inside, /run/sandbox/lower is the machine as it was and Tests/Deploy/changes.sh prints what differs from it.
set -euo pipefail

lower=/
size=2G
while [[ "${1:-}" = --* ]]; do
  case "$1" in
    --lower) lower="$(cd "$2" && pwd)"; shift 2 ;;
    --size) size="$2"; shift 2 ;;
    *) echo "sandbox: unknown option $1" >&2; exit 64 ;;
  esac
done
[[ $# -gt 0 ]] || { echo "sandbox: which command?" >&2; exit 64; }

if [[ "${SANDBOX_INSIDE:-}" != 1 ]]; then
  [[ "$(id -u)" -eq 0 ]] || { echo "sandbox: needs root" >&2; exit 77; }
  place="$(mktemp -d)"
  trap 'rmdir "$place"' EXIT
  SANDBOX_INSIDE=1 SANDBOX_PLACE="$place" unshare --mount --net --pid --uts --ipc --fork --kill-child --propagation private \
    "$0" --lower "$lower" --size "$size" "$@"
  exit
fi

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
unset SANDBOX_INSIDE
mount -t tmpfs -o "size=$size,mode=755" sandbox "$SANDBOX_PLACE"
cd "$SANDBOX_PLACE"
mkdir upper work merged
mount -t overlay -o "lowerdir=$lower,upperdir=$PWD/upper,workdir=$PWD/work" overlay merged
mkdir -p merged/proc merged/dev merged/run merged/sys
mount -t tmpfs -o mode=755 run merged/run
mkdir -p merged/run/lock merged/run/sandbox/{lower,upper,repository}
mount --bind "$lower" merged/run/sandbox/lower
mount -o remount,bind,ro merged/run/sandbox/lower
mount --bind upper merged/run/sandbox/upper
mount --bind "$repository" merged/run/sandbox/repository
mount -o remount,bind,ro merged/run/sandbox/repository
mount -t proc proc merged/proc
mount --rbind /dev merged/dev
mount -t sysfs -o ro sysfs merged/sys
ip link set lo up
hostname sandbox
status=0
chroot merged /bin/bash -c 'cd /run/sandbox/repository && exec "$@"' sandbox "$@" || status=$?
exit "$status"
