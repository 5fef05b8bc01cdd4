#!/usr/bin/env bash
# Open MPI 4.1.4 (Debian 12): odls_base_sigkill_timeout is documented as the time to wait for a process to die after issuing a kill signal to it.
# mpirun that is told to end waits for as long between SIGCONT and SIGTERM, too: with 4, a process works on for 4 s until it hears SIGTERM.
# Needs Debian's package openmpi-bin. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); cd "$folder"
trap 'rm -rf "$folder"' EXIT
cat > rank.sh <<'S'
told() { echo "$1 after $(( ($(date +%s%N) - $(cat asked)) / 1000000000 )) s"; }
trap 'told SIGCONT' CONT
trap 'told SIGTERM; exit 0' TERM
touch ready
for turn in $(seq 200); do sleep 0.1; done
S
mpirun --allow-run-as-root --mca odls_base_sigkill_timeout 4 -np 1 bash rank.sh > said 2>&1 &
job=$!
until [ -e ready ]; do sleep 0.1; done
date +%s%N > asked
kill -TERM "$job"
wait "$job" || true
version=$(mpirun --version | head -n 1)
echo "$version, odls_base_sigkill_timeout 4: $(grep after said | paste -sd '|' | sed 's/|/, then /')"
[ "$version" = "mpirun (Open MPI) 4.1.4" ] && grep -q 'SIGCONT after 0 s' said && grep -qE 'SIGTERM after [45] s' said
