#!/usr/bin/env bash
# Grades the server's TLS with sslscan, for an ECDSA and an RSA certificate: nothing weak may be offered.
set -euo pipefail
# shellcheck source=Tests/Network/server.sh
. "$(dirname "$0")/server.sh"

fault=0
expect() { # expect WANTED(yes|no) PATTERN
  if grep -Eq "$2" "$work/scan"; then found=yes; else found=no; fi
  if [ "$found" != "$1" ]; then
    echo "FAULT: '$2' $([ "$1" = yes ] && echo missing || echo present)" >&2
    fault=1
  fi
}

for kind in ecdsa rsa; do
  if [ $kind = ecdsa ]; then
    certificate $kind -newkey ec -pkeyopt ec_paramgen_curve:P-256
  else
    certificate $kind -newkey rsa:2048
  fi
  start --certfile "$work/$kind.pem" --keyfile "$work/$kind.key"
  sslscan --no-colour "127.0.0.1:$port" >"$work/scan"
  echo "== $kind"
  grep -E '^(SSLv|TLSv|Preferred|Accepted|  *[Cc]ompression)|renegotiation|heartbleed|Signature|Strength' "$work/scan"
  expect yes '^TLSv1\.2 +enabled'
  expect yes '^TLSv1\.3 +enabled'
  for old in 'SSLv2' 'SSLv3' 'TLSv1\.0' 'TLSv1\.1'; do expect yes "^$old +disabled"; done
  expect no '^(Accepted|Preferred).*(CBC|RC4|3DES|DES|MD5|NULL|EXP|anon|ADH|SHA$|SEED|IDEA|CAMELLIA| AES(128|256)-)'
  expect no '^(Accepted|Preferred) +TLSv1\.2.*  (AES|DHE|RSA)'
  expect no 'Compression enabled|compression enabled'
  expect no 'nsecure session renegotiation'
  stop_daemon "$work"
done
[ $fault = 0 ] && echo "nothing weak"
exit $fault
