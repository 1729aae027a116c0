#!/bin/bash
# Installs Martlet behind Nginx on Debian or Ubuntu: user, binary, model, unit, site file. Run twice, it changes nothing more.
#
#   sudo deploy/install.sh [--model DIR] [--binary FILE] [--domain NAME] [--dry-run]
#   sudo deploy/install.sh --uninstall [--dry-run]
#
# --root DIR installs under DIR and touches no user, service or Nginx of this machine: for tests and images.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
model="$here/Models/sms-spam"
binary=""
domain=""
root=""
dry_run=0
uninstall=0

fail() {
  echo "install: $*" >&2
  exit 1
}

while [[ $# -gt 0 ]]; do
  case "$1" in
    --model) model="${2:?--model needs a folder}"; shift ;;
    --binary) binary="${2:?--binary needs a file}"; shift ;;
    --domain) domain="${2:?--domain needs a name}"; shift ;;
    --root) root="${2:?--root needs a folder}"; shift ;;
    --dry-run) dry_run=1 ;;
    --uninstall) uninstall=1 ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
if [[ -n "$domain" && ! "$domain" =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]]; then
  fail "--domain $domain is not a host name"
fi
if [[ -z "$root" && "$dry_run" = 0 && "$(id -u)" -ne 0 ]]; then
  fail "run it as root: sudo $0"
fi

bin_path="$root/usr/local/bin/martlet"
model_path="$root/var/lib/martlet/model"
unit_path="$root/etc/systemd/system/martlet.service"
site_path="$root/etc/nginx/sites-available/martlet.conf"
link_path="$root/etc/nginx/sites-enabled/martlet.conf"

say() { echo "install: $*"; }

run() {
  if [[ "$dry_run" = 1 ]]; then
    printf 'would run:'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

have_systemd() { [[ -z "$root" && -d /run/systemd/system ]]; }

reload_nginx() {
  if [[ -n "$root" ]]; then return 0; fi
  run nginx -t -q
  if have_systemd; then
    run systemctl reload-or-restart nginx
  elif [[ -s /run/nginx.pid ]]; then
    run nginx -s reload
  else
    say "no systemd here: start Nginx and Martlet by your own means"
  fi
}

if [[ "$uninstall" = 1 ]]; then
  if have_systemd; then run systemctl disable --now martlet.service || true; fi
  run rm -f "$link_path" "$site_path" "$unit_path" "$bin_path"
  run rm -rf "$root/var/lib/martlet"
  if have_systemd; then run systemctl daemon-reload; fi
  if [[ -z "$root" ]] && id martlet >/dev/null 2>&1; then run userdel martlet; fi
  if [[ -z "$root" ]] && command -v nginx >/dev/null; then reload_nginx; fi
  say "removed"
  exit 0
fi

if [[ -z "$binary" ]]; then
  binary="$here/.build/release/martlet"
fi
[[ -x "$binary" ]] || fail "no binary at $binary: run 'make build' first, or give --binary"
[[ -f "$model/config.json" ]] || fail "no model in $model (config.json is missing): give --model DIR"

backup="$(mktemp -d)"
undo=()
roll_back() {
  local status=$?
  trap - EXIT
  if [[ "$status" -ne 0 ]]; then
    echo "install: failed while ${step:-starting}; putting things back" >&2
    local index
    for ((index = ${#undo[@]} - 1; index >= 0; index--)); do
      eval "${undo[index]}" || true
    done
  fi
  rm -rf "$backup"
  exit "$status"
}
trap roll_back EXIT

# place MODE SOURCE TARGET: copies a file if it differs, remembering how to put the old one back.
place() {
  local mode="$1" source="$2" target="$3" kept
  if [[ -f "$target" ]] && cmp -s "$source" "$target"; then return 0; fi
  say "writing $target"
  if [[ "$dry_run" = 1 ]]; then return 0; fi
  if [[ -e "$target" ]]; then
    kept="$backup/${#undo[@]}"
    cp -a "$target" "$kept"
    undo+=("$(printf 'cp -a %q %q' "$kept" "$target")")
  else
    undo+=("$(printf 'rm -f %q' "$target")")
  fi
  mkdir -p "$(dirname "$target")"
  # Beside the target and renamed, so that a running binary is replaced and never half written.
  install -m "$mode" "$source" "$target.new"
  mv -fT "$target.new" "$target"
}

if [[ -z "$root" ]]; then
  step="installing packages"
  missing=()
  for package in nginx curl; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok' || missing+=("$package")
  done
  if [[ ${#missing[@]} -gt 0 ]]; then
    say "installing ${missing[*]}"
    run apt-get update
    run env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  fi
  step="making the user martlet"
  if ! id martlet >/dev/null 2>&1; then
    run useradd --system --home-dir /var/lib/martlet --no-create-home --shell /usr/sbin/nologin martlet
    undo+=("userdel martlet")
  fi
fi

step="installing the binary"
place 0755 "$binary" "$bin_path"

step="installing the model"
while IFS= read -r -d '' file; do
  place 0644 "$file" "$model_path/${file#"$model"/}"
done < <(find "$model" -type f -print0)

step="installing the unit"
place 0644 "$here/systemd/martlet.service" "$unit_path"

step="installing the site"
site="$backup/site"
sed "s/server_name _;/server_name ${domain:-_};/" "$here/nginx/martlet.conf" >"$site"
if [[ -f "$site_path" ]] && grep -q 'managed by Certbot' "$site_path"; then
  say "keeping $site_path, which certbot has changed"
else
  place 0644 "$site" "$site_path"
fi
if [[ ! -L "$link_path" ]]; then
  say "linking $link_path"
  run mkdir -p "$(dirname "$link_path")"
  run ln -s ../sites-available/martlet.conf "$link_path"
  undo+=("$(printf 'rm -f %q' "$link_path")")
fi

if have_systemd; then
  step="starting the service"
  run systemctl daemon-reload
  run systemctl enable martlet.service
  run systemctl restart martlet.service
fi
step="checking and reloading Nginx"
reload_nginx

if have_systemd && [[ "$dry_run" = 0 ]]; then
  step="asking for a prediction through Nginx"
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    if curl -fsS -o /dev/null -H "Host: ${domain:-localhost}" -H 'Content-Type: application/json' \
      -d '{"input": "hello"}' http://127.0.0.1/predict; then
      break
    fi
    if [[ "$attempt" = 10 ]]; then
      echo "install: no answer; see: journalctl -u martlet -n 50" >&2
      exit 1
    fi
    sleep 1
  done
fi
say "done${root:+ under $root}"
