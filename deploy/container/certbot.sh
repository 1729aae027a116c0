#!/bin/sh
# certbot in a container: gets the certificate of $DOMAIN by way of the Nginx beside it, writes the site with TLS, and renews.
set -eu
[ -n "$DOMAIN" ] || { echo "certbot.sh: which domain? DOMAIN=api.example.org docker compose --profile https up" >&2; exit 64; }
account=--register-unsafely-without-email
[ -z "$EMAIL" ] || account="--email=$EMAIL"
until certbot certonly --webroot -w /var/lib/martlet/acme --cert-name martlet --non-interactive --agree-tos --keep-until-expiring \
  --server "$ACME_SERVER" "$account" -d "$DOMAIN"; do
  # The authority counts failures: an hour is what it allows five of.
  sleep "${RETRY_SECONDS:-900}"
done
live=/etc/letsencrypt/live/martlet
# The site as enable-https.sh writes it, but for what http.conf has already. From Nginx 1.25.1 on HTTP/2 is a directive of its own.
sed -e "s/@NAMES@/$DOMAIN/; s/@HTTP2@//; s|@CERTIFICATE@|$live/fullchain.pem|; s|@KEY@|$live/privkey.pem|" \
  -e 's/@HTTP2_ON@/http2 on;/; s/@HTTP3@//; s/@STAPLING@//; s/@HSTS@//; /^include /d' \
  /etc/nginx/snippets/martlet-https.conf >/etc/nginx/conf.d/sites/https.conf.new
mv /etc/nginx/conf.d/sites/https.conf.new /etc/nginx/conf.d/sites/https.conf
while :; do
  sleep 43200 &
  wait $!
  certbot renew --quiet || echo "certbot.sh: renewing failed; trying again in twelve hours" >&2
done
