#!/bin/bash
# Installs Martlet behind Nginx on Debian or Ubuntu. Run twice, it changes nothing more; if a step fails, all is put back.
#
#   sudo deploy/install.sh [--model DIR|NAME] [--domain NAME] [--listen ADDRESS] [--binary FILE] [--dry-run]
#   sudo deploy/install.sh --uninstall [--keep-data] [--with-packages] [--dry-run]
#
# --model DIR|NAME the model to serve (default: the embedded spam classifier): a folder, or a name on a hub, such as
#                  BAAI/bge-small-en-v1.5, which is pulled into /var/lib/martlet/huggingface first; the daemon has no network. HF_TOKEN and
#                  HF_ENDPOINT reach this by sudo --preserve-env=HF_TOKEN,HF_ENDPOINT
# --domain NAME    answer for this host name only; without it, for every name that no other site has
# --listen ADDRESS listen there too, for an Nginx on another machine: a private address of this one, or 0.0.0.0 for all; the sandbox
#                  then lets the daemon talk to other machines. 127.0.0.1 takes that back
# --replace-package  remove the Debian package martlet first, whose units these would hide; configuration and history stay
# --binary FILE    the program (default: what 'make build' made)
# --dry-run        say what would be changed, and change nothing
# --uninstall      remove what was installed, with configuration and history; --keep-data leaves those two,
#                  --with-packages also removes the Debian packages that the installation had added
# --root DIR       install below DIR and touch no user, service or Nginx: for images
#
# Example: sudo deploy/install.sh --model /srv/models/reviews --domain api.example.org
set -euo pipefail

here="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)"
program="install"
model=""
binary=""
domain=""
listen=""
replace_package=0
root=""
dry_run=0
uninstall=0
keep_data=0
with_packages=0
# shellcheck source=deploy/transaction.sh
source "$here/deploy/transaction.sh"
# shellcheck source=deploy/service.sh
source "$here/deploy/service.sh"

while [[ $# -gt 0 ]]; do
  case "$1" in
    --model) model="${2:?--model needs a folder}"; shift ;;
    --binary) binary="${2:?--binary needs a file}"; shift ;;
    --domain) domain="${2:?--domain needs a name}"; shift ;;
    --listen) listen="${2:?--listen needs an address}"; shift ;;
    --replace-package) replace_package=1 ;;
    --root) root="${2:?--root needs a folder}"; shift ;;
    --dry-run) dry_run=1 ;;
    --uninstall) uninstall=1 ;;
    --keep-data) keep_data=1 ;;
    --with-packages) with_packages=1 ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
if [[ -n "$domain" && ! "$domain" =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]]; then
  fail "--domain $domain is not a host name"
fi
if [[ -n "$listen" && ! "$listen" =~ ^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\])$ ]]; then
  fail "--listen $listen is no address: write 192.0.2.11, 0.0.0.0 or [2001:db8::11]"
fi
if [[ -z "$root" && "$dry_run" = 0 && "$(id -u)" -ne 0 ]]; then fail "run it as root: sudo $0"; fi
if [[ -z "$root" && "$dry_run" = 0 ]]; then
  one_at_a_time
fi

data="$root/var/lib/martlet"
site="$root/etc/nginx/sites-available/martlet.conf"
site_link="$root/etc/nginx/sites-enabled/martlet.conf"
default_link="$root/etc/nginx/sites-enabled/default"
# What uninstalling has to know and cannot see: `package NAME` and `default-site TARGET`.
record="$data/installed"
units=(martlet.socket martlet.service martlet@.socket martlet@.service)
listen_dropins=("$root/etc/systemd/system/martlet.socket.d/listen.conf" "$root/etc/systemd/system/martlet.service.d/network.conf")
files=(
  "$root/usr/local/bin/martlet"
  "$root/etc/nginx/snippets/martlet-http.conf"
  "$root/etc/nginx/snippets/martlet-server.conf"
  "$root/etc/nginx/snippets/martlet-tls.conf"
  "$root/etc/nginx/snippets/martlet-upstream.conf"
  "$root/etc/sysusers.d/martlet.conf"
  "$root/etc/logrotate.d/martlet"
  "$root/etc/letsencrypt/renewal-hooks/deploy/martlet.sh"
)
for unit in "${units[@]}"; do files+=("$root/etc/systemd/system/$unit"); done
files+=("${listen_dropins[@]}")

package_version=""
if [[ -z "$root" ]]; then
  package_version="$({ dpkg-query -W -f='${Status} ${Version}' martlet 2>/dev/null || true; } | sed -n 's/^install ok installed //p')"
fi
if [[ -n "$package_version" && "$uninstall" = 1 && ! -e /usr/local/bin/martlet ]]; then
  fail "Martlet is here by its Debian package ($package_version): apt-get purge martlet"
