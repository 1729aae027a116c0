#!/bin/bash
# Moves a machine from what install.sh put there to the Debian package, which is installed already: takes away the units in
# /etc/systemd/system and the program in /usr/local/bin, which hide the package's, and starts the package's. Configuration, model,
# history, site and certificate stay. If a step fails, all is as it was.
#
#   sudo martlet-adopt [--dry-run]
set -euo pipefail

here="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)"
program="adopt"
dry_run=0
# shellcheck source=deploy/transaction.sh
source "$here/deploy/transaction.sh"
case "${1:-}" in
  "") ;;
  --dry-run) dry_run=1 ;;
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) fail "unknown option $1 (see --help)" ;;
esac
package_is_there martlet || fail "the Debian package martlet is not installed: apt-get install ./martlet_….deb first"
[[ "$dry_run" = 1 || "$(id -u)" -eq 0 ]] || fail "run it as root: sudo martlet-adopt"

begin_transaction
step="taking away what install.sh put there"
for path in /etc/systemd/system/martlet{,@}.{socket,service} /usr/local/bin/martlet /etc/sysusers.d/martlet.conf; do
  if [[ ! -e "$path" ]] || dpkg-query -S "$path" >/dev/null 2>&1; then continue; fi
  [[ "$dry_run" = 1 ]] || keep "$path"
  change rm "$path"
done
if [[ -d /etc/sysusers.d && "$dry_run" = 0 ]] && ! dpkg-query -S /etc/sysusers.d >/dev/null 2>&1; then
  rmdir --ignore-fail-on-non-empty /etc/sysusers.d
fi
if [[ "$changes" = 0 ]]; then
  commit_transaction
  say "nothing to change: there is only the package's"
  exit 0
fi
# What `install.sh --uninstall` would take away is the package's from now on.
if [[ -e /var/lib/martlet/installed ]]; then
  [[ "$dry_run" = 1 ]] || keep /var/lib/martlet/installed
  change rm /var/lib/martlet/installed
fi
if have_systemd; then
  step="starting the package's units"
  # Undone last, when the files are back.
  [[ "$dry_run" = 1 ]] || undo=("systemctl daemon-reload; systemctl restart martlet.service" "${undo[@]}")
  change systemctl daemon-reload
  # The links of before lead to the files of before.
  change systemctl reenable --quiet martlet.socket martlet.service
  change systemctl restart martlet.service
fi
commit_transaction
[[ "$dry_run" = 1 ]] || say "Martlet runs from the package $(dpkg-query -W -f='${Version}' martlet)"
