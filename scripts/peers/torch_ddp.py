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

import sys
import time

import torch_workers

import torch
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
    torch_workers.meet(rank, workers, meeting_point)
    torch.manual_seed(rank)
    shape, layers = MODELS[model_name]
    model = nn.Sequential(*layers())
    if workers > 1:
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
    per_step = torch_workers.seconds_of_step(run, workers, seconds, FEWEST_STEPS, FEWEST_STEPS)
    torch_workers.finish(rank, model_name, workers, batch, per_step)


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in MODELS:
        sys.exit(__doc__)
    model_name, workers, batch, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    torch_workers.start(train, workers, model_name, workers, batch, seconds)


if __name__ == "__main__":
    main()
