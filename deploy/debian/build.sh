#!/bin/bash
# Builds martlet_VERSION_ARCHITECTURE.deb from a program that has Swift's standard library in it.
#
#   deploy/debian/build.sh BINARY [OUTPUT-FOLDER]
#
# DEB_COMPRESSION (default xz) may be gzip, which is faster for a try. Needs dpkg-dev, fakeroot (or root) and binutils. The same input gives the same bytes (SOURCE_DATE_EPOCH, else the last commit).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
binary="${1:?which program? see: make deb}"
output="$(cd "${2:-$here}" && pwd)"
if [[ "$(id -u)" -ne 0 && -z "${FAKEROOTKEY:-}" ]]; then exec fakeroot "$0" "$@"; fi
! ldd "$binary" | grep -q libswift || { echo "build.sh: $binary needs Swift's libraries: build it with --static-swift-stdlib" >&2; exit 1; }

version="$("$binary" --version)"
architecture="$(dpkg --print-architecture)"
epoch="${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH="$epoch"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
tree="$work/tree"
umask 022

file() { install -D -m "$1" "$2" "$tree$3"; }
file 0755 "$binary" /usr/bin/martlet
strip --strip-unneeded "$tree/usr/bin/martlet"
for unit in martlet.service martlet.socket martlet@.service martlet@.socket; do
  mkdir -p "$tree/lib/systemd/system"
  sed 's|/usr/local/bin/martlet|/usr/bin/martlet|g' "$here/systemd/$unit" >"$tree/lib/systemd/system/$unit"
done
# What the scripts read, and what postinst writes into /etc, stands in the same folders as in the sources. There are no conffiles:
# dpkg would ask about each that a tool has changed.
for name in martlet.toml logrotate; do file 0644 "$here/deploy/$name" "/usr/share/martlet/deploy/$name"; done
for name in enable-https.sh check-upstream.sh renewal-hook.sh adopt.sh retrain.sh; do file 0755 "$here/deploy/$name" "/usr/share/martlet/deploy/$name"; done
for name in transaction.sh service.sh; do file 0644 "$here/deploy/$name" "/usr/share/martlet/deploy/$name"; done
for name in "$here"/nginx/*.conf; do file 0644 "$name" "/usr/share/martlet/nginx/$(basename "$name")"; done
mkdir -p "$tree/usr/sbin"
ln -s ../share/martlet/deploy/enable-https.sh "$tree/usr/sbin/martlet-enable-https"
ln -s ../share/martlet/deploy/check-upstream.sh "$tree/usr/sbin/martlet-check-upstream"
ln -s ../share/martlet/deploy/adopt.sh "$tree/usr/sbin/martlet-adopt"
file 0644 "$here/deploy/prometheus/martlet-rules.yml" /usr/share/martlet/prometheus/martlet-rules.yml
completions() { mkdir -p "$(dirname "$tree$2")" && "$binary" --generate-completion-script "$1" | sed '1{/^#!/d}' >"$tree$2"; }
completions bash /usr/share/bash-completion/completions/martlet
completions zsh /usr/share/zsh/vendor-completions/_martlet
completions fish /usr/share/fish/vendor_completions.d/martlet.fish
(cd "$here/Models/sms-spam" && find . -type f -print0) | while IFS= read -r -d '' name; do
  file 0644 "$here/Models/sms-spam/$name" "/usr/share/martlet/models/sms-spam/$name"
done

# manual SECTION NAME SUMMARY: a manual page from what the program says of itself.
manual() {
  local section="$1" name="$2" summary="$3" page="$tree/usr/share/man/man$1/$2.$1"
  mkdir -p "$(dirname "$page")"
  {
    printf '.TH %s %s "" "martlet %s"\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n' "${name^^}" "$section" "$version" "$name" "$summary"
    sed 's/\\/\\e/g; s/^\([.'"'"']\)/\\\&\1/; s/-/\\-/g'
    printf '.fi\n'
  } >"$page"
  gzip -9n "$page"
}
if "$binary" --help | grep -q '^ *manual '; then
  mkdir -p "$tree/usr/share/man/man1" && "$binary" manual | gzip -9n >"$tree/usr/share/man/man1/martlet.1.gz"
else
  COLUMNS=78 "$binary" --help | manual 1 martlet "train, serve and watch Transformer text models"
fi
"$here/deploy/enable-https.sh" --help | manual 8 martlet-enable-https "turn HTTPS on for Martlet's Nginx site"
"$here/deploy/adopt.sh" --help | manual 8 martlet-adopt "move from install.sh to the Debian package"
"$here/deploy/check-upstream.sh" --help | manual 8 martlet-check-upstream "take hosts that are not ready out of Nginx's upstream"

doc="$tree/usr/share/doc/martlet"
mkdir -p "$doc" "$tree/DEBIAN"
printf 'martlet (%s) stable; urgency=medium\n\n  * See /usr/share/doc/martlet/CHANGELOG.md.gz.\n\n -- Martlet maintainers <martlet@example.org>  %s\n' \
  "$version" "$(date -R -u -d "@$epoch")" | gzip -9n >"$doc/changelog.gz"
gzip -9nc "$here/CHANGELOG.md" >"$doc/CHANGELOG.md.gz"
cat >"$doc/copyright" <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: martlet

Files: *
Copyright: $(date -u -d "@$epoch" +%Y) The Martlet authors
License: Apache-2.0
 On Debian systems the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
TEXT
for script in postinst prerm postrm; do install -m 0755 "$here/deploy/debian/$script" "$tree/DEBIAN/$script"; done
mkdir -p "$work/debian" && touch "$work/debian/control"
depends="$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info "$tree/usr/bin/martlet" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')"
cat >"$tree/DEBIAN/control" <<TEXT
Package: martlet
Version: $version
Architecture: $architecture
Maintainer: Martlet maintainers <martlet@example.org>
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)
Depends: $depends, adduser, ucf
Recommends: nginx, curl
Suggests: certbot, python3-certbot-nginx
Section: science
Priority: optional
Description: model server for Transformer text models on CPUs
 Martlet trains Transformer text classifiers, serves them on POST /predict from
 a pool of worker processes behind Nginx, and watches in production whether the
 text that comes in has drifted from what the model was trained on.
 .
 This package has the program, a small model that tells spam from other short
 messages, hardened systemd units, and a site file for Nginx.
TEXT
(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
chmod 0644 "$tree"/DEBIAN/{control,md5sums}
find "$tree" -newermt "@$epoch" -exec touch -h -d "@$epoch" {} +
dpkg-deb --root-owner-group "-Z${DEB_COMPRESSION:-xz}" --build "$tree" "$output/martlet_${version}_$architecture.deb"
