#!/bin/sh
# Installs the Debian packages that a task needs and says which; asks for sudo only when not root.
#
#   deploy/deps.sh run     what building and serving needs
#   deploy/deps.sh test    what the whole test suite needs as well
#   deploy/deps.sh deb     what making the Debian package needs as well
#   deploy/deps.sh deploy-test   what the long tests of deploying need as well
#   deploy/deps.sh bench   what the benchmarks need as well
#   deploy/deps.sh arm     what trying the kernels on an emulated aarch64 needs as well
#   deploy/deps.sh --list GROUP   print the packages, install nothing
set -eu

run_packages="ca-certificates curl git libc6-dev libssl-dev libstdc++-12-dev zlib1g-dev libsqlite3-dev"
test_packages="nginx postgresql shellcheck systemd certbot python3-certbot-nginx prometheus prometheus-alertmanager procps openssl python3 python3-venv python3-h11 sslscan slowhttptest mandoc iproute2"
bench_packages="wrk"
arm_packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
ruff_version=0.17.6
# The static Foundation leaves its HTTP client to the system's libcurl.
deb_packages="libcurl4-openssl-dev fakeroot binutils dpkg-dev"
deploy_test_packages="$deb_packages chromium chromium-driver mmdebstrap systemd-container pebble lintian logrotate slurm-wlm munge umoci runc docker-compose golang-go golang-github-masterminds-sprig-dev golang-gopkg-yaml.v3-dev"

usage() {
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 64
}

list_only=0
if [ "${1:-}" = "--list" ]; then
  list_only=1
  shift
fi

case "${1:-run}" in
  run) wanted="$run_packages" ;;
  test) wanted="$run_packages $test_packages" ;;
  deb) wanted="$run_packages $deb_packages" ;;
  deploy-test) wanted="$run_packages $test_packages $deploy_test_packages" ;;
  bench) wanted="$run_packages $bench_packages" ;;
  arm) wanted="$run_packages $arm_packages" ;;
  *) usage ;;
esac

if [ "$list_only" = 1 ]; then
  printf '%s\n' "$wanted" | tr ' ' '\n'
  exit 0
fi

if ! command -v swift >/dev/null 2>&1; then
  echo "martlet: no 'swift' on the PATH. Install Swift 6.1 or newer from swift.org/install, then try again." >&2
  exit 69
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "martlet: this is not a Debian or Ubuntu system; make sure these are installed: $wanted" >&2
  exit 0
fi

# Any libstdc++ development package will do: the number differs from release to release.
if dpkg-query -W -f='${Status}\n' 'libstdc++-*-dev' 2>/dev/null | grep -q '^install ok installed'; then
  wanted=$(printf '%s' "$wanted" | sed 's/libstdc++-[0-9]*-dev//')
elif [ -z "$(apt-cache policy libstdc++-12-dev 2>/dev/null | sed -n 's/^ *Candidate: *[0-9]/&/p')" ]; then
  wanted=$(printf '%s' "$wanted" | sed 's/libstdc++-[0-9]*-dev/g++/')
fi

missing=""
for package in $wanted; do
  if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed'; then
    missing="$missing $package"
  fi
done

install_missing() {
  echo "martlet: installing Debian packages:$missing" >&2
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      echo "martlet: not root and no sudo; ask an administrator to run: apt-get install$missing" >&2
      exit 77
    fi
    as_root="sudo"
  fi
  # A package list may be absent or old: refresh it, and go on with the old one where that fails.
  $as_root apt-get update </dev/null >/dev/null 2>&1 || echo "martlet: apt-get update failed; trying with the lists at hand" >&2
  output=$(mktemp)
  trap 'rm -f "$output"' EXIT
  # shellcheck disable=SC2086  # one word per package is what is wanted
  if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing </dev/null >"$output" 2>&1; then
    cat "$output" >&2
    echo "martlet: apt-get could not install:$missing (its own words stand above)" >&2
    exit 69
  fi
}

# The linter of Python is not in Bookworm: it comes from PyPI. Where that is out of reach, `make lint` says what is not checked.
install_ruff() {
  tools=$(dirname "$0")/../.build-tools
  [ "$("$tools/bin/ruff" --version 2>/dev/null)" = "ruff $ruff_version" ] && return
  if ! python3 -m venv "$tools" || ! "$tools/bin/pip" install -q --disable-pip-version-check "ruff==$ruff_version"; then
    echo "martlet: ruff $ruff_version could not be installed from PyPI" >&2
  fi
}

[ -z "$missing" ] || install_missing
[ "${1:-run}" != test ] || install_ruff
