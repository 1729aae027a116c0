#!/bin/bash
# Prints a folder with a bare Debian or Ubuntu in it (systemd, no Nginx, no certbot, no Swift), and makes it if it is not there.
# The packages that installing Martlet asks for lie in its cache, because the throw-away machines have no network.
#
#   Tests/Deploy/clean-root.sh        MARTLET_CLEAN_ROOT says where (default: /var/cache/martlet-clean-root), MARTLET_SUITE which
#                                     release (default: bookworm; trixie and Ubuntu's noble have roots of their own)
set -euo pipefail

suite="${MARTLET_SUITE:-bookworm}"
root="${MARTLET_CLEAN_ROOT:-/var/cache/martlet-clean-root}"
[[ "$suite" = bookworm ]] || root="$root-$suite"
# Ubuntu's archive is signed by keys that Debian has no package of; the one fetched is that of this hash.
keyring_package=ubuntu-keyring_2023.11.28.1_all.deb
keyring_hash=36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8
# ubuntu_source FOLDER: the line of Ubuntu's archive, with its keys in the folder.
ubuntu_source() {
  curl -sSf -o "$1/$keyring_package" "http://archive.ubuntu.com/ubuntu/pool/main/u/ubuntu-keyring/$keyring_package" >&2
  sha256sum --quiet -c <<<"$keyring_hash  $1/$keyring_package" >&2
  dpkg-deb -x "$1/$keyring_package" "$1"
  echo "deb [signed-by=$1/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://archive.ubuntu.com/ubuntu $suite main universe"
}

# One made by an older list of packages is made anew.
if [[ ! -e "$root/.complete" || "${BASH_SOURCE[0]}" -nt "$root/.complete" ]]; then
  command -v mmdebstrap >/dev/null || { echo "clean-root: no mmdebstrap: run deploy/deps.sh deploy-test" >&2; exit 69; }
  rm -rf "$root" "$root.new"
  mkdir -p "$(dirname "$root")"
  keys="$(mktemp -d)"
  trap 'rm -rf "$keys"' EXIT
  chmod 755 "$keys"
  sources=()
  if [[ "$suite" = noble ]]; then sources=("$(ubuntu_source "$keys")"); fi
  # shellcheck disable=SC2016  # $1 is for the hook's own shell
  mmdebstrap --variant=important --skip=cleanup/apt,cleanup/reproducible --include=systemd-sysv,dbus,procps,iproute2,openssl,adduser,python3 \
    --customize-hook='chroot "$1" apt-get install -y --no-install-recommends --download-only ucf nginx curl libsqlite3-0 certbot python3-certbot-nginx logrotate ca-certificates' \
    --customize-hook='rm -f "$1"/etc/resolv.conf "$1"/var/lib/dbus/machine-id' \
    "$suite" "$root.new" "${sources[@]}" >&2
  touch "$root.new/.complete"
  mv -T "$root.new" "$root"
fi
echo "$root"
