#!/bin/bash
# Inside Tests/Deploy/sandbox.sh: prints each path that differs from the machine as it was, with +, - or ~ before it.
# Logs, caches, temporary files and the account tools' backup copies are not counted: no installer answers for those.
set -euo pipefail
upper=/sandbox/upper
lower=/sandbox/lower

find "$upper" -mindepth 1 -printf '%y %P\n' | sort -k2 | while read -r type path; do
  case "/$path" in
    /sandbox* | /tmp* | /var/tmp* | /run* | /proc* | /dev* | /sys* | /root* | /var/log/* | /var/cache/* | /var/lib/nginx/*) continue ;;
    /etc/passwd- | /etc/shadow- | /etc/group- | /etc/gshadow- | /etc/.pwd.lock) continue ;;
    /etc/machine-id | /var/lib/dbus/machine-id | /etc/resolv.conf | /etc/systemd/system/sandbox-command.service | */multi-user.target.wants/sandbox-command.service) continue ;;
    /var/lib/apt/* | /var/lib/dpkg/* | /etc/ld.so.cache | /var/lib/systemd/*) continue ;;
  esac
  was="$lower/$path"
  case "$type" in
    c) if [[ -e "$was" || -L "$was" ]]; then echo "- /$path"; fi ;;
    d) if [[ ! -d "$was" ]]; then echo "+ /$path/"; fi ;;
    l) if [[ "$(readlink "$was" 2>/dev/null)" != "$(readlink "$upper/$path")" ]]; then echo "~ /$path"; fi ;;
    *)
      if [[ ! -e "$was" ]]; then
        echo "+ /$path"
      elif ! cmp -s "$was" "$upper/$path" || [[ "$(stat -c %a:%U "$was")" != "$(stat -c %a:%U "$upper/$path")" ]]; then
        echo "~ /$path"
      fi
      ;;
  esac
done