elif [[ -n "$package_version" && "$uninstall" = 1 ]]; then
  fail "the Debian package martlet ($package_version) is here too: martlet-adopt leaves it alone; apt-get purge martlet takes it away"
elif [[ -n "$package_version" && "$replace_package" = 0 ]]; then
  fail "the Debian package martlet ($package_version) is installed, and this would hide its units and its program. Go on with the \
package (apt-get install ./martlet_….deb, martlet-enable-https), or give --replace-package, which removes it and keeps configuration and history"
fi

add_to_record() {
  grep -qxF "$1" "$record" 2>/dev/null && return 0
  [[ "$dry_run" = 0 ]] || return 0
  make_folder 0755 "$data"
  keep "$record"
  echo "$1" >>"$record"
}

remove_everything() {
  local path packages=() target=""
  if [[ -f "$record" ]]; then
    mapfile -t packages < <(sed -n 's/^package //p' "$record")
    target="$(sed -n 's/^default-site //p' "$record")"
  fi
  if [[ -z "$root" ]]; then stop_daemon; fi
  if [[ -z "$root" && "$keep_data" = 0 && -d /etc/letsencrypt/live/martlet ]]; then
    change certbot delete --non-interactive --cert-name martlet
  fi
  for path in "$site_link" "$site" "${files[@]}"; do
    if [[ -e "$path" || -L "$path" ]]; then change rm -f "$path"; fi
  done
  if [[ -n "$target" && ! -e "$default_link" && -e "$root/etc/nginx/sites-available/default" ]]; then
    change ln -s "$target" "$default_link"
  fi
  for path in "$data/models" "$data/model" "$data/huggingface" "$record"; do
    if [[ -e "$path" || -L "$path" ]]; then change rm -rf "$path"; fi
  done
  if [[ "$keep_data" = 0 ]]; then
    for path in "$data" "$root/etc/martlet" "$root/var/log/martlet"; do
      if [[ -e "$path" ]]; then change rm -rf "$path"; fi
    done
  fi
  # Folders that Debian's packages do not ship go too, if nothing else is in them.
  for path in "${listen_dropins[@]%/*}" "$root/etc/sysusers.d" "$root/etc/nginx/snippets"; do
    if [[ -d "$path" && "$dry_run" = 0 ]] && ! dpkg-query -S "$path" >/dev/null 2>&1; then
      rmdir --ignore-fail-on-non-empty "$path"
    fi
  done
  if [[ "$changes" != 0 ]] && have_systemd; then change systemctl daemon-reload; fi
  if [[ -z "$root" && "$keep_data" = 0 ]] && id martlet >/dev/null 2>&1; then change userdel martlet; fi
  if [[ ${#packages[@]} -gt 0 && "$with_packages" = 1 ]]; then
    change purge_packages "${packages[@]}"
  elif [[ ${#packages[@]} -gt 0 ]]; then
    say "left the packages that the installation had added; to remove them: apt-get purge ${packages[*]}"
  fi
  if [[ -z "$root" && "$changes" != 0 ]] && command -v nginx >/dev/null && nginx_is_up; then reload_nginx; fi
  if [[ "$changes" = 0 ]]; then say "nothing to remove"; elif [[ "$dry_run" = 0 ]]; then say "removed"; fi
}

if [[ "$uninstall" = 1 ]]; then
  remove_everything
  exit 0
fi

model="${model:-$here/Models/sms-spam}"
binary="${binary:-$here/.build/release/martlet}"
[[ -x "$binary" ]] || fail "no program at $binary: run 'make build' first, or give --binary FILE"
hub_name=""
if [[ ! -e "$model" && "$model" =~ ^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?(@[A-Za-z0-9._/-]+)?$ ]]; then
  hub_name="$model"
elif [[ ! -f "$model/config.json" && ! -f "$model/modules.json" && ! -f "$model/adapter_config.json" ]]; then
  fail "no model in $model (config.json is missing): give --model DIR, or a name on a hub"
else
  model="$(cd "$model" && pwd)"
fi
begin_transaction

if [[ -n "$package_version" ]]; then
  step="removing the Debian package"
  say "removing the Debian package martlet $package_version; its configuration and history stay"
  [[ "$dry_run" = 1 ]] || remember say "the Debian package martlet $package_version stays removed: install it again, or run this again"
  change apt_get remove -y martlet
fi
if [[ -z "$root" ]]; then
  step="installing packages"
  # curl also brings libcurl, which the program needs as it does SQLite.
  add_packages nginx curl libsqlite3-0
  if [[ "$dry_run" = 0 ]] && ! "$binary" --version >/dev/null 2>&1; then
    fail "$binary does not run here ($("$binary" --version 2>&1 | head -n 1))"
  fi
fi

step="making the user martlet"
place 0644 "$here/systemd/sysusers.d/martlet.conf" "$root/etc/sysusers.d/martlet.conf"
if [[ -z "$root" ]]; then make_user; fi

step="installing the program"
place 0755 "$binary" "$root/usr/local/bin/martlet"
daemon_changed="$placed"
# The record comes after the first file of our own, so that a failure to install packages leaves no trace.
for package in "${packages_added[@]+"${packages_added[@]}"}"; do add_to_record "package $package"; done

# The daemon finds an adapter's base in the same place: its unit names it.
export HF_HOME="$data/huggingface"
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE
if [[ -n "$hub_name" ]]; then
  step="pulling the model"
  if [[ "$dry_run" = 1 ]]; then
    say "would pull $hub_name into $HF_HOME, and serve it"
    model="$kept/pulled"
    mkdir "$model"
  else
    [[ -d "$HF_HOME" ]] || remember rm -rf "$HF_HOME"
    make_folder 0755 "$HF_HOME"
    model="$("$binary" pull "$hub_name")" || fail "$hub_name is not pulled, for the reason above"
    chmod -R u=rwX,go=rX "$HF_HOME"
  fi
fi

# A model stands in a folder named by its content, and a link says which is served: changing it is one step, and undoing it
# another. The one before is kept for going back.
step="installing the model"
digest="$(cd "$model" && find -L . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)"
if [[ -n "$hub_name" && "$dry_run" = 1 ]]; then digest="CHECKSUM"; fi
model_name="$(basename "${hub_name:-$model}" | tr -c 'A-Za-z0-9._\n-' '-')-$digest"
model_changed=0
if [[ ! -d "$data/models/$model_name" ]]; then
  needed="$(du -sk "$model" | cut -f1)"
  existing="$data"
  while [[ ! -d "$existing" ]]; do existing="$(dirname "$existing")"; done
  free="$(df -Pk "$existing" | awk 'NR == 2 {print $4}')"
  [[ "$needed" -lt "$free" ]] || fail "the model takes $needed KiB, and $existing has $free KiB left"
  changes=$((changes + 1))
  if [[ "$dry_run" = 1 ]]; then
    say "would copy $model to $data/models/$model_name"
  else
    say "copying $model to $data/models/$model_name"
    make_folder 0755 "$data/models"
    remember rm -rf "$data/models/$model_name" "$data/models/$model_name.new"
    mkdir "$data/models/$model_name.new"
    # What was pulled is on disk once: the copies are links to the same bytes.
    cp -rL ${hub_name:+"--link"} "$model/." "$data/models/$model_name.new"
    chmod -R u=rwX,go=rX "$data/models/$model_name.new"
    mv -T "$data/models/$model_name.new" "$data/models/$model_name"
  fi
fi
if [[ -z "$root" && "$dry_run" = 0 ]] && { [[ "$daemon_changed" = 1 ]] || [[ "$(readlink "$data/model")" != "models/$model_name" ]]; }; then
  # A running daemon that cannot load a model goes on with the one before, so this must be asked before it is told to.
  step="checking that the program loads the model"
  "$root/usr/local/bin/martlet" serve "$data/models/$model_name" --check-config >/dev/null
fi
step="installing the model"
previous_model="$(readlink "$data/model" 2>/dev/null || true)"
link "models/$model_name" "$data/model"
model_changed="$placed"

step="installing the configuration"
if [[ ! -f "$root/etc/martlet/martlet.toml" ]]; then
  place 0644 "$here/deploy/martlet.toml" "$root/etc/martlet/martlet.toml"
fi

step="installing the units"
for unit in "${units[@]}"; do
  place 0644 "$here/systemd/$unit" "$root/etc/systemd/system/$unit"
  if [[ "$placed" = 1 ]]; then daemon_changed=1; fi
done

# What the socket unit and the sandbox are told. On this machine Nginx and `martlet doctor` ask loopback.
socket_changed=0
step="setting where it listens"
case "$listen" in
  "") ;;
  127.0.0.1 | "[::1]")
    for path in "${listen_dropins[@]}"; do
      if [[ -e "$path" ]]; then
        [[ "$dry_run" = 1 ]] || keep "$path"
        change rm "$path"
        socket_changed=1
      fi
    done
    ;;
  *)
    {
      echo "# Written by install.sh --listen; --listen 127.0.0.1 takes it away."
      printf '[Socket]\nFreeBind=yes\nListenStream=\nListenStream=%s:5000\n' "$listen"
      [[ "$listen" = 0.0.0.0 || "$listen" = "[::]" ]] || echo "ListenStream=127.0.0.1:5000"
    } >"$kept/listen.conf"
    {
      echo "# Written by install.sh --listen. Who may come is for your firewall to say."
      printf '[Service]\nIPAddressAllow=any\n'
    } >"$kept/network.conf"
    place 0644 "$kept/listen.conf" "${listen_dropins[0]}"
    socket_changed="$placed"
    place 0644 "$kept/network.conf" "${listen_dropins[1]}"
    if [[ "$placed" = 1 ]]; then socket_changed=1; fi
    ;;
esac
if [[ -n "$listen" ]]; then
  # Where no systemd opens the socket, the daemon does; where it does, the two should agree.
  bind="\"127.0.0.1:5000\""
  case "$listen" in
    127.0.0.1 | "[::1]") ;;
    0.0.0.0 | "[::]") bind="\"$listen:5000\"" ;;
    *) bind="\"$listen:5000\", $bind" ;;
  esac
  settings="$root/etc/martlet/martlet.toml"
  [[ -f "$settings" ]] || settings="$here/deploy/martlet.toml"
  if grep -q '^bind = .*\]' "$settings"; then
    sed "s/^bind = .*/bind = [$bind]/" "$settings" >"$kept/martlet.toml"
    place 0644 "$kept/martlet.toml" "$root/etc/martlet/martlet.toml"
    if [[ "$placed" = 1 ]]; then daemon_changed=1; fi
  else
    say "left bind in $settings as it is: with $bind in it, it would say what the socket unit does"
  fi
