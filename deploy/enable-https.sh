#!/bin/bash
# Gets a certificate for the installed site with certbot's Nginx plugin, and puts the site back if that fails.
#
#   sudo deploy/enable-https.sh -d DOMAIN [-d DOMAIN …] [--email ADDRESS] [--staging] [--server URL] [--dry-run]
set -euo pipefail

site="/etc/nginx/sites-available/martlet.conf"
domains=()
email=""
extra=()

fail() {
  echo "enable-https: $*" >&2
  exit 1
}

while [[ $# -gt 0 ]]; do
  case "$1" in
    -d | --domain) domains+=("${2:?-d needs a domain}"); shift ;;
    --email) email="${2:?--email needs an address}"; shift ;;
    --server) extra+=(--server "${2:?--server needs a URL}"); shift ;;
    --staging) extra+=(--staging) ;;
    --dry-run) dry_run=1 ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
dry_run="${dry_run:-0}"

[[ ${#domains[@]} -gt 0 ]] || fail "which domain? -d api.example.org"
for domain in "${domains[@]}"; do
  [[ "$domain" =~ ^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$ ]] ||
    fail "-d $domain is not a full domain name"
done

command=(certbot --nginx --non-interactive --agree-tos --redirect --keep-until-expiring "${extra[@]}")
if [[ -n "$email" ]]; then
  command+=(--email "$email")
else
  command+=(--register-unsafely-without-email)
fi
for domain in "${domains[@]}"; do command+=(-d "$domain"); done

if [[ "$dry_run" = 1 ]]; then
  printf 'would set server_name to %s in %s, then run:' "${domains[*]}" "$site"
  printf ' %q' "${command[@]}"
  printf '\n'
  exit 0
fi

[[ "$(id -u)" -eq 0 ]] || fail "run it as root: sudo $0"
[[ -f "$site" ]] || fail "$site is not there: run deploy/install.sh first"
missing=()
for package in certbot python3-certbot-nginx; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok' || missing+=("$package")
done
if [[ ${#missing[@]} -gt 0 ]]; then
  echo "enable-https: installing ${missing[*]}"
  apt-get update
  env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
fi
for domain in "${domains[@]}"; do
  getent ahosts "$domain" >/dev/null ||
    fail "$domain does not resolve: point its A or AAAA record at this machine, wait, and try again"
done

kept="$(mktemp)"
cp -a "$site" "$kept"
roll_back() {
  local status=$?
  trap - EXIT
  if [[ "$status" -ne 0 ]]; then
    cp -a "$kept" "$site"
    if nginx -t -q; then nginx -s reload || true; fi
    echo "enable-https: failed; the HTTP site is as it was. Is port 80 reachable from outside?" >&2
  fi
  rm -f "$kept"
  exit "$status"
}
trap roll_back EXIT

sed -i "s/^\( *server_name\) _;/\1 ${domains[*]};/" "$site"
nginx -t -q
"${command[@]}"
nginx -t -q
if [[ -d /run/systemd/system ]]; then
  systemctl is-enabled --quiet certbot.timer || systemctl enable --now certbot.timer
fi
echo "enable-https: https://${domains[0]}/ is on; certbot renews it by itself"
