#!/bin/sh
# Nginx in a container: its log goes to the container's, and it is reloaded when sites or certificates have changed.
set -eu
ln -sf /dev/stdout /var/log/nginx/martlet.access.log

state() { cat /etc/nginx/conf.d/sites/*.conf /etc/letsencrypt/live/*/fullchain.pem 2>/dev/null | md5sum; }
watch() {
  last=$(state)
  while sleep "${WATCH_SECONDS:-15}"; do
    now=$(state)
    if [ "$now" != "$last" ] && nginx -t -q; then
      nginx -s reload
      last=$now
    fi
  done
}
watch &
exec nginx -g 'daemon off;'