fi

if [[ -d "$root/etc/logrotate.d" || -n "$root" ]]; then
  place 0644 "$here/deploy/logrotate" "$root/etc/logrotate.d/martlet"
fi

step="installing the site"
if [[ -z "$root" && -n "$domain" ]] && command -v nginx >/dev/null; then refuse_name_of_another_site "$domain"; fi
for name in http server; do
  place 0644 "$here/nginx/martlet-$name.conf" "$root/etc/nginx/snippets/martlet-$name.conf"
done
if [[ ! -f "$root/etc/nginx/snippets/martlet-upstream.conf" ]]; then
  # Which hosts there are is the administrator's to say; an installation does not overrule that.
  place 0644 "$here/nginx/martlet-upstream.conf" "$root/etc/nginx/snippets/martlet-upstream.conf"
fi
new_site="$kept/site"
sed "s/server_name _;/server_name ${domain:-_};/" "$here/nginx/martlet.conf" >"$new_site"
if [[ -f "$site" ]] && grep -q -e 'managed by Certbot' -e 'managed by enable-https' "$site"; then
  say "keeping $site, which has HTTPS"
elif [[ -f "$site" && -z "$domain" ]] && ! grep -q 'server_name _;' "$site"; then
  # Without --domain, the name that was given before stays.
  sed "s/server_name _;/$(sed -n 's/^ *\(server_name [^;]*;\).*/\1/p' "$site" | head -n 1)/" "$here/nginx/martlet.conf" >"$new_site"
  place 0644 "$new_site" "$site"
