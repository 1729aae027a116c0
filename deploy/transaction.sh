# shellcheck shell=bash disable=SC2034
# A change of the machine that is undone whole if a step of it fails. To be sourced; the sourcing script sets `program` and
# `dry_run`, calls `begin_transaction` once, names each step in `step`, and `commit_transaction` at the end.

program="${program:-deploy}"
dry_run="${dry_run:-0}"
step="starting"
changes=0
undo=()
kept=""

say() { echo "$program: $*"; }

fail() {
  echo "$program: $*" >&2
  exit 1
}

# one_at_a_time: ends the script where another changes this machine's installation. The lock goes with the machine's /run.
one_at_a_time() {
  exec 8>/run/martlet-install.lock
  flock -n 8 || fail "another installation is running; wait for it"
}

begin_transaction() {
  kept="$(mktemp -d)"
  trap roll_back EXIT
  # A signal ends the script by way of the EXIT trap, so that an impatient Ctrl-C is undone as well.
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

commit_transaction() {
  trap - EXIT
  undo=()
  rm -rf "$kept"
}

# remember COMMAND…: what undoes the change just made. Undone in reverse order.
remember() { undo+=("$(printf '%q ' "$@")"); }

roll_back() {
  local status=$? index left=0
  trap - EXIT
  trap '' HUP INT TERM
  set +e
  if [[ "$status" -ne 0 ]]; then
    echo "$program: failed while $step; putting back what was changed" >&2
    for ((index = ${#undo[@]} - 1; index >= 0; index--)); do
      eval "${undo[index]}" >&2 8>&- && continue
      echo "$program: could not undo by: ${undo[index]}" >&2
      left=1
    done
    [[ "$left" = 1 ]] || echo "$program: the machine is as it was" >&2
  fi
  rm -rf "$kept"
  exit "$status"
}

# change COMMAND…: runs it, or prints it in a dry run.
change() {
  changes=$((changes + 1))
  if [[ "$dry_run" = 1 ]]; then
    printf 'would run:'
    printf ' %q' "$@"
    printf '\n'
  else
    # A daemon that is started must not inherit the lock that the script may hold on descriptor 8.
    "$@" 8>&-
  fi
}

# keep PATH: remembers how to put a file or link back as it is now, or to take it away if it is not there.
keep() {
  local path="$1" copy
  if [[ -e "$path" || -L "$path" ]]; then
    copy="$kept/${#undo[@]}"
    cp -a "$path" "$copy"
    # Renamed over it, so that a program that runs from it is not disturbed and a reader never sees half of it.
    remember restore "$copy" "$path"
  else
    remember rm -f "$path"
  fi
}

restore() {
  cp -a "$1" "$2.old" && mv -fT "$2.old" "$2"
}

# make_folder MODE PATH: with those above it; only those that it made are removed again.
make_folder() {
  local mode="$1" path="$2"
  [[ -d "$path" ]] && return 0
  make_folder "$mode" "$(dirname "$path")"
  change mkdir -m "$mode" "$path"
  [[ "$dry_run" = 1 ]] || remember rmdir "$path"
}

# place MODE SOURCE TARGET: copies a file if it differs. Sets `placed` to 1 if it did, else 0.
place() {
  local mode="$1" source="$2" target="$3"
  placed=0
  if [[ -f "$target" && ! -L "$target" ]] && cmp -s "$source" "$target" &&
    [[ "$(stat -c %a "$target")" = "${mode#0}" ]]; then
    return 0
  fi
  placed=1
  changes=$((changes + 1))
  if [[ "$dry_run" = 1 ]]; then
    say "would write $target"
    return 0
  fi
  say "writing $target"
  make_folder 0755 "$(dirname "$target")"
  keep "$target"
  remember rm -f "$target.new"
  install -m "$mode" "$source" "$target.new"
  mv -fT "$target.new" "$target"
}

# link TARGET PATH: a symbolic link that is put there, or changed, in one step. Sets `placed` as `place` does.
link() {
  local target="$1" path="$2"
  placed=0
  if [[ -L "$path" && "$(readlink "$path")" = "$target" ]]; then return 0; fi
  placed=1
  changes=$((changes + 1))
  if [[ "$dry_run" = 1 ]]; then
    say "would link $path to $target"
    return 0
  fi
  say "linking $path to $target"
  make_folder 0755 "$(dirname "$path")"
  if [[ -e "$path" && ! -L "$path" ]]; then fail "$path is there and is not a link: move it away first"; fi
  keep "$path"
  remember rm -f "$path.new"
  ln -s "$target" "$path.new"
  mv -fT "$path.new" "$path"
}

package_is_there() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'; }

# add_packages NAME…: installs those that are missing; undone by purging all that came with them. Their names go to
# `packages_added`.
add_packages() {
  local package missing=()
  packages_added=()
  for package in "$@"; do package_is_there "$package" || missing+=("$package"); done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  say "installing ${missing[*]}"
  if [[ "$dry_run" = 1 ]]; then
    change apt-get install "${missing[@]}"
    return 0
  fi
  command -v apt-get >/dev/null || fail "no apt-get here: install ${missing[*]} by your own means, then try again"
  installed_packages >"$kept/packages"
  remember remove_added_packages
  if ! apt_get install -y --no-install-recommends "${missing[@]}"; then
    # The lists may be absent or old.
    apt_get update && apt_get install -y --no-install-recommends "${missing[@]}"
  fi
  mapfile -t packages_added < <(installed_packages | comm -13 "$kept/packages" -)
}

apt_get() { env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" </dev/null >"$kept/apt.log" 2>&1 || {
  cat "$kept/apt.log" >&2
  return 1
}; }

installed_packages() { dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort; }

remove_added_packages() {
  local added
  mapfile -t added < <(installed_packages | comm -13 "$kept/packages" -)
  [[ ${#added[@]} -eq 0 ]] || purge_packages "${added[@]}"
}

# purge_packages NAME…: and what Debian's Nginx forgets when it goes, its welcome page.
purge_packages() {
  env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 purge -y "$@" </dev/null >/dev/null || return 1
  if [[ " $* " = *' nginx-common '* ]] && ! package_is_there nginx-common; then
    rm -f /var/www/html/index.nginx-debian.html
    rmdir --ignore-fail-on-non-empty /var/www/html /var/www 2>/dev/null || true
  fi
}

have_systemd() { [[ -z "${root:-}" && -d /run/systemd/system ]]; }
