#!/bin/sh
# A hook for `martlet serve --on-retrain`: trains on old and fresh labelled texts, compares the new model with the live one on
# fresh texts that neither learned from, promotes it only if it is better, watches it, and takes it back if it is worse.
#
#   martlet serve models/current --keep-text --on-retrain 'deploy/retrain.sh --old train.tsv'
#
# The live model must be a symbolic link (models/current -> 2026-11-25): promoting points it elsewhere, in one step.
#
#   --old FILE           rows that the live model learned from, `label<TAB>text`
#   --old-check FILE     old rows that it did not learn from: the new model may lose two points there, not more
#   --fresh FILE         labelled rows of now, instead of those that the daemon kept
#   --minimum N          fresh rows needed (200)
#   --margin SHARE       how much better the new model must be on fresh rows (0.01)
#   --train-options '…'  for `martlet train`
#   --watch-labels N     labels after which the new model has shown itself (100)
#   --watch-seconds N    and how long to wait for them (900)
#   --admin-token-file FILE   where the admin listener asks for one
#
# Status: 0 promoted, 3 not better and so not promoted, 4 promoted and taken back, 75 too few rows; others are failures.
set -eu

old="" old_check="" fresh="" minimum=200 margin=0.01 train_options="" watch_labels=100 watch_seconds=900 token=""
fail() {
  echo "retrain.sh: $2" >&2
  exit "$1"
}
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail 64 "$1 needs a value; the options stand at the head of this file"
  case "$1" in
    --old) old=$2 ;;
    --old-check) old_check=$2 ;;
    --fresh) fresh=$2 ;;
    --minimum) minimum=$2 ;;
    --margin) margin=$2 ;;
    --train-options) train_options=$2 ;;
    --watch-labels) watch_labels=$2 ;;
    --watch-seconds) watch_seconds=$2 ;;
    --admin-token-file) token=$2 ;;
    *) fail 64 "$1 is no option; they stand at the head of this file" ;;
  esac
  shift 2
done
: "${RETRAIN_FOLDER:?is set by martlet serve --on-retrain}"
: "${RETRAIN_MODEL:?}" "${RETRAIN_MARTLET:?}" "${RETRAIN_PID:?}" "${RETRAIN_ADMIN:?}"
since=+1
[ -n "$fresh" ] || { fresh=$RETRAIN_FRESH since=${RETRAIN_FRESH_ROWS:-+1}; }
[ -z "$old" ] || [ -r "$old" ] || fail 66 "$old cannot be read"
[ -L "$RETRAIN_MODEL" ] || fail 78 "$RETRAIN_MODEL is no symbolic link, so it cannot be switched in one step; make it one: models/current -> first"

live=$(readlink -f "$RETRAIN_MODEL")
releases=$(dirname "$live")
link_folder=$(dirname "$RETRAIN_MODEL")
candidate=$releases/$(basename "$RETRAIN_FOLDER")
work=$RETRAIN_FOLDER

# The page of /metrics; nothing where it cannot be had.
metrics() {
  case "$RETRAIN_ADMIN" in
    unix:*) set -- --unix-socket "${RETRAIN_ADMIN#unix:}" http://localhost/metrics ;;
    *) set -- "http://$RETRAIN_ADMIN/metrics" ;;
  esac
  if [ -n "$token" ]; then
    # From a file and not on the command line, which others can see.
    printf 'header = "Authorization: Bearer %s"\n' "$(cat "$token")" | curl -sf --max-time 10 -K - "$@"
  else
    curl -sf --max-time 10 "$@"
  fi
}

# of PAGE NAME: a figure of such a page; nothing where it is not there.
of() { printf '%s\n' "$1" | awk -v name="$2" '$1 == name { print $2 }'; }

metric() { of "$(metrics)" "$1"; }

# accuracy MODEL FILE: the share that it has right.
accuracy() { "$RETRAIN_MARTLET" eval "$1" "$2" --json | sed -n 's/.*"accuracy":\([0-9.e-]*\).*/\1/p'; }

# reject WHY: the candidate goes, the live model stays.
reject() {
  rm -rf "$candidate"
  fail 3 "$1: the live one stays"
}

holds() { awk "BEGIN { exit !($1) }"; }

