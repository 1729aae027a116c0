#!/bin/bash
# Tries what deploys Martlet against the real programs. Prints one line for each check; exits 1 if one failed.
# MARTLET_BINARY names the built binary, for the check that proxies a prediction.
# shellcheck disable=SC2317  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# What a test runner blocks, its children inherit: those that wait for SIGTERM would wait for ever.
if [[ -z "${MARTLET_UNBLOCKED:-}" ]] && command -v python3 >/dev/null; then
  MARTLET_UNBLOCKED=1 exec python3 Tests/Deploy/unblocked.py Tests/Deploy/check.sh
fi

# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh

installs_twice() {
  local root="$folder/root" model="$folder/model"
  mkdir -p "$model" && echo '{}' >"$model/config.json"
  deploy/install.sh --root "$root" --binary /bin/true --model "$model" --domain api.example.org || return 1
  grep -q 'server_name api.example.org;' "$root/etc/nginx/sites-enabled/martlet.conf" || return 1
  (cd "$root" && find . | sort >"$folder/first")
  deploy/install.sh --root "$root" --binary /bin/true --model "$model" --domain api.example.org >"$folder/second.log" || return 1
  ! grep -q writing "$folder/second.log" || return 1
  deploy/install.sh --root "$root" --uninstall || return 1
  [[ -z "$(find "$root" ! -type d)" ]]
}
rolls_back() {
  local root="$folder/broken" model="$folder/model"
  # A folder where the unit should be makes a late step fail.
  mkdir -p "$root/etc/systemd/system/martlet.service/x"
  ! deploy/install.sh --root "$root" --binary /bin/true --model "$model" || return 1
  [[ ! -e "$root/usr/local/bin/martlet" && ! -e "$root/var/lib/martlet/model/config.json" ]]
}
https_plan() {
  # Not through a pipe: grep -q would close it while the script still writes.
  local plan
  plan="$(deploy/enable-https.sh -d api.example.org --staging --dry-run)" || return 1
  grep -q -- '--webroot -w /var/lib/martlet/acme.*--staging.*-d api.example.org' <<<"$plan" || return 1
  ! deploy/enable-https.sh --dry-run && ! deploy/enable-https.sh -d 'a;b' --dry-run
}
unit_verifies() {
  sed 's|^\(Exec[A-Za-z]*\)=[^ ]*|\1=/bin/true|' systemd/martlet.service >"$folder/martlet.service"
  local said
  cp systemd/martlet.socket "$folder/martlet.socket"
  said="$(systemd-analyze verify --man=no "$folder/martlet.service" "$folder/martlet.socket" 2>&1)"
  # Only what concerns this unit: a machine's other units may have faults of their own.
  if grep -E 'martlet\.(service|socket)' <<<"$said"; then return 1; fi
}
unit_is_hardened() {
  systemd-analyze security --offline=yes --threshold=20 --no-pager "$folder/martlet.service"
}

check "install twice, then uninstall, leaves nothing" installs_twice
check "a failed install puts things back" rolls_back
check "enable-https plans certbot's run and refuses bad names" https_plan
with systemd-analyze "systemd-analyze verify accepts the unit" unit_verifies
with systemd-analyze "systemd-analyze security is 2.0 or less" unit_is_hardened
Tests/Deploy/alert-test.sh || failures=$((failures + 1))
Tests/Deploy/dashboard-test.sh || failures=$((failures + 1))
if ! command -v python3 >/dev/null || ! command -v curl >/dev/null; then
  skipped "the retraining hook" "no python3 or curl"
else
  Tests/Deploy/retrain-test.sh || failures=$((failures + 1))
fi
if [[ ! -x "${MARTLET_BINARY:-}" ]]; then
  skipped "the Nginx site before the daemon" "MARTLET_BINARY names no program"
elif ! command -v nginx >/dev/null || ! command -v python3 >/dev/null || ! command -v curl >/dev/null; then
  skipped "the Nginx site before the daemon" "no nginx, python3 or curl"
else
  Tests/Deploy/nginx-test.sh || failures=$((failures + 1))
fi

# The parts that change a machine run on one that is thrown away.
if [[ ! -x "${MARTLET_BINARY:-}" ]]; then
  skipped "installing on a throw-away machine" "MARTLET_BINARY names no program"
elif ! Tests/Deploy/sandbox.sh true 2>"$folder/sandbox"; then
  skipped "installing on a throw-away machine" "no root or no namespaces: $(tail -n 1 "$folder/sandbox")"
else
  Tests/Deploy/sandbox.sh Tests/Deploy/install-test.sh || failures=$((failures + 1))
fi
finish
