#!/bin/bash
# The Nginx site as shipped, but for its ports, before the real daemon: MARTLET_BINARY names it.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
# shellcheck source=Tests/Deploy/nginx-pair.sh
source Tests/Deploy/nginx-pair.sh

status_of() { curl -s -m 60 -o "$folder/answer" -w '%{http_code}' "$@"; }
predict=(-H 'Content-Type: application/json' -d '{"input": "hello there"}')
load() { python3 Tests/Deploy/ask.py load "$url/predict" "$@"; }

admin_hidden() {
  local path
  for path in /metrics /monitor /debug /admin /%6detrics //metrics /x/../metrics /metrics/ /metrics/. /./metrics '/metrics?x=/predict'; do
    same "404 $path" "$(status_of --path-as-is "$url$path") $path" || return 1
  done
}
bodies() {
  local size status
  for size in 100 65536 1000000 8388608; do
    status="$(head -c "$size" /dev/zero | tr '\0' ' ' | status_of -H 'Content-Type: application/json' --data-binary @- "$url/predict")"
    # The daemon, and not Nginx, says what is wrong with so many blanks.
    same "400 $size" "$status $size" || { cat "$folder/answer"; return 1; }
  done
  same 413 "$(head -c 8388609 /dev/zero | status_of -H 'Content-Type: application/json' --data-binary @- "$url/predict")" &&
    grep -q '"status":413' "$folder/answer" || return 1
  same 413 "$(head -c 9000000 /dev/zero | status_of -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' --data-binary @- "$url/predict")"
}
large_answer() {
  python3 -c 'import json; print(json.dumps({"input": ["hello there"] * 256}))' >"$folder/many"
  same 200 "$(status_of -H 'Content-Type: application/json' --data-binary "@$folder/many" "$url/predict")" &&
    same 256 "$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["prediction"]))' "$folder/answer")" &&
    curl -s -m 20 --compressed -D "$folder/head" -o "$folder/unpacked" -H 'Content-Type: application/json' --data-binary "@$folder/many" "$url/predict" &&
    grep -qi '^content-encoding: gzip' "$folder/head" && cmp "$folder/answer" "$folder/unpacked"
}
long_heads() {
  same 404 "$(status_of "$url/$(head -c 5000 /dev/zero | tr '\0' a)")" && same 414 "$(status_of "$url/$(head -c 9000 /dev/zero | tr '\0' a)")" &&
    same 431 "$(status_of -H "X: $(head -c 9000 /dev/zero | tr '\0' a)" "$url/healthz")" && grep -q '"status":431' "$folder/answer"
}
headers_everywhere() {
  local path
  # Each kind of answer: the daemon's, its page's, Nginx's own, and an error page.
  for path in /healthz /docs /openapi.json /metrics /nothing; do
    curl -s -D- -o /dev/null "$url$path" >"$folder/head"
    for header in x-content-type-options x-frame-options referrer-policy content-security-policy; do
      [[ "$(grep -ci "^$header:" "$folder/head")" = 1 ]] || { echo "$path: $header"; cat "$folder/head"; return 1; }
    done
    # No field twice that Nginx and the daemon might both set.
    same "" "$(sed -n 's/^\([A-Za-z-]*\):.*/\L\1/p' "$folder/head" | grep -v '^vary$' | sort | uniq -d)" || return 1
    ! grep -i '^server: nginx/' "$folder/head" || return 1
  done
}
docs_page() { python3 Tests/Deploy/docs-page.py "$url/docs" "$folder"; }
smuggling() {
  python3 Tests/Deploy/smuggle.py "$port" | tee "$folder/smuggled"
  # The daemon writes its log four times a second, in order: what came before the last request is there once that is.
  curl -s -m 60 -o /dev/null "$url/after-all-others"
  wait_for 60 grep -q /after-all-others "$folder/daemon-access.log"
  # What the daemon saw must be what Nginx saw, and in no greater number.
  grep -o '/\(outer\|inner\)-[0-9]*' "$folder/nginx-access.log" | sort >"$folder/seen-by-nginx"
  grep -o '/\(outer\|inner\)-[0-9]*' "$folder/daemon-access.log" | sort >"$folder/seen-by-daemon"
  echo "Nginx saw $(wc -l <"$folder/seen-by-nginx"), the daemon $(wc -l <"$folder/seen-by-daemon")"
  [[ "$(wc -l <"$folder/smuggled")" -gt 50 && -s "$folder/seen-by-daemon" ]] || return 1
  same "" "$(comm -13 "$folder/seen-by-nginx" "$folder/seen-by-daemon")"
}
addresses_are_nginxs() {
  # What a client claims about itself must not reach the daemon: it is shown by a listener that prints what it gets.
  python3 - "$((port + 3))" "$folder/listening" >"$folder/seen" <<'PYTHON' &
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
server.settimeout(60)
open(sys.argv[2], "w").close()
connection, _ = server.accept()
print(connection.recv(65536).decode())
connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
PYTHON
  local listener=$!
  wait_for 60 test -e "$folder/listening"
  curl -s -m 60 -o /dev/null -H 'X-Forwarded-For: 6.6.6.6' -H 'Forwarded: for=6.6.6.6' -H 'X-Real-IP: 6.6.6.6' -H 'X-Forwarded-Host: evil' \
    -H 'X-Forwarded-Proto: gopher' -H 'X-Request-Id: bad id' "http://127.0.0.1:$((port + 4))/predict"
  wait "$listener"
  cat "$folder/seen"
  ! grep -e 6.6.6.6 -e evil -e gopher -e 'bad id' "$folder/seen" && grep -q '^X-Forwarded-For: 127.0.0.1' "$folder/seen" &&
    grep -q '^Forwarded: for=127.0.0.1;proto=http' "$folder/seen"
}
slow_clients() {
  local slow=() kind
  for kind in slow-heads slow-bodies; do
    python3 Tests/Deploy/ask.py "$kind" "$port" 80 8 &
    slow+=("$!")
  done
  python3 Tests/Deploy/ask.py slow-readers "$port" 10 8 &
  slow+=("$!")
  wait_for 20 are_held 100
  load 500 4 || return 1
  wait "${slow[@]}"
}
reload_under_load() {
  load 3000 4 &
  local asker=$!
  for _ in 1 2 3; do
    generation=$(ready "$folder/daemon" generation)
    kill -HUP "$daemon"
    until_ready_differs "$folder/daemon" generation "$generation" || return 1
  done
  wait "$asker"
}
workers_die_under_load() {
  load 3000 4 &
  local asker=$!
  # One worker at a time: none must be missed.
  for _ in 1 2 3; do
    workers=$(ready "$folder/daemon" workers)
    kill -KILL "${workers%%$'\n'*}"
    until_ready_differs "$folder/daemon" workers "$workers" || return 1
  done
  wait "$asker"
}
nginx_reload_under_load() {
  load 2000 4 &
  local asker=$!
  for _ in 1 2 3; do reload_nginx || return 1; done
  # A worker of Nginx that goes closes kept connections; a client that was just asking on one sees that.
  wait "$asker"
}
backend_down() {
  [[ "$(status_of "${predict[@]}" -D "$folder/head" "$url/predict")" = 503 ]] && grep -q '"status":503' "$folder/answer" &&
    grep -qi '^retry-after: 2' "$folder/head" && grep -qi '^content-type: application/problem+json' "$folder/head"
}
# count OUTPUT STATUS: of what ask.py said.
count() { sed -n "s/.*'$2': \([0-9]*\).*/\1/p" <<<"$1"; }
refusals_in_log() { grep -c "status=503" "$folder/full-access.log"; }
is_as_often() { [[ "$(refusals_in_log)" = "$1" ]]; }
refused_once() {
  local said refused
  # A queue of one text, so that most requests are refused.
  stop_daemon "$folder/daemon"
  start_daemon "$folder/daemon" Models/sms-spam -w 1 -b "127.0.0.1:$((port + 2))" --admin-bind none --max-queue 1 \
    --access-logfile "$folder/full-access.log" || return 1
  started+=("$daemon")
  said="$(load 1500 24)"
  echo "$said"
  refused="$(count "$said" 503)"
  [[ "${refused:-0}" -gt 20 ]] || { echo "it was never full"; return 1; }
  wait_for 60 is_as_often "$refused" || { echo "clients saw $refused refusals, the daemon made $(refusals_in_log)"; return 1; }
}
sent_again() {
  curl -s -o "$folder/openapi.json" "$url/openapi.json"
  stop_daemon "$folder/daemon"
  python3 Tests/Deploy/broken-once.py "$url" "$((port + 2))" "$folder/openapi.json"
}
asks_often() { for _ in {1..900}; do echo "$url/nothing-here"; done | xargs -P 4 -n 300 curl -s -w '\n%{http_code}\n' | grep -x '[0-9][0-9]*' | sort -u | tr '\n' ' '; }
limits() {
  same "404 " "$(asks_often)" || return 1
  # As docs/nginx.md says, with less than that, so that a slow machine asks too often as well.
  sed -i 's/rate=200r/rate=5r/' "$folder/snippets/martlet-http.conf"
  echo 'limit_req zone=martlet_requests burst=400 nodelay;' >"$folder/snippets/martlet-local.conf"
  reload_nginx && same "404 429 " "$(asks_often)" && rm "$folder/snippets/martlet-local.conf" && reload_nginx
}

