"""What peers in PyTorch have in common: a process with one thread for each worker, gradients averaged over gloo, and one JSON line of
the first: {"model", "workers", "batch", "examplesPerSecond", "millisecondsPerStep", "peakMegabytes", "software"}, with the peak
resident memory of all processes added up (Linux only, else null) and PyTorch's version and matrix library. Imported before PyTorch.
"""

import json
import os
import re
import tempfile

# Libraries read these when they load.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from matrix_library import matrix_library


def meet(rank, workers, meeting_point):
    torch.set_num_threads(1)
    if workers > 1:
        dist.init_process_group("gloo", init_method=meeting_point, rank=rank, world_size=workers)


def seconds_of_step(run, workers, seconds, tried, fewest):
    """Of a step, by as many as fit into `seconds`; `run` takes so many steps, and says how long one took."""
    # All workers must take equally many steps.
    steps = torch.tensor(max(fewest, int(seconds / run(tried))))
    if workers > 1:
        dist.broadcast(steps, 0)
    return run(int(steps))


def finish(rank, model_name, workers, batch, per_step, **more):
    """Rank 0 prints the result; the others end."""
    peak = torch.tensor(peak_megabytes(), dtype=torch.float64)
    if workers > 1:
        dist.all_reduce(peak)
    if rank > 0:
        # Taking gloo down while rank 0 does the same hangs now and then (seen with PyTorch 1.13).
        os._exit(0)
    result = {
        "model": model_name,
        "workers": workers,
        "batch": batch,
        "examplesPerSecond": workers * batch / per_step,
        "millisecondsPerStep": per_step * 1000,
        "peakMegabytes": None if torch.isnan(peak) else float(peak),
        "software": f"PyTorch {torch.__version__}, {matrix_library()}",
        **more,
    }
    print(json.dumps(result), flush=True)


def peak_megabytes():
    """Peak resident memory of this process; not a number where the system does not tell."""
    try:
        with open("/proc/self/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) / 1024
    except (OSError, AttributeError):
        return float("nan")


def start(train, workers, *arguments):
    """Runs `train(rank, *arguments, meeting_point)` for each worker."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = (*arguments, f"file://{folder}/meeting-point")
        # This process is rank 0, so that the memory added up is that of the workers and of nothing else.
        others = [mp.get_context("spawn").Process(target=train, args=(rank, *arguments)) for rank in range(1, workers)]
        for other in others:
            other.start()
        train(0, *arguments)
        # Rank 0 keeps its end of the connections until the others have gone.
        for other in others:
            other.join()
