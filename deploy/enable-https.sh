#!/bin/bash
# Turns HTTPS on for the installed site. If any step fails, the site is as it was before.
#
#   sudo deploy/enable-https.sh -d DOMAIN [-d DOMAIN …] [--email ADDRESS] [--staging | --server URL]
#   sudo deploy/enable-https.sh -d DOMAIN --certificate FILE --key FILE      a certificate that you have
#   sudo deploy/enable-https.sh -d NAME --self-signed                        for an intranet: NAME may be an address
#   sudo deploy/enable-https.sh --rollback                                   back to HTTP
#
# -d DOMAIN        a name that the certificate is for; names that the site already has stay
# --email ADDRESS  where the certificate authority writes to
# --staging        try it with Let's Encrypt's test authority, whose certificates no browser trusts
# --server URL     another ACME authority's directory
# --http3          speak HTTP/3 too, over UDP on port 443, where this machine's Nginx can
# --hsts           tell browsers to use nothing but HTTPS for a year: only when you are sure to keep it
# --skip-checks    do not ask whether the domain and port 80 lead here (a firewall may let others in but not us)
# --dry-run        say what would be done, and change nothing
#
# Example: sudo deploy/enable-https.sh -d api.example.org --email ops@example.org
set -euo pipefail

here="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)"
program="enable-https"
dry_run=0
# shellcheck source=deploy/transaction.sh
source "$here/deploy/transaction.sh"
# shellcheck source=deploy/service.sh
source "$here/deploy/service.sh"

site="/etc/nginx/sites-available/martlet.conf"
# The site answers what stands there, on port 80, with TLS and without: no challenge edits a file or reloads Nginx.
acme_root="/var/lib/martlet/acme"
acme_folder="$acme_root/.well-known/acme-challenge"
hook="/etc/letsencrypt/renewal-hooks/deploy/martlet.sh"
domains=()
email=""
authority=()
certificate=""
key=""
self_signed=0
hsts=0
http3=0
skip_checks=0
rollback=0

while [[ $# -gt 0 ]]; do
  case "$1" in
    -d | --domain) domains+=("${2:?-d needs a domain}"); shift ;;
    --email) email="${2:?--email needs an address}"; shift ;;
    --server) authority=(--server "${2:?--server needs a URL}"); shift ;;
    --staging) authority=(--staging) ;;
    --certificate) certificate="${2:?--certificate needs a file}"; shift ;;
    --key) key="${2:?--key needs a file}"; shift ;;
    --self-signed) self_signed=1 ;;
    --hsts) hsts=1 ;;
    --http3) http3=1 ;;
    --skip-checks) skip_checks=1 ;;
    --rollback) rollback=1 ;;
    --dry-run) dry_run=1 ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done

