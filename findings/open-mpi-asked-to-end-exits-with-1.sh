#!/usr/bin/env bash
# Open MPI 4.1.4 (Debian 12): mpirun exits with the code of a rank that ends by itself (75 here). Where mpirun is told to end, by SIGTERM or SIGINT,
# and every rank answers SIGTERM by ending with 75, it exits with 1: what ranks have said by their codes is lost.
# Needs Debian's package openmpi-bin. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); cd "$folder"
trap 'rm -rf "$folder"' EXIT
cat > rank.sh <<'S'
trap 'touch "ended-$OMPI_COMM_WORLD_RANK"; exit 75' TERM
touch "ready-$OMPI_COMM_WORLD_RANK"
for turn in $(seq 200); do sleep 0.1; done
S
run() { mpirun --allow-run-as-root --oversubscribe -np 2 bash "$@" > said 2>&1; }
code=0; run -c 'exit 75' || code=$?
codes="by itself $code"
for signal in TERM INT; do
  rm -f ready-* ended-*
  run rank.sh &
  job=$!
  until [ -e ready-0 ] && [ -e ready-1 ]; do sleep 0.1; done
  pkill "-$signal" -P "$job" mpirun
  code=0; wait "$job" || code=$?
  codes="$codes, after SIG$signal $code ($(ls ended-* | wc -l) ranks ended with 75)"
done
version=$(mpirun --version | head -n 1)
echo "$version, exit code: $codes"
[ "$version" = "mpirun (Open MPI) 4.1.4" ] &&
  [ "$codes" = "by itself 75, after SIGTERM 1 (2 ranks ended with 75), after SIGINT 1 (2 ranks ended with 75)" ]
