#!/bin/bash
# Makes an OCI image of Martlet without a container daemon: a small Debian, the package, and nothing else.
#
#   deploy/cluster/image.sh PACKAGE.deb OUTPUT-FOLDER [TAG]
#
# Needs root, mmdebstrap and umoci. Then, for a registry: skopeo copy oci:OUTPUT-FOLDER:TAG docker://REGISTRY/martlet:TAG
set -euo pipefail

package="$(realpath "${1:?which package? make deb}")"
output="$(realpath -m "${2:?which folder for the image?}")"
tag="${3:-$(dpkg-deb -f "$package" Version)}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

umoci init --layout "$output" 2>/dev/null || true
umoci new --image "$output:$tag"
umoci unpack --image "$output:$tag" "$work/bundle"
rmdir "$work/bundle/rootfs" 2>/dev/null || true
# Neither apt nor a shell's comforts: what the program's libraries need, and the program.
mmdebstrap --variant=extract --include=libc6,libgcc-s1,libstdc++6,base-files,coreutils,libselinux1,libacl1,libattr1,libpcre2-8-0,libgmp10,libssl3,libcurl4,libsqlite3-0,ca-certificates,tzdata \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr "${MARTLET_SUITE:-bookworm}" "$work/root" >&2
# `dpkg-deb -x` would put a folder in the place of the link /lib, and the loader would not be found.
dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$work/root"
# Nothing of Nginx, systemd or scripts is run in a container.
rm -rf "$work/root/lib/systemd" "$work/root/usr/sbin/martlet-"* "$work/root/usr/share/martlet/"{deploy,nginx} \
  "$work/root/usr/share/"{man,locale,lintian} "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists"
mkdir -p "$work/root/var/lib/martlet/state"
ln -s /usr/share/martlet/models/sms-spam "$work/root/var/lib/martlet/model"
echo 'martlet:x:10001:10001:Martlet:/var/lib/martlet:/usr/sbin/nologin' >>"$work/root/etc/passwd"
echo 'martlet:x:10001:' >>"$work/root/etc/group"
chown 10001:10001 "$work/root/var/lib/martlet/state"
mkdir -p "$work/bundle/rootfs"
cp -a "$work/root/." "$work/bundle/rootfs"
umoci repack --image "$output:$tag" "$work/bundle"
umoci config --image "$output:$tag" --config.user 10001:10001 --config.entrypoint /usr/bin/martlet \
  --config.cmd serve --config.cmd /var/lib/martlet/model --config.cmd=--bind --config.cmd=0.0.0.0:5000 --config.cmd=--workers --config.cmd=2 \
  --config.exposedports 5000/tcp --config.workingdir / --config.label "org.opencontainers.image.title=martlet" \
  --config.label "org.opencontainers.image.version=$tag"
umoci gc --layout "$output"
echo "image: oci:$output:$tag"
