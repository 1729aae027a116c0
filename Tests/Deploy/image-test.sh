#!/bin/bash
# The OCI image: made from the package, unpacked, and run as the user that it names, on a root that is read-only. Then the steps of the
# Dockerfile's last stage. Needs root.
#
#   Tests/Deploy/image-test.sh PACKAGE.deb
# shellcheck disable=SC2317  # the checks are called by name
set -uo pipefail
package="$(realpath "${1:?which package?}")"
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
if ! command -v umoci >/dev/null || ! command -v runc >/dev/null; then
  skipped "the OCI image" "no umoci or no runc: deploy/deps.sh deploy-test"
  exit 0
fi

makes_it() { deploy/cluster/image.sh "$package" "$folder/oci" test && umoci unpack --image "$folder/oci:test" "$folder/bundle"; }
check "the image is made" makes_it

port=$((20000 + $$ % 20000))
# A container's own set of files, users and capabilities; the network is the host's, so that it can be asked.
python3 - "$folder/bundle/config.json" "$port" <<'CONFIG'
import json, sys
path, port = sys.argv[1:]
config = json.load(open(path))
config["process"]["terminal"] = False
config["process"]["args"] = [word.replace("0.0.0.0:5000", f"127.0.0.1:{port}") for word in config["process"]["args"]]
config["root"]["readonly"] = True
config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in ("network", "cgroup")]
config["linux"].pop("resources", None)
config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
json.dump(config, open(path, "w"))
CONFIG
as_it_is_run() {
  local user
  user="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["process"]["user"]["uid"])' "$folder/bundle/config.json")"
  [[ "$user" = 10001 ]] || { echo "the image runs as user $user"; return 1; }
  runc --root "$folder/runc" run --bundle "$folder/bundle" "martlet-$$" >"$folder/container.log" 2>&1 &
  started+=($!)
  wait_for 60 curl -s -f -m 5 "http://127.0.0.1:$port/readyz"
  curl -sS -f -d '{"input": "You have won a prize, call now"}' -H 'Content-Type: application/json' "http://127.0.0.1:$port/predict" ||
    { cat "$folder/container.log"; return 1; }
}
check "it runs as user 10001 on a read-only root, and predicts" as_it_is_run
has_ended() { ! kill -0 "$1"; }
stops() {
  runc --root "$folder/runc" kill "martlet-$$" TERM
  wait_for 60 has_ended "${started[0]}" && return 0
  cat "$folder/container.log"
  runc --root "$folder/runc" kill "martlet-$$" KILL
  return 1
}
check "SIGTERM stops it" stops
by_dockerfile() {
  local words
  dpkg-deb -x "$package" "$folder/package" && python3 Tests/Deploy/dockerfile.py Dockerfile "$folder/package/usr/bin/martlet" "$folder/docker" || return 1
  # What the image says, in the words of the runtime; its volumes are memory here.
  (cd "$folder/docker" && runc spec) && python3 - "$folder/docker" "$port" <<'CONFIG'
import json, sys
folder, port = sys.argv[1:]
said = json.load(open(f"{folder}/process.json"))
config = json.load(open(f"{folder}/config.json"))
uid, gid = map(int, said["user"].split(":"))
process = config["process"]
process["terminal"] = False
process["user"] = {"uid": uid, "gid": gid}
process["args"] = [word.replace("0.0.0.0:5000", f"127.0.0.1:{port}") for word in said["entrypoint"] + said["cmd"]]
process["capabilities"] = {}
config["root"] = {"path": "rootfs", "readonly": True}
config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in ("network", "cgroup")]
config["linux"].pop("resources", None)
config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
for path in ["/tmp", *said["volumes"]]:
    config["mounts"].append({"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
json.dump(config, open(f"{folder}/config.json", "w"))
open(f"{folder}/healthcheck", "w").write("\n".join(said["healthcheck"] + ["--port", port]))
CONFIG
  runc --root "$folder/runc" run --bundle "$folder/docker" "docker-$$" >"$folder/docker.log" 2>&1 &
  started+=("$!")
  wait_for 60 curl -s -f -m 5 "http://127.0.0.1:$port/readyz" || { cat "$folder/docker.log"; return 1; }
  mapfile -t words <"$folder/docker/healthcheck"
  curl -sS -f -d '{"input": "You have won a prize, call now"}' -H 'Content-Type: application/json' "http://127.0.0.1:$port/predict" &&
    runc --root "$folder/runc" exec "docker-$$" "${words[@]}"
  local status=$?
  runc --root "$folder/runc" kill "docker-$$" TERM && wait_for 60 has_ended "${started[1]}" && return "$status"
}
check "the Dockerfile's last stage, step by step, serves read-only as its user, and is healthy" by_dockerfile
finish
