"""Gradients of two members after PyTorch's PowerSGD hook: python scripts/peers/power_sgd.py > test/fixtures/power-sgd.json

Needs torch with gloo. Gradients are the numbers that `floats` draws, as test/support/slabs.ts does. The first two rounds travel as they are. The
right factors that the third begins with are recorded, one tensor a row of the transpose. PyTorch gives means over the members.
"""
import json
import os
import tempfile

import torch
import torch.distributed as dist
import torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook as hook
import torch.multiprocessing as processes

SHAPES = {"wide": (20, 18), "tall": (40, 9), "bias": (10,), "small": (3, 4)}
RANK, ROUNDS, MEMBERS = 3, 5, 2


def floats(seed, shape):
    count = 1
    for size in shape:
        count *= size
    state, values = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state / 2**31 - 1)
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def gradient(round, member, i, shape):
    return floats(1000 * (round + 1) + 100 * member + i, shape)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterDict({name: torch.nn.Parameter(torch.zeros(shape)) for name, shape in SHAPES.items()})

    def forward(self, round, member):
        return sum((self.weights[name] * gradient(round, member, i, shape)).sum() for i, (name, shape) in enumerate(SHAPES.items()))


def main(member, folder):
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=member, world_size=MEMBERS)
    drawn = {}
    randn = torch.randn

    def recorded(*shape, **options):
        values = randn(*shape, **options)
        names = [name for name, (_, *rest) in SHAPES.items() if rest and rest[-1] == shape[-2]]
        drawn[names[0]] = values[0].T.tolist()
        return values

    torch.randn = recorded
    model = torch.nn.parallel.DistributedDataParallel(Model())
    state = hook.PowerSGDState(process_group=None, matrix_approximation_rank=RANK, start_powerSGD_iter=2, min_compression_rate=2)
    model.register_comm_hook(state, hook.powerSGD_hook)
    rounds = []
    for round in range(ROUNDS):
        model.zero_grad()
        model(round, member).backward()
        rounds.append({name: p.grad.flatten().tolist() for name, p in model.module.weights.items()})
    if member == 0:
        print(json.dumps({"torch": torch.__version__, "rank": RANK, "shapes": SHAPES, "start": drawn, "rounds": rounds}))
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        processes.spawn(main, args=(folder,), nprocs=MEMBERS)