own_files=0
if [[ -n "$certificate$key" || "$self_signed" = 1 ]]; then own_files=1; fi
if [[ -n "$certificate" && -z "$key" ]] || [[ -z "$certificate" && -n "$key" ]]; then fail "--certificate and --key go together"; fi
if [[ -n "$certificate" && "$self_signed" = 1 ]]; then fail "either --certificate or --self-signed"; fi
[[ ${#domains[@]} -gt 0 || "$rollback" = 1 ]] || fail "which domain? -d api.example.org"
for domain in "${domains[@]+"${domains[@]}"}"; do
  if [[ "$self_signed" = 1 && "$domain" =~ ^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$ ]]; then continue; fi
  [[ "$domain" =~ ^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$ && ! "$domain" =~ ^[0-9.]+$ ]] ||
    fail "-d $domain is not a full domain name such as api.example.org (for an intranet name or an address: --self-signed)"
done

names_of_site() { sed -n 's/^ *server_name \([^;]*\);.*/\1/p' "$site" 2>/dev/null | head -n 1 | tr ' ' '\n' | grep -vx _ || true; }
# Names that the site has stay; `sort` would put the first name, which the certificate shows, elsewhere.
mapfile -t names < <({ names_of_site; printf '%s\n' "${domains[@]+"${domains[@]}"}"; } | awk 'NF && !seen[$0]++')

certbot=(certbot certonly --webroot -w "$acme_root" --cert-name martlet --non-interactive --agree-tos --keep-until-expiring --renew-with-new-domains)
certbot+=("${authority[@]+"${authority[@]}"}")
if [[ -n "$email" ]]; then certbot+=(--email "$email"); else certbot+=(--register-unsafely-without-email); fi
for name in "${names[@]+"${names[@]}"}"; do certbot+=(-d "$name"); done

if [[ "$dry_run" = 1 ]]; then
  if [[ "$rollback" = 1 ]]; then
    echo "would write $site without TLS, remove $hook, and reload Nginx"
  else
    [[ "$own_files" = 1 ]] || { printf 'would run:'; printf ' %q' "${certbot[@]}"; echo; }
    echo "would write $site with TLS for ${names[*]}, and reload Nginx"
  fi
  exit 0
fi

[[ "$(id -u)" -eq 0 ]] || fail "run it as root: sudo $0"
[[ -f "$site" ]] || fail "$site is not there: run deploy/install.sh first"
[[ -e /etc/nginx/sites-enabled/martlet.conf ]] ||
  fail "the site is not enabled: ln -s ../sites-available/martlet.conf /etc/nginx/sites-enabled/ && systemctl reload nginx, then try again"
nginx_is_up || fail "Nginx does not run: start it first (systemctl start nginx)"
one_at_a_time
if [[ "$http3" = 1 ]]; then
  nginx -V 2>&1 | tr ' ' '\n' | grep -cx -- --with-http_v3_module >/dev/null ||
    fail "this Nginx ($(nginx -v 2>&1 | sed 's/.*: //')) has no HTTP/3: Debian 13 and later have it; leave --http3 away"
fi
for name in "${names[@]+"${names[@]}"}"; do refuse_name_of_another_site "$name"; done

# write_site: the site with TLS from the template, or without it where no certificate is named.
write_site() {
  local version http2=" http2" http2_on="" stapling="" hsts_line="" quic=""
  if [[ -z "${1:-}" ]]; then
    sed "s/server_name _;/server_name ${names[*]:-_};/" "$here/nginx/martlet.conf" >"$kept/site"
  else
    version="$(nginx -v 2>&1 | sed -n 's|.*nginx/\([0-9.]*\).*|\1|p')"
    # From 1.25.1 on, HTTP/2 is a directive of its own.
    if printf '1.25.1\n%s\n' "$version" | sort -CV; then http2="" http2_on="http2 on;"; fi
    # Let's Encrypt has ended OCSP; where a certificate still names a responder, its answer is stapled.
    if [[ -n "$(openssl x509 -in "$1" -noout -ocsp_uri)" ]]; then stapling="ssl_stapling on;"; fi
    if [[ "$hsts" = 1 ]] || grep -q Strict-Transport-Security "$site"; then
      hsts_line='add_header Strict-Transport-Security "max-age=31536000" always;'
    fi
    if [[ "$http3" = 1 ]] || grep -q 'listen 443 quic' "$site"; then
      quic='listen 443 quic reuseport; listen [::]:443 quic reuseport; add_header Alt-Svc '"'"'h3=":443"; ma=86400'"'"' always;'
    fi
    sed -e "s/@NAMES@/${names[*]}/" -e "s/@HTTP3@/$quic/" -e "s/@HTTP2@/$http2/" -e "s/@HTTP2_ON@/$http2_on/" -e "s|@CERTIFICATE@|$1|" \
      -e "s|@KEY@|$2|" -e "s/@STAPLING@/$stapling/" -e "s/@HSTS@/$hsts_line/" "$here/nginx/martlet-https.conf" |
      sed '/^ *$/{N;/^ *\n *$/D}' >"$kept/site"
  fi
  place 0644 "$kept/site" "$site"
  if [[ "$placed" = 1 ]]; then changes=$((changes + 1)); fi
}

# reaches_us NAME: whether http://NAME/ comes to this machine. Says what to mend.
reaches_us() {
  local name="$1" answer nonce
  getent ahosts "$name" >/dev/null ||
    fail "$name does not resolve: make an A or AAAA record that points at this machine, wait until 'getent ahosts $name' shows it, and try again"
  nonce="martlet-$(openssl rand -hex 16)"
  make_folder 0755 "$acme_folder"
  remember rm -f "$acme_folder/$nonce"
  echo "$nonce" >"$acme_folder/$nonce"
  answer="$(curl -sS -m 10 "http://$name/.well-known/acme-challenge/$nonce" 2>&1)" || true
  rm -f "$acme_folder/$nonce"
  [[ "$answer" = "$nonce" ]] || fail "$name, port 80, does not lead to this machine (it resolves to \
$(getent ahosts "$name" | awk '{print $1}' | sort -u | tr '\n' ' '); asked, it said: $(head -c 100 <<<"$answer" | tr '\n' ' ')). \
Open port 80 and point the name here. If only this machine cannot see it, use --skip-checks"
}

if [[ "$rollback" = 1 ]]; then
  begin_transaction
  step="writing the site without TLS"
  write_site
  reload_nginx
  if [[ -e "$hook" ]]; then keep "$hook"; change rm -f "$hook"; fi
  commit_transaction
  say "the site is served without TLS${names[*]:+ for ${names[*]}}"
  if [[ -d /etc/letsencrypt/live/martlet ]]; then
    say "the certificate is kept and still renewed; to remove it: certbot delete --cert-name martlet"
  fi
  exit 0
fi

begin_transaction
if [[ "$own_files" = 0 ]]; then
  step="installing certbot"
  add_packages certbot
  step="checking that the names and port 80 lead to this machine"
  make_folder 0755 "$acme_root"
  # The authority asks the site for every name, so it must know them: also one with TLS, which may not know a new one yet.
  if ! grep -q 'managed by enable-https' "$site"; then
    write_site
    reload_nginx
  elif [[ "$(names_of_site)" != "$(printf '%s\n' "${names[@]}")" ]]; then
    keep "$site"
    sed -i "s/\(server_name \)[^;]*;/\1${names[*]};/" "$site"
    changes=$((changes + 1))
    reload_nginx
  fi
  if [[ "$skip_checks" = 0 ]]; then
    for name in "${names[@]}"; do reaches_us "$name"; done
  fi

  step="getting the certificate"
  if ! "${certbot[@]}" 8>&- >"$kept/certbot.log" 2>&1; then
    cat "$kept/certbot.log" >&2
    fail "the authority gave no certificate (its words and certbot's stand above; more in /var/log/letsencrypt/letsencrypt.log)"
  fi
  certificate="/etc/letsencrypt/live/martlet/fullchain.pem"
  key="/etc/letsencrypt/live/martlet/privkey.pem"
elif [[ "$self_signed" = 1 ]]; then
  step="making the certificate"
  alternatives=()
  for name in "${names[@]}"; do
    if [[ "$name" =~ ^[0-9.]+$ || "$name" = *:* ]]; then alternatives+=("IP:$name"); else alternatives+=("DNS:$name"); fi
  done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 397 -subj "/CN=${names[0]}" \
    -addext "subjectAltName=$(IFS=,; echo "${alternatives[*]}")" -addext "extendedKeyUsage=serverAuth" \
    -keyout "$kept/self-signed.key" -out "$kept/self-signed.crt" 2>"$kept/openssl.log" || { cat "$kept/openssl.log" >&2; fail "openssl made no certificate"; }
  certificate="/etc/martlet/tls/self-signed.crt"
  key="/etc/martlet/tls/self-signed.key"
  place 0600 "$kept/self-signed.key" "$key"
  place 0644 "$kept/self-signed.crt" "$certificate"
fi

step="checking the certificate"
[[ -r "$certificate" ]] || fail "cannot read $certificate"
[[ -r "$key" ]] || fail "cannot read $key"
certificate="$(realpath -s "$certificate")"
key="$(realpath -s "$key")"
openssl x509 -in "$certificate" -noout -checkend 0 >/dev/null || fail "$certificate has expired, or is no PEM certificate"
[[ "$(openssl x509 -in "$certificate" -noout -pubkey)" = "$(openssl pkey -in "$key" -pubout 2>/dev/null)" ]] ||
  fail "$key is not the key of $certificate"
for name in "${names[@]}"; do
  question=-checkhost
  if [[ "$name" =~ ^[0-9.]+$ || "$name" = *:* ]]; then question=-checkip; fi
  openssl x509 -in "$certificate" -noout "$question" "$name" | grep -q 'does match' || fail "$certificate is not for $name"
done

step="writing the site with TLS"
place 0644 "$here/nginx/martlet-tls.conf" /etc/nginx/snippets/martlet-tls.conf
write_site "$certificate" "$key"
changes=$((changes + 1))
step="checking Nginx's configuration and reloading it"
reload_nginx

step="asking over HTTPS"
served_certificate() {
  openssl s_client -connect 127.0.0.1:443 -servername "${names[0]}" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256
}
for attempt in {1..20}; do
  if [[ "$(served_certificate)" = "$(openssl x509 -in "$certificate" -noout -fingerprint -sha256)" ]]; then break; fi
  [[ "$attempt" != 20 ]] || fail "port 443 does not show the new certificate: does another site answer for ${names[0]}?"
  sleep 0.5
done
check_prediction

if [[ "$own_files" = 0 ]]; then
  step="setting up renewal"
  place 0755 "$here/deploy/renewal-hook.sh" "$hook"
  if have_systemd && ! systemctl is-enabled --quiet certbot.timer 2>/dev/null; then
    remember systemctl disable --quiet --now certbot.timer
    change systemctl enable --quiet --now certbot.timer
  fi
fi
commit_transaction
say "https://${names[0]}/ is on (until $(openssl x509 -in "$certificate" -noout -enddate | cut -d= -f2))"
if [[ "$own_files" = 0 ]]; then
  say "certbot renews it by itself; to try: certbot renew --dry-run"
else
  say "nothing renews this certificate: put a new one in its place before it ends, and reload Nginx"
fi
