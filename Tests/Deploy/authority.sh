# shellcheck shell=bash disable=SC2154
# Pebble, an ACME authority for tests. To be sourced after checks.sh, on a machine that is thrown away.

# start_authority: certificates of https://localhost:14000/dir verify by $folder/root.pem. It resolves names by /etc/hosts, in which
# far.example.org is another machine, and asks port 80 as a real one does.
start_authority() {
  printf '127.0.0.1 localhost\n::1 localhost\n127.0.0.1 api.example.org www.example.org third.example.org\n192.0.2.1 far.example.org\n' >/etc/hosts
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$folder/pebble.key" -out "$folder/pebble.crt" 2>/dev/null
  export REQUESTS_CA_BUNDLE="$folder/pebble.crt"
  cat >"$folder/pebble.json" <<JSON
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": "$folder/pebble.crt",
 "privateKey": "$folder/pebble.key", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false}}
JSON
  PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 pebble -config "$folder/pebble.json" >"$folder/pebble.log" 2>&1 &
  started+=("$!")
  wait_for 60 curl -s --cacert "$folder/pebble.crt" -o "$folder/root.pem" https://localhost:15000/roots/0
}
