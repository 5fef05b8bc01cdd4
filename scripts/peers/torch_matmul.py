"""PyTorch's matrix products, for `npm run bench -- limits`.

usage: torch_matmul.py JSON

JSON is {"threads", "seconds", "groups"}: groups of products [m, k, n], an [m, k] matrix times a [k, n] one; each group is
measured for so many seconds. One JSON line comes out: {"software", "groups": [{"rate", "best"}]}, in GFLOP/s over all
repetitions, and as if each had been as fast as the fastest.
"""

import json
import os
import sys
import time

if len(sys.argv) != 2:
    sys.exit(__doc__)
CASE = json.loads(sys.argv[1])
# Libraries read these when they load.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(CASE["threads"])

import torch
from matrix_library import matrix_library

WARM_UP = 2
FEWEST = 3


def measure(product, seconds):
    """Mean and least seconds of one product."""
    m, k, n = product
    a, b, c = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
    for _ in range(WARM_UP):
        torch.mm(a, b, out=c)
    start = now = time.perf_counter()
    fastest, count = float("inf"), 0
    while count < FEWEST or now - start < seconds:
        torch.mm(a, b, out=c)
        before, now = now, time.perf_counter()
        fastest = min(fastest, now - before)
        count += 1
    return (now - start) / count, fastest


def main():
    torch.set_num_threads(CASE["threads"])
    groups = []
    for products in CASE["groups"]:
        times = [measure(product, CASE["seconds"] / len(products)) for product in products]
        flops = sum(2 * m * k * n for m, k, n in products)
        mean, fastest = (sum(column) for column in zip(*times))
        groups.append({"rate": flops / mean / 1e9, "best": flops / fastest / 1e9})
    print(json.dumps({"software": f"PyTorch {torch.__version__}, {matrix_library()}", "groups": groups}), flush=True)


main()
