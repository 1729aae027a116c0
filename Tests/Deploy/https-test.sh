#!/bin/bash
# deploy/enable-https.sh against pebble, an ACME authority for tests, on a machine that is thrown away: run it by
# Tests/Deploy/sandbox.sh, with MARTLET_BINARY set. Needs Nginx, certbot and pebble.
# shellcheck disable=SC2317,SC2154,SC2016  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
# shellcheck source=Tests/Deploy/authority.sh
source Tests/Deploy/authority.sh
[[ -d /sandbox ]] || { echo "run it by Tests/Deploy/sandbox.sh" >&2; exit 64; }

changes() { Tests/Deploy/changes.sh | grep -v -e ' /etc/letsencrypt/' -e ' /var/lib/letsencrypt/' -e ' /etc/hosts$' -e ' /var/lib/martlet/acme/' -e '/python' -e '__pycache__'; }
json=(-H 'Content-Type: application/json' -d '{"input": "hello"}')
http_works() { curl -sS -f -m 5 -H 'Host: api.example.org' "${json[@]}" http://127.0.0.1/predict; }
https_works() { curl -sS -f -m 5 --cacert "$folder/root.pem" "${json[@]}" "https://${1:-api.example.org}/predict"; }
serial() { openssl s_client -connect 127.0.0.1:443 -servername api.example.org </dev/null 2>/dev/null | openssl x509 -noout -serial; }
enable() { deploy/enable-https.sh "$@"; }
acme() { enable --server https://localhost:14000/dir "$@"; }

start_authority || cat "$folder/pebble.log"

before="$(changes)"
deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam --domain api.example.org >"$folder/install.log" 2>&1 ||
  { cat "$folder/install.log"; exit 1; }
plain="$(changes)"

# refuses EXPECTED COMMAND…: it fails, says EXPECTED, and the HTTP site is as it was and answers.
refuses() {
  local expected="$1" said
  shift
  if said="$("$@" 2>&1)"; then echo "$said"; echo "it succeeded"; return 1; fi
  echo "$said"
  grep -q "$expected" <<<"$said" && same "$state" "$(changes)" && "$still"
}
# While the site with TLS is being checked, nginx says no.
nginx_refuses_tls() {
  mkdir -p "$folder/shims"
  printf '#!/bin/bash\nif grep -q ssl_certificate /etc/nginx/sites-available/martlet.conf && [[ "$1" = %s ]]; then echo made to fail >&2; exit 1; fi\nexec %s "$@"\n' \
    "$1" "$(command -v nginx)" >"$folder/shims/nginx"
  chmod +x "$folder/shims/nginx"
  PATH="$folder/shims:$PATH" enable -d api.example.org --self-signed
}
no_answer_over_https() {
  mkdir -p "$folder/shims2"
  printf '#!/bin/bash\n[[ "$*" = *https://*/predict* ]] && exit 7\nexec %s "$@"\n' "$(command -v curl)" >"$folder/shims2/curl"
  chmod +x "$folder/shims2/curl"
  PATH="$folder/shims2:$PATH" acme -d api.example.org
}
dry_run() { acme -d api.example.org --dry-run && acme -d api.example.org --staging --dry-run | grep -- '--staging' && same "$plain" "$(changes)"; }
issues() {
  acme -d api.example.org --email ops@example.org || return 1
  https_works && curl -sS -m 5 --http2 --cacert "$folder/root.pem" -o /dev/null -w '%{http_version}' https://api.example.org/healthz >"$folder/version" && same 2 "$(cat "$folder/version")"
}
post_is_redirected() { curl -sS -f -m 5 -L --cacert "$folder/root.pem" "${json[@]}" http://api.example.org/predict; }
# Not through pipes: grep -q would close them while the other still writes.
old_tls_is_refused() {
  local old new
  old="$(openssl s_client -connect 127.0.0.1:443 -tls1_1 -cipher 'DEFAULT@SECLEVEL=0' </dev/null 2>&1)"
  new="$(openssl s_client -connect 127.0.0.1:443 -tls1_3 </dev/null 2>&1)"
  ! grep 'Cipher is [A-Z]' <<<"$old" && grep 'Cipher is TLS_' <<<"$new"
}
again_is_the_same() {
  local was first
  was="$(changes)" first="$(serial)"
  acme -d api.example.org && same "$first" "$(serial)" && same "$was" "$(changes)"
}
second_domain() {
  local asker
  (
    for _ in {1..20000}; do
      [[ -e "$folder/stop" ]] && break
      # Not over HTTP/2: Nginx 1.22 may close a connection of it that has just been opened when it is reloaded.
      curl -sS -f -m 60 --http1.1 --cacert "$folder/root.pem" "${json[@]}" https://api.example.org/predict >/dev/null || echo failed
    done
    echo "end"
  ) >"$folder/asked" 2>&1 &
  asker=$!
  acme -d www.example.org || return 1
  touch "$folder/stop"
  wait "$asker"
  same end "$(cat "$folder/asked")" && https_works api.example.org && https_works www.example.org
}
is_another_serial() { [[ "$(serial)" != "$1" ]]; }
renews() {
  local first
  first="$(serial)"
  certbot renew --force-renewal --no-random-sleep-on-renew --cert-name martlet || return 1
  wait_for 60 is_another_serial "$first" && https_works
}
head_of() { curl -s --cacert "$folder/root.pem" -D- -o /dev/null "$@"; }
hsts() {
  ! grep -i strict-transport <<<"$(head_of https://api.example.org/healthz)" && acme -d api.example.org --hsts && acme -d api.example.org &&
    grep -i 'strict-transport-security: max-age=31536000' <<<"$(head_of https://api.example.org/healthz)"
}
challenge_edits_nothing() {
  grep -qx 'authenticator = webroot' /etc/letsencrypt/renewal/martlet.conf || return 1
  local was
  was="$(cd /etc/nginx && find . -type f -exec stat -c '%n %Z' {} + | sort)"
  certbot renew --force-renewal --no-random-sleep-on-renew --cert-name martlet --deploy-hook true --pre-hook true >"$folder/renewed" 2>&1 || { cat "$folder/renewed"; return 1; }
  same "$was" "$(cd /etc/nginx && find . -type f -exec stat -c '%n %Z' {} + | sort)"
}
# Only an Nginx that has HTTP/3 speaks it; another says so.
http3() {
  if nginx -V 2>&1 | tr ' ' '\n' | grep -cx -- --with-http_v3_module >/dev/null; then
    acme -d api.example.org --http3 && https_works && grep -i '^alt-svc: h3=":443"' <<<"$(head_of https://api.example.org/healthz)" &&
      [[ -n "$(ss -Hlun 'sport = :443')" ]]
  else
    refuses "has no HTTP/3" acme -d api.example.org --http3
  fi
}
reinstalling_keeps_it() { deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam && https_works www.example.org; }
rolls_back() {
  enable --rollback && http_works && ! https_works && [[ ! -e /etc/letsencrypt/renewal-hooks/deploy/martlet.sh ]] &&
    enable --rollback && http_works
}
self_signed() {
  enable -d api.example.org --self-signed && curl -sS -f --cacert /etc/martlet/tls/self-signed.crt "${json[@]}" https://api.example.org/predict &&
    [[ "$(stat -c %a /etc/martlet/tls/self-signed.key)" = 600 ]]
}
own_files() {
  local names="DNS:api.example.org,DNS:www.example.org" options=(-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x)
  openssl req "${options[@]}" -days 9 -addext "subjectAltName=$names" -keyout "$folder/a.key" -out "$folder/a.crt" 2>/dev/null
  openssl req "${options[@]}" -days 9 -addext subjectAltName=DNS:else.example.org -keyout "$folder/b.key" -out "$folder/b.crt" 2>/dev/null
  chmod 644 "$folder"/*.key
  local state still=true
  state="$(changes)"
  refuses "is not the key of" enable -d api.example.org --certificate "$folder/a.crt" --key "$folder/b.key" &&
    refuses "is not for api.example.org" enable -d api.example.org --certificate "$folder/b.crt" --key "$folder/b.key" &&
    refuses "has expired" enable -d api.example.org --certificate "$folder/b.key" --key "$folder/b.key" &&
    enable -d api.example.org --certificate "$folder/a.crt" --key "$folder/a.key" &&
    curl -sS -f --cacert "$folder/a.crt" "${json[@]}" https://www.example.org/predict
}
uninstalls() { deploy/install.sh --uninstall --with-packages && same "$before" "$(changes)" && [[ ! -e /etc/letsencrypt/live/martlet ]]; }

state="$plain"
still=http_works
check "a dry run changes nothing" dry_run
check "a name that does not resolve is refused" refuses "does not resolve" acme -d nowhere.example.org
check "a name that leads elsewhere is refused" refuses "does not lead to this machine" acme -d far.example.org
check "without the authority the HTTP site stays" refuses "gave no certificate" enable --server https://localhost:1/dir -d api.example.org
check "a name that the authority cannot see leaves the HTTP site" refuses "gave no certificate" acme -d nowhere.example.org --skip-checks
check "a site that nginx -t refuses is undone" refuses "failed while checking Nginx" nginx_refuses_tls -t
check "a failed reload is undone" refuses "failed while checking Nginx" nginx_refuses_tls -s
check "no answer over HTTPS is undone" refuses "failed while asking over HTTPS" no_answer_over_https
check "the authority issues, curl verifies, HTTP/2 is spoken" issues
check "a POST to port 80 is sent on as a POST" post_is_redirected
check "TLS 1.1 is refused, TLS 1.3 is spoken" old_tls_is_refused
check "a second run keeps certificate and site" again_is_the_same
check "a second domain is added without a failed request" second_domain
state="$(changes)"
still=https_works
check "a third domain that fails leaves the two" refuses "gave no certificate" acme -d nowhere.example.org --skip-checks
check "renewing shows the new certificate" renews
check "a challenge edits nothing of Nginx" challenge_edits_nothing
check "HTTP/3 is off unless asked for, and refused where Nginx has none" http3
check "HSTS is off unless asked for, and then stays" hsts
check "installing again keeps HTTPS" reinstalling_keeps_it
check "--rollback goes back to HTTP, twice as well" rolls_back
check "a self-signed certificate is made and served" self_signed
check "a certificate of one's own is checked and served" own_files
check "uninstalling leaves nothing of what it made" uninstalls
finish
