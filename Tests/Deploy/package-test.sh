#!/bin/bash
# The Debian package on a bare Debian with systemd and without Swift: run it by Tests/Deploy/run package.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
[[ -d /sandbox && -d /run/systemd/system ]] || { echo "run it by Tests/Deploy/run package" >&2; exit 64; }

package="$(ls "$(dirname "$MARTLET_BINARY")"/martlet_*.deb)"
changes() { Tests/Deploy/changes.sh; }
predict() { curl -sS -f -m 5 -H 'Content-Type: application/json' -d '{"input": "hello"}' "$@"; }
apt_get() { env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "$@"; }

installs() { apt_get install "$package" && systemctl is-active martlet.service && predict http://127.0.0.1:5000/predict && [[ "$(ps -o user= -C martlet | sort -u)" = martlet ]]; }
serves_site() {
  ln -s ../sites-available/martlet.conf /etc/nginx/sites-enabled/ && rm /etc/nginx/sites-enabled/default && systemctl reload nginx && sleep 0.5 &&
    predict http://127.0.0.1/predict
}
# The same program under a higher version.
next_version() {
  local version="$1"
  rm -rf "$folder/next" && dpkg-deb -R "$package" "$folder/next"
  sed -i "s/^Version: .*/Version: $version/" "$folder/next/DEBIAN/control"
  dpkg-deb -Zgzip -z1 --root-owner-group -b "$folder/next" "$folder/martlet_$version.deb" >/dev/null
}
upgrades() {
  echo '# mine' >>/etc/nginx/snippets/martlet-upstream.conf
  cp -r /usr/share/martlet/models/sms-spam /var/lib/martlet/models/mine && ln -sfn models/mine /var/lib/martlet/model
  next_version 9.0 || return 1
  python3 Tests/Deploy/ask.py load http://127.0.0.1/predict 900 4 0.03 &
  local asker=$! first
  first="$(systemctl show -P MainPID martlet.service)"
  sleep 0.5
  apt_get install "$folder/martlet_9.0.deb" || return 1
  wait "$asker" || return 1
  [[ "$(dpkg-query -W -f='${Version}' martlet)" = 9.0 && "$(systemctl show -P MainPID martlet.service)" != "$first" ]] &&
    grep -qx '# mine' /etc/nginx/snippets/martlet-upstream.conf && [[ "$(readlink /var/lib/martlet/model)" = models/mine ]]
}
removes() {
  apt_get remove martlet && ! systemctl is-active martlet.service && ! systemctl is-active martlet.socket && nginx -t -q &&
    [[ -e /etc/nginx/snippets/martlet-upstream.conf && -e /var/lib/martlet/model ]]
}
https_command() { martlet-enable-https --help | grep -q -- '--self-signed' && martlet-enable-https -d api.example.org --self-signed && curl -sS -f --cacert /etc/martlet/tls/self-signed.crt --resolve api.example.org:443:127.0.0.1 https://api.example.org/healthz; }

apt_get install nginx curl libsqlite3-0 >"$folder/apt.log" 2>&1 || { cat "$folder/apt.log"; exit 1; }
systemctl start nginx
before="$(changes)"
check "there is no Swift here" bash -c '! command -v swift && ! ls /usr/lib/swift /opt/swift'
check "it installs, runs as its own user, and predicts" installs
check "its site serves through Nginx" serves_site
check "an upgrade under load fails no request and keeps configuration and model" upgrades
check "martlet-enable-https works from the package" https_command
check "removing stops it and keeps configuration" removes
purges() { apt_get purge martlet && ln -s ../sites-available/default /etc/nginx/sites-enabled/default; systemctl restart nginx; same "$before" "$(changes)" && ! id martlet; }
check "purging leaves nothing" purges
finish