# switch_to FOLDER: the link names it from one moment to the next, and the daemon is told. Fails where it refuses the model.
switch_to() {
  done_before=$(metric 'martlet_reloads_total{outcome="done"}')
  refused_before=$(metric 'martlet_reloads_total{outcome="refused"}')
  ln -s "$1" "$link_folder/.next.$$"
  mv -T "$link_folder/.next.$$" "$RETRAIN_MODEL"
  kill -HUP "$RETRAIN_PID"
  for _ in $(seq 240); do
    sleep 0.5
    [ "$(metric 'martlet_reloads_total{outcome="refused"}')" = "$refused_before" ] || return 1
    [ "$(metric 'martlet_reloads_total{outcome="done"}')" = "$done_before" ] || return 0
  done
  return 1
}

# Of what the daemon kept, the rows since the model was last well. The same text twice could stand on both sides.
tail -n "$since" "$fresh" | awk 'NF && !seen[$0]++' >"$work/unique.tsv"
count=$(wc -l <"$work/unique.tsv")
[ "$count" -ge "$minimum" ] || fail 75 "$count labelled texts, $minimum are needed"
# Three of ten are held out for the comparison, one tells when to stop training.
awk 'NR % 10 < 3' "$work/unique.tsv" >"$work/held-out.tsv"
awk 'NR % 10 == 3' "$work/unique.tsv" >"$work/validation.tsv"
awk 'NR % 10 > 3' "$work/unique.tsv" >"$work/learn.tsv"
old_rows=0
[ -z "$old" ] || old_rows=$(wc -l <"$old")
learn_rows=$(wc -l <"$work/learn.tsv")
# Fresh rows count for about a fifth of the old ones at least, or they would drown.
copies=$(awk -v old="$old_rows" -v fresh="$learn_rows" 'BEGIN { n = int(old / 5 / fresh + 0.5); print (n < 1 ? 1 : (n > 10 ? 10 : n)) }')
{
  [ -z "$old" ] || cat "$old"
  for _ in $(seq "$copies"); do cat "$work/learn.tsv"; done
} >"$work/train.tsv"
echo "training on $old_rows old rows and $learn_rows fresh ones, each $copies times; $(wc -l <"$work/held-out.tsv") fresh ones held out"
# shellcheck disable=SC2086  # several options are several words
nice -n 10 "$RETRAIN_MARTLET" train "$work/train.tsv" --validation "$work/validation.tsv" -o "$candidate" $train_options >"$work/train.log" 2>&1 ||
  { tail -n 5 "$work/train.log"; fail 70 "training failed; all of it is in $work/train.log"; }

live_accuracy=$(accuracy "$live" "$work/held-out.tsv")
new_accuracy=$(accuracy "$candidate" "$work/held-out.tsv")
echo "on fresh rows held out: live $live_accuracy, new $new_accuracy"
holds "$new_accuracy >= $live_accuracy + $margin" || reject "the new model is not better by $margin"
if [ -n "$old_check" ]; then
  live_old=$(accuracy "$live" "$old_check")
  new_old=$(accuracy "$candidate" "$old_check")
  echo "on old rows: live $live_old, new $new_old"
  holds "$new_old >= $live_old - 0.02" || reject "the new model has forgotten too much of the old"
fi
# What comes from now on is held against what comes now.
"$RETRAIN_MARTLET" profile "$candidate" "$work/held-out.tsv"

echo "promoting $candidate"
health=martlet_health_start_timestamp_seconds
health_before=$(metric $health)
if ! switch_to "$candidate"; then
  switch_to "$live" || true
  fail 70 "the daemon refused the new model: the link names the old one again; see its log"
fi
echo "promoted; watching until $watch_labels labels have come, for $watch_seconds s at most"
end=$(($(date +%s) + watch_seconds))
while [ "$(date +%s)" -lt "$end" ]; do
  kill -0 "$RETRAIN_PID" 2>/dev/null || fail 70 "the daemon has ended"
  page=$(metrics) || page=""
  # The health process of the old model answers until that of the new one runs, and what it knows is of the old one.
  if [ "$(of "$page" $health)" = "$health_before" ]; then
    sleep 1
    continue
  fi
  labels=$(of "$page" martlet_accuracy_labels)
  upper=$(of "$page" 'martlet_accuracy_bound{side="upper"}')
  if [ -n "$upper" ] && holds "$labels >= 30 && $upper < $live_accuracy"; then
    echo "after $labels labels the new model's accuracy is at most $upper, the old one's was $live_accuracy"
    switch_to "$live" || fail 70 "taking the new model back failed: see the daemon's log"
    fail 4 "the new model was worse: taken back"
  fi
  if [ -n "$labels" ] && holds "$labels >= $watch_labels"; then break; fi
  sleep 2
done
echo "the new model stays: accuracy $(metric martlet_accuracy) on $(metric martlet_accuracy_labels) labels; the old one is $live"
