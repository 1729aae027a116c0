#!/bin/bash
# deploy/retrain.sh with a program that says what each case wants in place of martlet, and a daemon that counts reloads.
# shellcheck disable=SC2317  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh

cat >"$folder/martlet" <<'END'
#!/bin/sh
# train DATA --validation FILE -o FOLDER: a model as the case wants it. eval MODEL FILE --json: what the model's folder says.
case "$1" in
  train) cp -r "$CASE" "$6" && [ ! -e "$6/untrainable" ] ;;
  eval) if [ "$(basename "$3")" = old-check.tsv ]; then file=old; else file=fresh; fi; printf '{"rows":9,"accuracy":%s,"loss":1}\n' "$(cat "$2/$file")" ;;
  profile) echo "wrote $2/reference.json" ;;
esac
END
chmod +x "$folder/martlet"

# prepare FRESH OLD LIVE: a live model that is right on 0.6 of fresh rows, and a case whose new model has these accuracies.
prepare() {
  rm -rf "$folder/models" "$folder/case" "$folder/run" "$folder/port"
  mkdir -p "$folder/models/first" "$folder/case" "$folder/run"
  echo 0.6 >"$folder/models/first/fresh"
  echo 0.99 >"$folder/models/first/old"
  echo 0.6 >"$folder/models/first/live"
  ln -s first "$folder/models/current"
  printf '%s\n' "$1" >"$folder/case/fresh"
  printf '%s\n' "$2" >"$folder/case/old"
  printf '%s\n' "$3" >"$folder/case/live"
  for i in $(seq 300); do printf 'ham\ttext %s\n' "$i"; done >"$folder/run/fresh.tsv"
  cp "$folder/run/fresh.tsv" "$folder/old.tsv"
  cp "$folder/run/fresh.tsv" "$folder/old-check.tsv"
  python3 Tests/Deploy/retrain-daemon.py "$folder/models/current" "$folder/port" &
  daemon=$!
  started+=("$daemon")
  wait_for 60 test -s "$folder/port"
}

# retrain STATUS MODEL [OPTIONS…]: the hook ends so, and the link names that model.
retrain() {
  local wanted="$1" model="$2" status=0
  shift 2
  CASE="$folder/case" RETRAIN_FOLDER="$folder/run" RETRAIN_FRESH="$folder/run/fresh.tsv" RETRAIN_MODEL="$folder/models/current" \
    RETRAIN_MARTLET="$folder/martlet" RETRAIN_PID="$daemon" RETRAIN_ADMIN="127.0.0.1:$(cat "$folder/port")" \
    deploy/retrain.sh --old "$folder/old.tsv" --old-check "$folder/old-check.tsv" "$@" || status=$?
  kill "$daemon" 2>/dev/null
  same "$wanted $model" "$status $(basename "$(readlink "$folder/models/current")")"
}

better_is_promoted() { prepare 0.9 0.98 0.9 && retrain 0 run; }
as_good_is_not() { prepare 0.605 0.99 0.9 && retrain 3 first && [[ ! -e "$folder/models/run" ]]; }
forgetful_is_not() { prepare 0.9 0.9 0.9 && retrain 3 first; }
worse_in_service_is_taken_back() { prepare 0.9 0.98 0.4 && retrain 4 first; }
refused_is_taken_back() { prepare 0.9 0.98 0.9 && touch "$folder/case/refused" && retrain 70 first; }
too_few_rows() { prepare 0.9 0.98 0.9 && retrain 75 first --minimum 301; }
failed_training() { prepare 0.9 0.98 0.9 && touch "$folder/case/untrainable" && retrain 70 first; }
no_link() {
  prepare 0.9 0.98 0.9 && rm "$folder/models/current" && cp -r "$folder/models/first" "$folder/models/current" || return 1
  retrain 78 "" && [[ -e "$folder/models/current/live" ]]
}

check "a better model is promoted" better_is_promoted
check "a model that is as good is not" as_good_is_not
check "a model that forgot the old is not" forgetful_is_not
check "a model that is worse in service is taken back" worse_in_service_is_taken_back
check "a model that the daemon refuses is taken back" refused_is_taken_back
check "with too few rows nothing is trained" too_few_rows
check "a failed training leaves the live model" failed_training
check "a model that is no link is not touched" no_link
finish
