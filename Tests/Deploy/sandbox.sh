#!/bin/bash
# Runs a command as root of a machine that is thrown away: the files of this one (or of --lower DIR) under an overlay, with
# processes, mounts, host name and network of its own (loopback only). Needs root; leaves nothing.
#
#   Tests/Deploy/sandbox.sh [--lower DIR] [--boot] [--size 2G] [--bind PATH]… COMMAND…
#
# --boot starts a systemd of its own in it (systemd-nspawn), which enforces what units say, and runs the command as a unit; --bind shows a path of this
# machine, read-only, at the same place. Inside, /sandbox/lower is the machine as it was, /sandbox/repository this
# repository, and Tests/Deploy/changes.sh prints what differs.
# shellcheck disable=SC2317  # what a trap calls
set -euo pipefail

lower=/
size=2G
boot=0
binds=()
all=("$@")
while [[ "${1:-}" = --* ]]; do
  case "$1" in
    --lower) lower="$(cd "$2" && pwd)"; shift 2 ;;
    --size) size="$2"; shift 2 ;;
    --bind) binds+=("$2"); shift 2 ;;
    --boot) boot=1; shift ;;
    *) echo "sandbox: unknown option $1" >&2; exit 64 ;;
  esac
done
[[ $# -gt 0 ]] || { echo "sandbox: which command?" >&2; exit 64; }

if [[ "${SANDBOX_INSIDE:-}" != 1 ]]; then
  [[ "$(id -u)" -eq 0 ]] || { echo "sandbox: needs root" >&2; exit 77; }
  place="$(mktemp -d)"
  clean_up() {
    local group
    rmdir "$place"
    for group in /sys/fs/cgroup/{unified/,systemd/,}"martlet-sandbox-${place##*.}"; do
      if [[ -d "$group" ]]; then find "$group" -depth -type d -exec rmdir {} +; fi
    done
  }
  trap clean_up EXIT
  SANDBOX_INSIDE=1 SANDBOX_PLACE="$place" unshare --mount --net --pid --uts --ipc --fork --kill-child --propagation private \
    "$0" "${all[@]}"
  exit
fi

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
unset SANDBOX_INSIDE
mount -t tmpfs -o "size=$size,mode=755" sandbox "$SANDBOX_PLACE"
cd "$SANDBOX_PLACE"
mkdir upper work merged output
mount -t overlay -o "lowerdir=$lower,upperdir=$PWD/upper,workdir=$PWD/work" overlay merged
mkdir -p merged/sandbox/{lower,upper,repository,output}

show() {
  mkdir -p "merged$2"
  if [[ -f "$1" ]]; then rmdir "merged$2" && touch "merged$2"; fi
  mount --bind "$1" "merged$2"
  [[ "${3:-ro}" = rw ]] || mount -o remount,bind,ro "merged$2"
}

if [[ "$boot" = 0 ]]; then
  for folder in proc dev run sys; do mkdir -p "merged/$folder"; done
  mount -t tmpfs -o mode=755 run merged/run
  mkdir -p merged/run/lock
  show "$lower" /sandbox/lower
  show "$PWD/upper" /sandbox/upper
  show "$repository" /sandbox/repository
  for path in "${binds[@]+"${binds[@]}"}"; do show "$path" "$path"; done
  mount -t proc proc merged/proc
  mount --rbind /dev merged/dev
  mount -t sysfs -o ro sysfs merged/sys
  ip link set lo up
  hostname sandbox
  status=0
  chroot merged /bin/bash -c 'cd /sandbox/repository && exec "$@"' sandbox "$@" || status=$?
  exit "$status"
fi

# With systemd: the command is a unit that is started when the machine is up, and stops the machine when it ends.
printf '%q ' "$@" >output/command
env | grep '^MARTLET_' | sed "s/^/export /" >output/environment || true
mkdir -p merged/etc/systemd/system/multi-user.target.wants
cat >merged/etc/systemd/system/sandbox-command.service <<'UNIT'
[Unit]
Description=The command of the sandbox
After=multi-user.target
[Service]
Type=exec
WorkingDirectory=/sandbox/repository
Environment=HOME=/root
StandardOutput=append:/sandbox/output/log
StandardError=append:/sandbox/output/log
ExecStart=/bin/bash -c '. /sandbox/output/environment; eval "$(cat /sandbox/output/command)"; echo "$?" >/sandbox/output/status; systemctl poweroff --no-block'
UNIT
ln -s ../sandbox-command.service merged/etc/systemd/system/multi-user.target.wants/
rm -f merged/etc/resolv.conf
mount -t proc proc /proc
options=(--bind-ro="$lower":/sandbox/lower --bind-ro="$PWD/upper":/sandbox/upper --bind-ro="$repository":/sandbox/repository
  --bind="$PWD/output":/sandbox/output)
for path in "${binds[@]+"${binds[@]}"}"; do options+=(--bind-ro="$path"); done
touch output/log
# nspawn makes control groups beside the one that it runs in and leaves them; in one of our own they can be removed.
for hierarchy in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  [[ -e "$hierarchy/cgroup.procs" ]] || continue
  mkdir "$hierarchy/martlet-sandbox-${SANDBOX_PLACE##*.}"
  echo "$$" >"$hierarchy/martlet-sandbox-${SANDBOX_PLACE##*.}/cgroup.procs"
done
# One hierarchy of control groups and the call bpf(2), so that systemd enforces IPAddressDeny= as it does on a real machine.
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q -D merged --system-call-filter=bpf --capability=CAP_BPF --register=no --keep-unit --private-network --resolv-conf=off --link-journal=no \
  --hostname=sandbox --console=pipe "${options[@]}" --boot </dev/null >output/console 2>&1 &
# Ends after the machine, when it has shown all.
tail -n +1 -f --pid=$! output/log
wait $! || true
if [[ ! -s output/status ]]; then
  echo "sandbox: the machine ended before the command did" >&2
  tail -n 30 output/console >&2
  exit 70
fi
exit "$(cat output/status)"
