#!/bin/bash
# Prints a folder with a bare Debian in it (systemd, no Nginx, no certbot, no Swift), and makes it if it is not there.
# The packages that installing Martlet asks for lie in its cache, because the throw-away machines have no network.
#
#   Tests/Deploy/clean-root.sh        MARTLET_CLEAN_ROOT says where (default: /var/cache/martlet-clean-root), MARTLET_SUITE which
#                                     release (default: bookworm; trixie has a root of its own)
set -euo pipefail

suite="${MARTLET_SUITE:-bookworm}"
root="${MARTLET_CLEAN_ROOT:-/var/cache/martlet-clean-root}"
[[ "$suite" = bookworm ]] || root="$root-$suite"
# One made by an older list of packages is made anew.
if [[ ! -e "$root/.complete" || "${BASH_SOURCE[0]}" -nt "$root/.complete" ]]; then
  command -v mmdebstrap >/dev/null || { echo "clean-root: no mmdebstrap: run deploy/deps.sh deploy-test" >&2; exit 69; }
  rm -rf "$root" "$root.new"
  mkdir -p "$(dirname "$root")"
  # shellcheck disable=SC2016  # $1 is for the hook's own shell
  mmdebstrap --variant=important --skip=cleanup/apt,cleanup/reproducible --include=systemd-sysv,dbus,procps,iproute2,openssl,adduser,python3 \
    --customize-hook='chroot "$1" apt-get install -y --no-install-recommends --download-only ucf nginx curl libsqlite3-0 certbot python3-certbot-nginx logrotate ca-certificates' \
    --customize-hook='rm -f "$1"/etc/resolv.conf "$1"/var/lib/dbus/machine-id' \
    "$suite" "$root.new" >&2
  touch "$root.new/.complete"
  mv -T "$root.new" "$root"
fi
echo "$root"
