#!/bin/bash
# An operator's own Nginx site before the daemon, with certbot's own certificate: the two sites of docs/nginx.md, on a machine that is
# thrown away. Run it by Tests/Deploy/sandbox.sh, with MARTLET_BINARY set. Needs Nginx, certbot with its plugin, and pebble.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
# shellcheck source=Tests/Deploy/authority.sh
source Tests/Deploy/authority.sh
[[ -d /sandbox ]] || { echo "run it by Tests/Deploy/sandbox.sh" >&2; exit 64; }

json=(-H 'Content-Type: application/json' -d '{"input": "hello"}')
ask() { curl -sS -m 10 --cacert "$folder/root.pem" "$@"; }
# site NUMBER: that block of the page, which is the site; Nginx serves it.
site() {
  awk -v wanted="$1" '/^## / { inside = /^## Your own Nginx site/ } inside && /^```nginx/ { count++; next } /^```/ { count += 0; shown = 0 }
    inside && count == wanted && !/^```/ && !done { print } inside && /^```$/ && count == wanted { done = 1 }' docs/nginx.md >/etc/nginx/sites-available/mine
  grep -q 'proxy_pass' /etc/nginx/sites-available/mine || { cat /etc/nginx/sites-available/mine; return 1; }
  ln -sfn ../sites-available/mine /etc/nginx/sites-enabled/mine && rm -f /etc/nginx/sites-enabled/default && nginx -t -q && nginx -s reload 2>/dev/null &&
    wait_for 60 ask -f -o /dev/null http://api.example.org/readyz
}
doctor() { "$MARTLET_BINARY" doctor >"$folder/doctor"; cat "$folder/doctor"; }
# sound PATTERN…: doctor finds no failure, and a line of each pattern.
sound() {
  local pattern
  doctor
  ! grep -q '^FAILED' "$folder/doctor" || return 1
  for pattern in "$@"; do grep -q "$pattern" "$folder/doctor" || { echo "no line: $pattern"; return 1; }; done
}
# logged_peer: the client of the latest request as the daemon has it.
logged() { grep -q "$1" "$folder/access.log"; }

minimal() { site 1 && ask -f "${json[@]}" http://api.example.org/predict && sound '^ok *nginx .*api.example.org in /etc/nginx/sites-enabled/mine sends to port 5000' '^ok *model .*sms-spam'; }
minimal_believes_the_client() { ask -f -H 'X-Forwarded-For: 6.6.6.6' "${json[@]}" http://api.example.org/predict && wait_for 60 logged 'peer=6.6.6.6'; }
whole() { site 2 && ask -f "${json[@]}" http://api.example.org/predict && sound '^ok *nginx'; }
whole_does_not() {
  ask -f -H 'X-Forwarded-For: 7.7.7.7' -H 'Forwarded: for=7.7.7.7' -H 'X-Request-Id: whole' "${json[@]}" -D "$folder/head" http://api.example.org/predict
  local id
  id="$(sed -n 's/^X-Request-Id: \([0-9a-f]*\).*/\1/ip' "$folder/head")"
  [[ -n "$id" ]] && wait_for 60 logged "$id" && ! logged '7.7.7.7'
}
connections() { ss -Htn state established '( dport = :5000 )' | wc -l; }
closed() { ss -Htn state time-wait '( sport = :5000 or dport = :5000 )' | wc -l; }
keeps_connections() {
  local before
  before="$(closed)"
  for _ in {1..40}; do ask -f -o /dev/null http://api.example.org/readyz || return 1; done
  # Each of forty connections would stand in TIME-WAIT.
  echo "$(connections) kept, $before closed before, $(closed) now"
  [[ "$(connections)" -gt 0 && "$(closed)" -lt $((before + 20)) ]]
}
large_body() { [[ "$(head -c 7000000 /dev/zero | tr '\0' ' ' | ask -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' --data-binary @- http://api.example.org/predict)" = 400 ]]; }
away() {
  stop_daemon "$folder/daemon"
  local status
  status="$(ask -o "$folder/answer" -D "$folder/head" -w '%{http_code}' "${json[@]}" http://api.example.org/predict)"
  same 503 "$status" && grep -q '"status":503' "$folder/answer" && grep -qi '^content-type: application/problem+json' "$folder/head" || return 1
  doctor
  grep -q '^FAILED *nginx .*answers 503' "$folder/doctor" || return 1
  start
}
certbots_own() {
  certbot --nginx --non-interactive --agree-tos --register-unsafely-without-email --redirect --server https://localhost:14000/dir -d api.example.org >"$folder/certbot" 2>&1 ||
    { cat "$folder/certbot"; return 1; }
  wait_for 60 ask -f -o /dev/null https://api.example.org/readyz && ask -f "${json[@]}" https://api.example.org/predict &&
    sound '^ok *certificate .*/etc/letsencrypt/live/api.example.org/fullchain.pem has' '^ok *nginx .*port 443 answers'
}
redirect_says_why() {
  local status
  status="$(ask -L -o "$folder/answer" -w '%{http_code}' "${json[@]}" http://api.example.org/predict)"
  cat "$folder/answer"
  same 405 "$status" && grep -q redirect "$folder/answer" && grep -q 308 "$folder/answer" || return 1
  sed -i 's/return 301/return 308/' /etc/nginx/sites-available/mine && nginx -s reload 2>/dev/null && wait_for 60 redirected
}
redirected() { ask -f -L "${json[@]}" http://api.example.org/predict; }
# refused COMMAND…: it fails and names the site that has the name, which is as it was.
refused() {
  local was said
  was="$(md5sum /etc/nginx/sites-available/mine)"
  ! said="$("$@" 2>&1)" || { echo "it succeeded"; return 1; }
  echo "$said"
  grep -q 'another site of this Nginx answers for api.example.org: /etc/nginx/sites-enabled/mine' <<<"$said" && same "$was" "$(md5sum /etc/nginx/sites-available/mine)" &&
    ask -f "${json[@]}" https://api.example.org/predict
}
start() {
  start_daemon "$folder/daemon" Models/sms-spam -w 1 -b 127.0.0.1:5000 --admin-bind 127.0.0.1:5001 --access-logfile "$folder/access.log" || return 1
  started+=("$daemon")
}
stopped_nginx() {
  nginx -s stop
  wait_for 60 bash -c '! pgrep -x nginx'
  doctor
  grep -q '^FAILED *nginx .*Nginx does not run' "$folder/doctor"
}

start_authority || cat "$folder/pebble.log"
start && nginx || exit 1
check "the least site serves, and doctor finds it" minimal
check "it believes what a client says of its address" minimal_believes_the_client
check "the whole site serves, and doctor finds it" whole
check "it does not believe the client" whole_does_not
check "it keeps connections to the daemon" keeps_connections
check "it takes large bodies" large_body
check "without the daemon it answers 503 in JSON, and doctor says so" away
check "certbot --nginx turns HTTPS on, and doctor reads its certificate" certbots_own
check "a POST that certbot's redirect made a GET is told so; 308 keeps it" redirect_says_why
check "installing for a name that another site has is refused, and says which" refused deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam --domain api.example.org
stop_daemon "$folder/daemon"
deploy/install.sh --binary "$MARTLET_BINARY" --model Models/sms-spam --domain www.example.org >"$folder/install.log" 2>&1 || { cat "$folder/install.log"; exit 1; }
check "HTTPS for a name that another site has is refused, and says which" refused deploy/enable-https.sh -d api.example.org --server https://localhost:14000/dir
check "doctor sees that Nginx does not run" stopped_nginx
finish
