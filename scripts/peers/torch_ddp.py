"""PyTorch DistributedDataParallel on CPUs, training what `npm run bench -- engine` trains with Lockstep.

usage: torch_ddp.py MODEL WORKERS BATCH SECONDS

MODEL is mlp, mlp-small or cnn; BATCH is that of one worker. Every worker is a process with one thread, gradients are
averaged over gloo, the optimizer is Adam, and the data is one random batch in memory. One JSON line comes out:
{"model", "workers", "batch", "examplesPerSecond", "millisecondsPerStep", "peakMegabytes", "software"}, with the peak
resident memory of all processes added up (Linux only, else null) and PyTorch's version and matrix library.

On Debian and Ubuntu: apt-get install python3-torch libopenblas0-pthread, then run it with /usr/bin/python3. Without
OpenBLAS, Debian's PyTorch multiplies matrices with reference loops that are over ten times slower.
A newer PyTorch: python3 -m venv venv && venv/bin/pip install torch,
then venv/bin/python torch_ddp.py ..., or npm run bench -- engine --python venv/bin/python.
"""

import json
import os
import re
import sys
import tempfile
import time

# Libraries read these when they load.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from matrix_library import matrix_library
from torch import nn

MODELS = {
    "mlp": (
        (784,),
        lambda: [nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)],
    ),
    "mlp-small": ((784,), lambda: [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)]),
    "cnn": (
        (1, 28, 28),
        lambda: [
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10)),
        ],
    ),
}
WARM_UP_STEPS = 5
FEWEST_STEPS = 5


def train(rank, model_name, workers, batch, seconds, meeting_point):
    """One worker; rank 0 prints the result."""
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    shape, layers = MODELS[model_name]
    model = nn.Sequential(*layers())
    if workers > 1:
        dist.init_process_group("gloo", init_method=meeting_point, rank=rank, world_size=workers)
        model = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    cross_entropy = nn.CrossEntropyLoss()
    features = torch.randn(batch, *shape)
    targets = torch.randint(10, (batch,))

    def run(steps):
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            loss = cross_entropy(model(features), targets)
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - start) / steps

    run(WARM_UP_STEPS)
    # All workers must take equally many steps.
    steps = torch.tensor(max(FEWEST_STEPS, int(seconds / run(FEWEST_STEPS))))
    if workers > 1:
        dist.broadcast(steps, 0)
    per_step = run(int(steps))
    peak = torch.tensor(peak_megabytes(), dtype=torch.float64)
    if workers > 1:
        dist.all_reduce(peak)
    if rank == 0:
        result = {
            "model": model_name,
            "workers": workers,
            "batch": batch,
            "examplesPerSecond": workers * batch / per_step,
            "millisecondsPerStep": per_step * 1000,
            "peakMegabytes": None if torch.isnan(peak) else float(peak),
            "software": f"PyTorch {torch.__version__}, {matrix_library()}",
        }
        print(json.dumps(result), flush=True)
    else:
        # Taking gloo down while rank 0 does the same hangs now and then (seen with PyTorch 1.13).
        os._exit(0)


def peak_megabytes():
    """Peak resident memory of this process; not a number where the system does not tell."""
    try:
        with open("/proc/self/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) / 1024
    except (OSError, AttributeError):
        return float("nan")


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in MODELS:
        sys.exit(__doc__)
    model_name, workers, batch, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    with tempfile.TemporaryDirectory() as folder:
        arguments = (model_name, workers, batch, seconds, f"file://{folder}/meeting-point")
        # This process is rank 0, so that the memory added up is that of the workers and of nothing else.
        others = [mp.get_context("spawn").Process(target=train, args=(rank, *arguments)) for rank in range(1, workers)]
        for other in others:
            other.start()
        train(0, *arguments)
        # Rank 0 keeps its end of the connections until the others have gone.
        for other in others:
            other.join()


if __name__ == "__main__":
    main()
