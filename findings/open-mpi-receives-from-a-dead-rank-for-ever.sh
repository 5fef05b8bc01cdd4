#!/usr/bin/env bash
# Open MPI 4.1.4 (Debian 12), two ranks of one machine: a large message is read out of the memory of its sender. Where that has died meanwhile,
# MPI_Recv prints "Read -1, expected ..., errno = 3" and neither returns nor fails, although MPI_ERRORS_RETURN asks for errors: the
# rank waits until mpirun ends the job, and nothing names who died but mpirun.
# Rank 1 kills itself between sending and the receive of rank 0, which has two seconds. Needs Debian's packages openmpi-bin, libopenmpi-dev and gcc.
# Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); cd "$folder"
trap 'rm -rf "$folder"' EXIT
cat > receive.c <<'C'
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void late(int signal) {
  static const char said[] = "still in MPI_Recv after 2 s\n";
  (void)!write(1, said, sizeof said - 1);
  _exit(3);
}

int main(int argc, char **argv) {
  int rank, pid = getpid(), bytes = 4 << 20;
  char *memory = calloc(bytes, 1);
  MPI_Request sending;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (rank == 1) {
    MPI_Send(&pid, 1, MPI_INT, 0, 0, MPI_COMM_WORLD);
    MPI_Isend(memory, bytes, MPI_BYTE, 0, 1, MPI_COMM_WORLD, &sending);
    raise(SIGKILL);
  }
  signal(SIGTERM, SIG_IGN);
  signal(SIGALRM, late);
  MPI_Recv(&pid, 1, MPI_INT, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  while (kill(pid, 0) == 0) usleep(1000);
  alarm(2);
  MPI_Recv(memory, bytes, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  static const char said[] = "MPI_Recv has returned\n";
  (void)!write(1, said, sizeof said - 1);
  _exit(3);
}
C
mpicc receive.c -o receive
version=$(mpirun --version | head -n 1)
# The others are killed that much later than the first one has died: 1 s unless told.
said=$(mpirun --allow-run-as-root --oversubscribe --mca odls_base_sigkill_timeout 10 -np 2 ./receive 2>&1 || true)
echo "$version: $(grep -E 'Read -1|MPI_Recv' <<< "$said" | sed 's/^\[[^]]*\] //' | paste -sd '|' | sed 's/|/, then: /')"
[ "$version" = "mpirun (Open MPI) 4.1.4" ] && grep -q 'Read -1, expected 4194304, errno = 3' <<< "$said" && grep -q 'still in MPI_Recv' <<< "$said"