else
  place 0644 "$new_site" "$site"
fi
link ../sites-available/martlet.conf "$site_link"

# Debian's welcome page answers for every name, so where no name was given it would answer instead of Martlet.
if grep -q 'server_name _;' "$site" 2>/dev/null && [[ -L "$default_link" && -z "$root" ]]; then
  step="putting Debian's welcome page aside"
  default_target="$(readlink "$default_link")"
  if [[ "$(md5sum <"$default_link" | cut -d' ' -f1)" != "$(shipped_digest nginx-common /etc/nginx/sites-available/default)" ]]; then
    fail "$default_link is a site of yours and answers for every name: give --domain NAME, or take it away"
  fi
  say "putting aside $default_link (Debian's welcome page; --uninstall puts it back)"
  add_to_record "default-site $default_target"
  [[ "$dry_run" = 1 ]] || keep "$default_link"
  change rm "$default_link"
fi

if [[ -z "$root" ]]; then
  step="starting the daemon"
  start_daemon "$daemon_changed" "$model_changed" "$socket_changed"
  step="checking Nginx's configuration and reloading it"
  reload_nginx
  step="asking for a prediction through Nginx"
  if [[ "$dry_run" = 0 ]]; then check_prediction; fi
fi

# Only now, when the new model has answered: the one before it stays for going back, older ones go.
if [[ "$model_changed" = 1 && "$dry_run" = 0 ]]; then
  for folder in "$data"/models/*/; do
    folder="${folder%/}"
    case "models/${folder##*/}" in
      "models/$model_name" | "$previous_model") ;;
      *) rm -rf "$folder" ;;
    esac
  done
fi
commit_transaction
if [[ "$changes" = 0 ]]; then
  say "nothing to change${root:+ under $root}"
elif [[ "$dry_run" = 0 ]]; then
  say "done${root:+ under $root}"
fi