start_pair || { echo "FAILED  Nginx and the daemon start"; cat "$folder"/*.log "$folder/daemon/log"; exit 1; }
check "a prediction passes over IPv4" status_of -f "${predict[@]}" "$url/predict"
check "a prediction passes over IPv6" status_of -f -g "${predict[@]}" "http://[::1]:$((port + 1))/predict"
check "admin pages are not public, however they are spelt" admin_hidden
check "bodies up to 8 MiB reach the daemon, larger ones are 413" bodies
check "an answer to many texts comes whole, packed and not" large_answer
check "too long request lines and fields are 414 and 431" long_heads
check "every kind of answer has the security headers once" headers_everywhere
with chromedriver "Chromium draws /docs through Nginx, and sends a question from it" docs_page
check "what a client claims about its address is thrown away" addresses_are_nginxs
check "no request can be smuggled through the pair" smuggling
check "slow clients do not keep others from being served" slow_clients
check "three reloads of the daemon under load fail no request" reload_under_load
check "workers killed under load fail no request" workers_die_under_load
check "Nginx reloaded under load fails no request" nginx_reload_under_load
check "one address may ask as often as it likes, unless a limit is asked for: then 429" limits
check "a refusal of a full daemon is the answer, and not one of several" refused_once
check "what a broken connection took is sent again, whatever the path, but a label" sent_again
check "without the daemon Nginx answers 503 as a problem" backend_down
finish
