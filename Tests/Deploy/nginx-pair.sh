# shellcheck shell=bash disable=SC2154
# Nginx with the site as shipped, and the daemon behind it, on free ports. To be sourced after checks.sh.
#
# start_pair sets `port` (IPv4; IPv6 is the next, the daemon the one after), `url` and `daemon`.

write_nginx_conf() {
  mkdir -p "$folder/snippets"
  sed -e "s/listen 80;/listen 127.0.0.1:$port;/" -e "s/listen \[::\]:80;/listen [::1]:$((port + 1));/" \
    nginx/martlet.conf >"$folder/site.conf"
  sed -e "s/127\.0\.0\.1:5000/127.0.0.1:$((port + 2))/" nginx/martlet-upstream.conf >"$folder/snippets/martlet-upstream.conf"
  cp nginx/martlet-{http,server,tls}.conf "$folder/snippets"
  sed -i "s|/var/log/nginx/martlet.access.log|$folder/nginx-access.log|" "$folder/snippets/martlet-server.conf"
  # Workers of Nginx, which are not root, have folders below this one.
  chmod 711 "$folder"
  # The same snippets before a listener of the test's own, which shows what the daemon would be sent.
  cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/nginx-error.log;
events { worker_connections 1024; }
http {
  access_log $folder/nginx-access.log;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  include $folder/site.conf;
  server {
    listen 127.0.0.1:$((port + 4));
    $(grep -E '^(proxy_set_header|proxy_http_version)' nginx/martlet-server.conf)
    location / { proxy_pass http://127.0.0.1:$((port + 3)); }
  }
}
CONF
}

start_nginx() {
  nginx -c "$folder/nginx.conf" -g 'daemon off;' >"$folder/nginx.log" 2>&1 &
  started+=("$!")
  wait_for 60 curl -s -m 1 -o /dev/null "$url/healthz"
}

nginx_workers() { pgrep -P "$(cat "$folder/nginx.pid")" | sort | tr '\n' ' '; }
# nginx_has_none_of WORKERS: whether all that there are came later. A worker that ends goes on with kept connections.
nginx_has_none_of() {
  local worker now
  now=$(nginx_workers)
  for worker in $1; do
    [[ " $now " != *" $worker "* ]] || return 1
  done
  [[ -n "$now" ]]
}
# reload_nginx: and waits until workers with the new settings alone are there.
reload_nginx() {
  local before
  before=$(nginx_workers)
  nginx -c "$folder/nginx.conf" -s reload && wait_for 20 nginx_has_none_of "$before"
}

# are_held COUNT: whether Nginx has so many connections of clients.
are_held() { [[ "$(ss -Htn state established "( sport = :$port )" | wc -l)" -ge $1 ]]; }

start_pair() {
  # Below the ports that the kernel gives to those who name none.
  port=$((20000 + RANDOM % 12000))
  url="http://127.0.0.1:$port"
  write_nginx_conf
  start_daemon "$folder/daemon" Models/sms-spam -w 2 -b "127.0.0.1:$((port + 2))" --admin-bind none \
    --access-logfile "$folder/daemon-access.log" || return 1
  started+=("$daemon")
  start_nginx
}
