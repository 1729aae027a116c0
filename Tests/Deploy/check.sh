#!/bin/bash
# Tries what deploys Martlet against the real programs. Prints one line for each check; exits 1 if one failed.
# MARTLET_BINARY names the built binary, for the check that proxies a prediction.
# shellcheck disable=SC2317  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh

# The site as shipped but for its ports, in a configuration of its own.
port=$((20000 + RANDOM % 20000))
mkdir "$folder/snippets"
sed -e "s/listen 80;/listen 127.0.0.1:$port;/" -e "s/listen \[::\]:80;/listen 127.0.0.1:$((port + 1));/" \
  nginx/martlet.conf >"$folder/site.conf"
sed -e "s/127\.0\.0\.1:5000/127.0.0.1:$((port + 2))/" nginx/martlet-upstream.conf >"$folder/snippets/martlet-upstream.conf"
cp nginx/martlet-{http,server,tls}.conf "$folder/snippets"
cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  include $folder/site.conf;
}
CONF

status_of() { curl -s -m 10 -o "$folder/answer" -w '%{http_code}' "$@"; }
url="http://127.0.0.1:$port"
predict=(-H 'Content-Type: application/json' -d '{"input": "hello there"}')

backend_down() {
  [[ "$(status_of "${predict[@]}" "$url/predict")" = 503 ]] && grep -q '"status":503' "$folder/answer"
}
admin_hidden() {
  local path
  for path in /metrics /monitor /debug /debug/x; do
    [[ "$(status_of "$url$path")" = 404 ]] || return 1
  done
}
too_large() {
  head -c 9000000 /dev/zero >"$folder/large"
  [[ "$(status_of --data-binary "@$folder/large" "$url/predict")" = 413 ]]
}
proxied() {
  [[ "$(status_of -D "$folder/head" -H 'X-Request-Id: deploy-check-1' "${predict[@]}" "$url/predict")" = 200 ]] || {
    cat "$folder/answer" "$folder/daemon.log"
    return 1
  }
  grep -q '"prediction"' "$folder/answer" && grep -qi '^x-request-id: deploy-check-1' "$folder/head" &&
    grep -qi '^x-content-type-options: nosniff' "$folder/head"
}
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
  deploy/enable-https.sh -d api.example.org --staging --dry-run | grep -q -- '--nginx.*--staging.*-d api.example.org' || return 1
  ! deploy/enable-https.sh --dry-run && ! deploy/enable-https.sh -d 'a;b' --dry-run
}
unit_verifies() {
  sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' systemd/martlet.service >"$folder/martlet.service"
  local said
  cp systemd/martlet.socket "$folder/martlet.socket"
  said="$(systemd-analyze verify --man=no "$folder/martlet.service" "$folder/martlet.socket" 2>&1)"
  # Only what concerns this unit: a machine's other units may have faults of their own.
  if grep -E 'martlet\.(service|socket)' <<<"$said"; then return 1; fi
}
unit_is_hardened() {
  systemd-analyze security --offline=yes --threshold=20 --no-pager "$folder/martlet.service"
}

with shellcheck "shellcheck finds nothing in the scripts" shellcheck --external-sources deploy/*.sh Tests/Deploy/*.sh .ci/run
check "install twice, then uninstall, leaves nothing" installs_twice
check "a failed install puts things back" rolls_back
check "enable-https plans certbot's run and refuses bad names" https_plan
with systemd-analyze "systemd-analyze verify accepts the unit" unit_verifies
with systemd-analyze "systemd-analyze security is 2.0 or less" unit_is_hardened
with nginx "nginx -t accepts the site file" nginx -t -q -c "$folder/nginx.conf"
if command -v nginx >/dev/null && command -v curl >/dev/null; then
  nginx -c "$folder/nginx.conf" -g 'daemon off;' >"$folder/nginx.log" 2>&1 &
  started+=("$!")
  wait_for 10 curl -s -m 1 -o /dev/null "$url/healthz"
  check "without the daemon Nginx answers 503 as a problem" backend_down
  check "admin pages are not public" admin_hidden
  check "a body over the limit is 413" too_large
  if [[ -x "${MARTLET_BINARY:-}" && -f Models/sms-spam/config.json ]]; then
    "$MARTLET_BINARY" serve Models/sms-spam -w 1 -b "127.0.0.1:$((port + 2))" --admin-bind none \
      >"$folder/daemon.log" 2>&1 &
    started+=("$!")
    wait_for 10 curl -s -m 1 -o /dev/null "http://127.0.0.1:$((port + 2))/healthz"
    check "a prediction passes through Nginx" proxied
  else
    echo "skipped a prediction passes through Nginx (no binary or no model)"
  fi
else
  echo "skipped Nginx checks (no nginx or no curl)"
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
