#!/bin/bash
# `martlet tune --executor slurm` on a cluster of two nodes, both on this machine. Run it by Tests/Deploy/sandbox.sh, with
# MARTLET_BINARY set.
# shellcheck disable=SC2317,SC2154  # the checks are called by name
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh
[[ -d /sandbox ]] || { echo "run it by Tests/Deploy/sandbox.sh" >&2; exit 64; }
if ! command -v slurmctld >/dev/null; then
  skipped "tuning over Slurm" "no slurmctld: apt-get install slurm-wlm"
  exit 0
fi

export SLURM_CONF="$folder/slurm.conf"
host="$(hostname -s)"
# Slurm looks names up as on a machine with a network: an address beside loopback's must be there.
ip link set lo up
ip link add cluster type bridge && ip addr add 10.98.0.1/24 dev cluster && ip link set cluster up
echo "10.98.0.1 $host" >>/etc/hosts
mkdir -p "$folder/state" /run/munge
chmod 755 "$folder"
cat >"$SLURM_CONF" <<EOF
ClusterName=test
SlurmctldHost=$host(10.98.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1
ReturnToService=2
NodeName=one NodeHostname=$host NodeAddr=10.98.0.1 Port=17001 CPUs=1 State=UNKNOWN
NodeName=two NodeHostname=$host NodeAddr=10.98.0.1 Port=17002 CPUs=1 State=UNKNOWN
PartitionName=cpu Nodes=one,two Default=YES State=UP
EOF
# The sandbox has no control groups; version 1's plugin does without until one is asked for.
echo "CgroupPlugin=cgroup/v1" >"$folder/cgroup.conf"
dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 2>/dev/null
chown munge: /etc/munge/munge.key /run/munge /var/log/munge /var/lib/munge
chmod 400 /etc/munge/munge.key
setpriv --reuid munge --regid munge --clear-groups munged --foreground >"$folder/munged.log" 2>&1 &
started+=($!)
slurmctld -D >"$folder/slurmctld.out" 2>&1 &
started+=($!)
for node in one two; do
  mkdir -p "$folder/spool-$node"
  slurmd -D -N "$node" >"$folder/slurmd-$node.out" 2>&1 &
  started+=($!)
done
both_idle() { [[ "$(timeout 5 sinfo -h -N -o %T | grep -c idle)" = 2 ]]; }
waited=0
until both_idle 2>/dev/null; do
  sleep 1
  waited=$((waited + 1))
  if [[ $waited -gt 60 ]] || ! kill -0 "${started[1]}" 2>/dev/null; then
    tail -n 20 "$folder"/*.out "$folder"/*.log
    echo "FAILED  a cluster of two nodes starts"
    exit 1
  fi
done

for number in $(seq 60); do
  echo "left	the old boat number $number sails to the left bank"
  echo "right	a new train number $number rolls to the right side"
done >"$folder/train.tsv"
words=(tune "$folder/train.tsv" -o "$folder/search" --executor slurm --search grid --grid-points 2 --epochs 2)
words+=(--batch "8,16" --parallel 4 --threads 1 --slurm-options "--time=10 --partition=cpu")
tune() { timeout 300 "$MARTLET_BINARY" "${words[@]}" >"$folder/tune.log" 2>&1; }
whole() {
  tune || { cat "$folder/tune.log"; return 1; }
  grep -q "Slurm's job [0-9]*: 4 tasks" "$folder/tune.log" || { cat "$folder/tune.log"; return 1; }
  # The header and one line a trial, each with an accuracy.
  [[ "$(grep -c accuracy "$folder/search/journal.jsonl")" = 4 ]] || { cat "$folder/search/journal.jsonl"; return 1; }
}
# The daemons of the nodes say so themselves: who asks the queue now and then misses short tasks.
on_both_nodes() {
  local node
  for node in one two; do grep -i 'launching batch job' "$folder/slurmd-$node".* || { tail -n 20 "$folder/slurmd-$node".*; return 1; }; done
}
check "a search of four trials runs as one job array" whole
check "its tasks ran on both nodes" on_both_nodes
again() {
  tune && grep -q "4 outcomes are in the journal" "$folder/tune.log" && ! grep -q "Slurm's job" "$folder/tune.log"
}
check "the same command again runs nothing" again

lost() {
  rm -rf "$folder/search"
  words+=(--epochs 2000)
  tune &
  local running=$!
  for _ in $(seq 300); do [[ "$(squeue -h -t R | wc -l)" -ge 1 ]] && break; sleep 0.2; done
  while kill -0 "$running" 2>/dev/null; do scancel --name martlet-tune; sleep 1; done
  wait "$running"
  grep -rq "left the queue without an end" "$folder/search/journal.jsonl" "$folder/tune.log" || { cat "$folder/tune.log"; return 1; }
}
check "a cancelled job is told as such" lost
interrupted() {
  rm -rf "$folder/search"
  # A process in the background of a script does not hear SIGINT, but SIGTERM.
  "$MARTLET_BINARY" "${words[@]}" >"$folder/tune.log" 2>&1 &
  local running=$!
  for _ in $(seq 300); do [[ "$(squeue -h -t R | wc -l)" -ge 1 ]] && break; sleep 0.2; done
  kill -TERM "$running"
  wait "$running"
  for _ in $(seq 300); do [[ -z "$(squeue -h)" ]] && return 0; sleep 0.2; done
  squeue
  return 1
}
check "an interrupted search takes its jobs along" interrupted
refused() {
  rm -rf "$folder/search"
  words=(tune "$folder/train.tsv" -o "$folder/search" --executor slurm --trials 1 --slurm-options --partition=none)
  tune && return 1
  grep -q -- "--slurm-options" "$folder/tune.log" "$folder/search/journal.jsonl"
}
check "a refused job says what to give" refused
finish
