#!/bin/bash
# Asks each host whether it is ready, and takes those out of Nginx's upstream that are not. Nginx notices by itself when a request
# to a host fails; this notices before a request does. Never takes the last host out.
#
#   deploy/check-upstream.sh [--hosts FILE] [--output FILE] [--reload COMMAND] [--watch SECONDS]
#
# --hosts FILE      HOST:PORT a line, # for comments (default: /etc/martlet/hosts)
# --output FILE     the upstream block (default: /etc/nginx/snippets/martlet-upstream.conf)
# --reload COMMAND  what makes Nginx read it (default: 'nginx -t -q && nginx -s reload')
# --watch SECONDS   again and again, that many seconds apart; without it, once
#
# A host is taken out at its second failure in a row and taken back at its first answer.
set -euo pipefail

hosts=/etc/martlet/hosts
output=/etc/nginx/snippets/martlet-upstream.conf
reload='nginx -t -q && nginx -s reload'
watch=0
while [[ $# -gt 0 ]]; do
  case "$1" in
    --hosts) hosts="${2:?--hosts needs a file}"; shift ;;
    --output) output="${2:?--output needs a file}"; shift ;;
    --reload) reload="${2:?--reload needs a command}"; shift ;;
    --watch) watch="${2:?--watch needs seconds}"; shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "check-upstream: unknown option $1 (see --help)" >&2; exit 64 ;;
  esac
  shift
done
[[ -r "$hosts" ]] || { echo "check-upstream: cannot read $hosts: write one HOST:PORT a line" >&2; exit 66; }

declare -A failures
answers="$(mktemp -d)"
trap 'rm -rf "$answers"' EXIT

check_once() {
  local host hosts_now=() out=() block
  mapfile -t hosts_now < <(sed 's/#.*//;s/[[:space:]]//g' "$hosts" | grep -E '^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):[0-9]+$' | sort -u)
  if [[ ${#hosts_now[@]} -eq 0 ]]; then echo "check-upstream: $hosts names no host" >&2; return 0; fi
  rm -f "$answers"/*
  for host in "${hosts_now[@]}"; do
    curl -s -f -g -m 2 -o /dev/null "http://$host/readyz" && touch "$answers/$host" &
  done
  wait
  for host in "${hosts_now[@]}"; do
    if [[ -e "$answers/$host" ]]; then failures[$host]=0; else failures[$host]=$((${failures[$host]:-0} + 1)); fi
    # Run once, there is no second time to wait for.
    if [[ "${failures[$host]}" -ge 2 || ("$watch" = 0 && "${failures[$host]}" -ge 1) ]]; then out+=("$host"); fi
  done
  # If no host answers, it is more likely that we cannot see them.
  if [[ ${#out[@]} -eq ${#hosts_now[@]} ]]; then out=(); fi
  block="$(
    echo "# Written by check-upstream.sh from $hosts: change that."
    printf 'upstream martlet {\n  zone martlet 128k;\n  least_conn;\n'
    for host in "${hosts_now[@]}"; do
      if [[ " ${out[*]+"${out[*]}"} " = *" $host "* ]]; then
        printf '  server %s down;\n' "$host"
      else
        printf '  server %s max_fails=2 fail_timeout=5s;\n' "$host"
      fi
    done
    printf '  keepalive 32;\n  keepalive_timeout 60s;\n}\n'
  )"
  if [[ "$block" != "$(cat "$output" 2>/dev/null)" ]]; then
    echo "check-upstream: out: ${out[*]:-none}; in: $((${#hosts_now[@]} - ${#out[@]})) of ${#hosts_now[@]}"
    [[ ! -e "$output" ]] || cp -p "$output" "$answers/.before"
    printf '%s\n' "$block" >"$output.new"
    mv -f "$output.new" "$output"
    if ! eval "$reload"; then
      echo "check-upstream: Nginx did not take it; the block of before is back" >&2
      [[ ! -e "$answers/.before" ]] || cp -p "$answers/.before" "$output"
      return 1
    fi
  fi
}

if [[ "$watch" = 0 ]]; then
  check_once
  exit
fi
while true; do
  check_once || true
  sleep "$watch"
done
