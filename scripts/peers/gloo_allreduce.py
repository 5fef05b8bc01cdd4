"""Gloo's all-reduce between two processes on this machine, for `npm run bench -- cluster`.

usage: gloo_allreduce.py

Each process has one thread. One JSON line comes out: {"software", "milliseconds"}, the latter by the bytes of the tensor
that is added up: the mean over 200 all-reduces of 4 kB, after a thousand to warm up, over 30 of 4 MB, after a hundred, and over 30 of 32 MB, after twenty.
"""

import json
import os
import sys
import tempfile
import time

# Libraries read these when they load.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

REPEATS = {4_000: 200, 4_000_000: 30, 32_000_000: 30}
WARM_UPS = {4_000: 1000, 4_000_000: 100, 32_000_000: 20}


def add_up(rank, meeting_point):
    """One process; rank 0 prints the result."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting_point, rank=rank, world_size=2)
    milliseconds = {}
    for size, repeats in REPEATS.items():
        numbers = torch.ones(size // 4)
        for _ in range(WARM_UPS[size]):
            dist.all_reduce(numbers)
        start = time.perf_counter()
        for _ in range(repeats):
            dist.all_reduce(numbers)
        milliseconds[size] = (time.perf_counter() - start) / repeats * 1000
    if rank == 0:
        print(json.dumps({"software": f"PyTorch {torch.__version__}, gloo", "milliseconds": milliseconds}), flush=True)
    else:
        # Taking gloo down while rank 0 does the same hangs now and then (seen with PyTorch 1.13).
        os._exit(0)


def main():
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        meeting_point = f"file://{folder}/meeting-point"
        other = mp.get_context("spawn").Process(target=add_up, args=(1, meeting_point))
        other.start()
        add_up(0, meeting_point)
        other.join()


if __name__ == "__main__":
    main()
