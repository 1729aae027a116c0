#!/bin/bash
# The Debian package on a bare Debian with systemd and without Swift: run it by Tests/Deploy/run package.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
[[ -d /sandbox && -d /run/systemd/system ]] || { echo "run it by Tests/Deploy/run package" >&2; exit 64; }

repository="$PWD"
package="$(ls "$(dirname "$MARTLET_BINARY")"/martlet_*.deb)"
changes() { Tests/Deploy/changes.sh | grep -v " /var/lib/ucf/"; }
predict() { curl -sS -f -m 5 -H 'Content-Type: application/json' -d '{"input": "hello"}' "$@"; }
apt_get() { env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "$@"; }

installs() { apt_get install "$package" && systemctl is-active martlet.service && predict http://127.0.0.1:5000/predict && [[ "$(ps -o user= -C martlet | sort -u)" = martlet ]]; }
serves_site() {
  ln -s ../sites-available/martlet.conf /etc/nginx/sites-enabled/ && rm /etc/nginx/sites-enabled/default && systemctl reload nginx &&
    wait_for 60 predict http://127.0.0.1/predict
}
# next_version VERSION COMMAND…: the same program under another version, whose tree the command has changed.
next_version() {
  local version="$1"
  shift
  rm -rf "$folder/next" && dpkg-deb -R "$package" "$folder/next"
  sed -i "s/^Version: .*/Version: $version/" "$folder/next/DEBIAN/control"
  (cd "$folder/next" && "$@") && dpkg-deb -Zgzip -z1 --root-owner-group -b "$folder/next" "$folder/martlet_$version.deb" >/dev/null
}
status() { dpkg-query -W -f='${db:Status-Abbrev}${Version}' martlet; }
upgrades() {
  echo '# mine' >>/etc/nginx/snippets/martlet-upstream.conf
  cp -r /usr/share/martlet/models/sms-spam /var/lib/martlet/models/mine && ln -sfn models/mine /var/lib/martlet/model
  next_version 9.0 true || return 1
  python3 Tests/Deploy/ask.py load http://127.0.0.1/predict 900 4 0.03 &
  local asker=$! first
  first="$(systemctl show -P MainPID martlet.service)"
  wait_for 60 test -s /var/log/nginx/martlet.access.log
  apt_get install "$folder/martlet_9.0.deb" || return 1
  wait "$asker" || return 1
  [[ "$(status)" = 'ii 9.0' && "$(systemctl show -P MainPID martlet.service)" != "$first" ]] &&
    grep -qx '# mine' /etc/nginx/snippets/martlet-upstream.conf && [[ "$(readlink /var/lib/martlet/model)" = models/mine ]]
}
new_defaults() {
  sed -i 's/^workers = 2/workers = 2 # by default/' usr/share/martlet/deploy/martlet.toml
  for file in usr/share/martlet/nginx/*.conf usr/share/martlet/deploy/logrotate; do echo '# a newer default' >>"$file"; done
}
# What a tool has changed stays, and no question is asked; what nobody has changed is new.
upgrades_without_a_question() {
  sed -i 's/^workers = .*/workers = 1/' /etc/martlet/martlet.toml
  next_version 9.1 new_defaults && apt_get install "$folder/martlet_9.1.deb" && [[ "$(status)" = 'ii 9.1' ]] || return 1
  grep -qx 'workers = 1' /etc/martlet/martlet.toml && grep -q 'by default' /etc/martlet/martlet.toml.ucf-dist || return 1
  ! grep -q 'newer default' /etc/nginx/snippets/martlet-upstream.conf && grep -q 'newer default' /etc/nginx/snippets/martlet-server.conf /etc/logrotate.d/martlet &&
    nginx -t -q && predict http://127.0.0.1/predict
}
bad_default() { echo 'no_such_directive on;' >>usr/share/martlet/nginx/martlet-http.conf; }
keeps_nginx_sound() {
  local said
  next_version 9.2 bad_default && said="$(apt_get install "$folder/martlet_9.2.deb" 2>&1)"
  echo "$said"
  grep 'those of before are back' <<<"$said" && nginx -t -q && predict http://127.0.0.1/predict
}
downgrades() {
  apt_get install --allow-downgrades "$package" && [[ "$(status)" = "ii $(dpkg-deb -f "$package" Version)" ]] && predict http://127.0.0.1:5000/predict &&
    grep -qx 'workers = 1' /etc/martlet/martlet.toml
}
# As the package was when these were conffiles, of which dpkg asks.
with_conffiles() {
  install -D usr/share/martlet/deploy/martlet.toml etc/martlet/martlet.toml
  for name in http server tls upstream; do install -D "usr/share/martlet/nginx/martlet-$name.conf" "etc/nginx/snippets/martlet-$name.conf"; done
  find etc -type f -printf '/%p\n' >DEBIAN/conffiles
  cat >DEBIAN/postinst <<'POSTINST'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
id martlet >/dev/null 2>&1 || adduser --quiet --system --group --home /var/lib/martlet --no-create-home martlet
mkdir -p /var/lib/martlet/models
deb-systemd-helper enable martlet.socket martlet.service
systemctl daemon-reload
POSTINST
}
from_conffiles() {
  apt_get purge martlet && next_version 0.0 with_conffiles && apt_get install "$folder/martlet_0.0.deb" || return 1
  sed -i 's/^workers = .*/workers = 3/' /etc/martlet/martlet.toml
  apt_get install "$folder/martlet_9.1.deb" && [[ "$(status)" = 'ii 9.1' ]] && grep -qx 'workers = 3' /etc/martlet/martlet.toml &&
    grep -q 'newer default' /etc/nginx/snippets/martlet-server.conf && ls -l /var/lib/martlet/model
}
install_here() { (cd "$repository" && deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam "$@"); }
executable() { readlink "/proc/$(systemctl show -P MainPID martlet.service)/exe"; }
install_after_package() {
  local said
  ! said="$(install_here 2>&1)" || return 1
  grep 'the Debian package martlet' <<<"$said" && same /usr/bin/martlet "$(executable)" || return 1
  ! said="$(install_here --uninstall 2>&1)" && grep 'apt-get purge' <<<"$said" && predict http://127.0.0.1:5000/predict || return 1
  install_here --replace-package --dry-run && same 'ii' "$(status | cut -c1-2)" && install_here --replace-package && same /usr/local/bin/martlet "$(executable)" &&
    grep -qx 'workers = 3' /etc/martlet/martlet.toml && predict http://127.0.0.1/predict
}
package_after_install() {
  local said
  said="$(apt_get install "$folder/martlet_9.1.deb" 2>&1)"
  echo "$said"
  grep martlet-adopt <<<"$said" || return 1
  same /usr/local/bin/martlet "$(executable)" && predict http://127.0.0.1/predict || return 1
  python3 Tests/Deploy/ask.py load http://127.0.0.1/predict 600 4 0.03 &
  local asker=$!
  martlet-adopt --dry-run && martlet-adopt && same /usr/bin/martlet "$(executable)" && wait "$asker" && [[ ! -e /usr/local/bin/martlet ]] &&
    systemctl is-enabled martlet.service && martlet-adopt | grep 'nothing to change'
}
completes() { bash -c '. /usr/share/bash-completion/completions/martlet && complete -p martlet' && [[ -s /usr/share/zsh/vendor-completions/_martlet && -x /usr/share/martlet/deploy/retrain.sh ]]; }
removes() {
  apt_get remove martlet && ! systemctl is-active martlet.service && ! systemctl is-active martlet.socket && nginx -t -q &&
    [[ -e /etc/nginx/snippets/martlet-upstream.conf && -e /var/lib/martlet/model ]]
}
https_command() {
  local said
  rm /etc/nginx/sites-enabled/martlet.conf
  ! said="$(martlet-enable-https -d api.example.org --self-signed 2>&1)" && grep 'the site is not enabled' <<<"$said" || return 1
  ln -s ../sites-available/martlet.conf /etc/nginx/sites-enabled/ && systemctl reload nginx || return 1
  martlet-enable-https --help | grep -- '--self-signed' && martlet-enable-https -d api.example.org --self-signed && curl -sS -f --cacert /etc/martlet/tls/self-signed.crt --resolve api.example.org:443:127.0.0.1 https://api.example.org/healthz
}

apt_get install ucf nginx curl libsqlite3-0 >"$folder/apt.log" 2>&1 || { cat "$folder/apt.log"; exit 1; }
systemctl start nginx
before="$(changes)"
check "there is no Swift here" bash -c '! command -v swift && ! ls /usr/lib/swift /opt/swift'
check "it installs, runs as its own user, and predicts" installs
check "its site serves through Nginx" serves_site
check "an upgrade under load fails no request and keeps configuration and model" upgrades
check "an upgrade with new defaults asks nothing, keeps what was changed and renews the rest" upgrades_without_a_question
check "snippets that Nginx refuses are put back" keeps_nginx_sound
check "a downgrade asks nothing either" downgrades
check "an upgrade from a package with conffiles asks nothing" from_conffiles
ln -sf ../sites-available/martlet.conf /etc/nginx/sites-enabled/martlet.conf
systemctl reload nginx
check "install.sh over the package says so, and takes its place if it is told to" install_after_package
check "the package over install.sh says so, and martlet-adopt moves to it without a failed request" package_after_install
check "completions and the retraining hook are in the package" completes
check "martlet-enable-https works from the package" https_command
check "removing stops it and keeps configuration" removes
purges() { apt_get purge martlet && ln -s ../sites-available/default /etc/nginx/sites-enabled/default; systemctl restart nginx; same "$before" "$(changes)" && ! id martlet; }
check "purging leaves nothing" purges
finish
