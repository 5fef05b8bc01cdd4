#!/usr/bin/env bash
# PyTorch 2.15.0: the agent of torchrun listens on the MASTER_PORT that it gives to its ranks, for as long as they run, and sets
# TORCHELASTIC_USE_AGENT_STORE to True. A program of another framework whose rank 0 listens where MASTER_ADDR and MASTER_PORT say finds the address in
# use, and its other ranks connect to the agent's store. PyTorch's own ranks connect there as clients, rank 0 too.
# Needs Python 3.11 or later with venv. On Linux the package brings CUDA along: some 5 GB, installed. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy==2.4.6
cat > rank.py <<'P'
import errno
import os
import socket

host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
try:
    socket.create_server((host, port)).close()
    listens = "can be listened on"
except OSError as error:
    listens = errno.errorcode[error.errno]
with socket.create_connection((host, port), 5):
    connects = "somebody accepts"
print(f"rank {os.environ['RANK']}: {listens}, {connects}, use of the agent's store: {os.environ['TORCHELASTIC_USE_AGENT_STORE']}")
P
venv/bin/torchrun --nproc-per-node 2 --master-addr 127.0.0.1 --master-port "$((20000 + RANDOM % 9000))" --no-python \
  "$folder/venv/bin/python" rank.py | tee said
test "$(grep -c ': EADDRINUSE, somebody accepts, use of the agent.s store: True$' said)" = 2
