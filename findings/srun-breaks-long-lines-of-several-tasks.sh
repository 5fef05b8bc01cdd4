#!/usr/bin/env bash
# Slurm 22.05.8 (Debian 12): where several tasks write to one standard output, srun keeps lines whole up to about a kilobyte. A longer line is passed
# on in pieces, between which lines of other tasks come: JSON of a line each is no JSON any more. With a file for each task
# (--output=said-%t) every line is whole.
# Two nodes on this machine, whose tasks write at the same time. Needs Debian's packages slurm-wlm and munge, and a user who may start them (root).
# Exits with 1 where that has changed.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"
folder=$(mktemp -d); chmod 755 "$folder"; cd "$folder"
trap 'kill $(jobs -p) 2> /dev/null || true; wait; rm -rf "$folder"' EXIT
mkdir -m 700 munge; mkdir state
head -c 128 /dev/urandom > munge/key; chmod 600 munge/key
me=$(id -un); host=$(hostname)
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
cat > slurm.conf <<C
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port)
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/controller.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/controller.log
SlurmdLogFile=$folder/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(port) CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(port) CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
C
export SLURM_CONF=$folder/slurm.conf
version=$(srun --version)
munged --foreground --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
  --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" > /dev/null 2>&1 &
slurmctld -D -c > /dev/null 2>&1 &
for node in n1 n2; do slurmd -D -N "$node" > /dev/null 2>&1 & done
for _ in $(seq 100); do [ "$(sinfo --noheader --states=idle --format=%D 2> /dev/null)" = 2 ] && break; sleep 0.3; done
cat > write.py <<'P'
import os
import sys
import time

line = "ab"[int(os.environ["SLURM_PROCID"])] * int(sys.argv[1]) + "\n"
for _ in range(300):
    sys.stdout.write(line)
    sys.stdout.flush()
    time.sleep(0.001)
P
# Lines that are not of one length, or not of one letter.
broken() { python3 -c '
import sys
lines = sys.stdin.read().splitlines()
print(sum(len(line) != int(sys.argv[1]) or len(set(line)) != 1 for line in lines), "of", len(lines))' "$1"; }
both() { srun --nodes=2 --ntasks=2 "${@:2}" python3 write.py "$1"; }
short=$(both 500 | broken 500)
long=$(both 4000 | broken 4000)
both 4000 --output="$folder/said-%t"
apart=$(cat said-0 said-1 | broken 4000)
echo "$version: lines of two tasks that are broken"
echo "  of 500 characters:                        $short"
echo "  of 4,000 characters:                      $long"
echo "  of 4,000 characters, a file for each task: $apart"
[ "$version" = "slurm-wlm 22.05.8" ] && [ "$short" = "0 of 600" ] && [ "${long%% *}" -gt 0 ] && [ "$apart" = "0 of 600" ]
