# shellcheck shell=bash disable=SC2154
# Sourced by the benchmarks against Python peers, after benchmark.sh.

venv=${MARTLET_BENCH_VENV:-$PWD/Benchmarks/peers/.venv}

# make_environment: the virtual environment with the pinned peers, once.
make_environment() {
  if [ ! -e "$venv/installed.txt" ] && [ -z "${INSTALL_PEERS:-}" ]; then
    skip "Python packages: make bench-peers installs them (2 GB), or MARTLET_BENCH_VENV names them"
  fi
  if ! cmp -s Benchmarks/peers/requirements.txt "$venv/installed.txt"; then
    echo "installing the peers in $venv" >&2
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -r Benchmarks/peers/requirements.txt >&2
    cp Benchmarks/peers/requirements.txt "$venv/installed.txt"
  fi
}

# model_directory [DIRECTORY or NAME]: prints where the model lies; without one, all-MiniLM-L6-v2.
model_directory() {
  make_environment
  if [ -f "${1:-}/config.json" ]; then
    echo "$1"
  else
    "$venv/bin/python" Benchmarks/peers/models.py "${1:-all-MiniLM-L6-v2}" "$venv/models"
  fi
}

# prepare_peers MODEL [PRECISIONS]: sets $prepared to the folder with each engine's own form of it, made once.
prepare_peers() {
  make_environment
  local precisions=${2:-f32,int8}
  prepared=$venv/prepared/$(cat "$1/config.json" Benchmarks/peers/prepare.py | cksum | cut -d' ' -f1)-${precisions//,/-}
  local texts=${MARTLET_DATA:+$MARTLET_DATA/ag-news/validation.tsv}
  [ -f "$texts" ] || texts=-
  if [ ! -f "$prepared/done" ]; then
    echo "converting $1 for the peers" >&2
    mkdir -p "$prepared"
    "$venv/bin/python" Benchmarks/peers/prepare.py "$1" "$prepared" "$texts" "$precisions" >"$prepared/log" 2>&1 ||
      { tail -n 5 "$prepared/log" >&2; exit 1; }
  fi
}

# quantize_model MODEL TEXTS [OPTIONS]: sets $model8 to its int8 form; empty where martlet quantize refuses.
quantize_model() {
  model8=${MARTLET_INT8_MODEL:-}
  [ -n "$model8" ] && return
  model8=$prepared/martlet-int8
  local source=$1 texts=$2
  shift 2
  if ! "$martlet" quantize "$source" -o "$model8" --validation "$texts" --force "$@" >&2; then
    echo "martlet quantize made no int8 model: its column is left out" >&2
    model8=
  fi
}
