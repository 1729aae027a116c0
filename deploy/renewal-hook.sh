#!/bin/sh
# Run by certbot after it has renewed a certificate; installed by enable-https.sh.
# RENEWED_LINEAGE is the folder of the certificate.
set -eu

case "${RENEWED_LINEAGE:-}" in
  */martlet) ;;
  *) exit 0 ;;
esac

nginx -t -q
if [ -d /run/systemd/system ]; then systemctl reload nginx; else nginx -s reload; fi

# Where the daemon ends TLS itself, it has a copy that it may read, and reads it anew on HUP.
if grep -Eq '^[[:space:]]*certfile[[:space:]]*=[[:space:]]*"/etc/martlet/tls/' /etc/martlet/martlet.toml 2>/dev/null; then
  install -d -m 0750 -o root -g martlet /etc/martlet/tls
  install -m 0640 -o root -g martlet "$RENEWED_LINEAGE/fullchain.pem" /etc/martlet/tls/fullchain.pem
  install -m 0640 -o root -g martlet "$RENEWED_LINEAGE/privkey.pem" /etc/martlet/tls/privkey.pem
  if [ -d /run/systemd/system ]; then
    systemctl reload martlet
  elif [ -s /run/martlet/martlet.pid ]; then
    kill -HUP "$(cat /run/martlet/martlet.pid)"
  fi
fi
