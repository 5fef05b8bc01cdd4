"""Local steps (DiLoCo) of a linear model, by PyTorch's AdamW and SGD with Nesterov momentum:
node --input-type=module -e "import { epochOrder } from './dist/src/data/sampler.js'; \
console.log(JSON.stringify([0, 1, 2, 3].map((epoch) => [...epochOrder(Int32Array.from({ length: 22 }, (_, i) => i), 3, epoch)])))" \
| python scripts/peers/local_steps.py > test/fixtures/local-steps.json

Needs torch. It is given the order of each epoch. Steps of 8 examples, the last of an epoch of 6; two replicas have 4 of each, or 4 and 2. A round
has two steps, or the one that an epoch ends with. The optimizer of a replica goes on over the rounds; "warm" has four steps in step
before the first, from whose parameters and optimizer replicas go on.
"""
import copy
import json
import sys

import torch

BATCH, HALF, ROUND = 8, 4, 2
ORDERS = json.load(sys.stdin)

torch.manual_seed(5)
x = torch.rand(22, 2) * 2 - 1
y = (x @ torch.tensor([[2.0], [-1.0]])).squeeze(1) + 0.5 + 0.1 * torch.randn(22)


def prediction(parameters, rows):
    kernel, bias = parameters
    return (x[rows] @ kernel).squeeze(1) + bias


def trained(warm_up):
    parameters = [torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)]
    outer = torch.optim.SGD(parameters, lr=0.7, momentum=0.9, nesterov=True)
    first_optimizer = torch.optim.AdamW(parameters, lr=0.05, weight_decay=0.01)
    replicas = [[p.detach().clone().requires_grad_() for p in parameters] for _ in range(2)]
    inners = [torch.optim.AdamW(own, lr=0.05, weight_decay=0.01) for own in replicas]
    losses, done = [], 0
    for order in ORDERS:
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        sums = [0.0 for _ in batches]
        first = 0
        while first < len(batches):
            if done < warm_up:
                rows = batches[first]
                loss = ((prediction(parameters, rows) - y[rows]) ** 2).mean()
                sums[first] += loss.item() * len(rows)
                first_optimizer.zero_grad()
                loss.backward()
                first_optimizer.step()
                for inner in inners:
                    inner.load_state_dict(copy.deepcopy(first_optimizer.state_dict()))
                first, done = first + 1, done + 1
                continue
            last = min(first + ROUND, len(batches))
            moved = [torch.zeros_like(p) for p in parameters]
            for replica, (own, inner) in enumerate(zip(replicas, inners)):
                with torch.no_grad():
                    for p, q in zip(parameters, own):
                        q.copy_(p)
                for step in range(first, last):
                    rows = batches[step][replica * HALF : (replica + 1) * HALF]
                    loss = ((prediction(own, rows) - y[rows]) ** 2).mean()
                    sums[step] += loss.item() * len(rows)
                    inner.zero_grad()
                    loss.backward()
                    inner.step()
                for total, p, q in zip(moved, parameters, own):
                    total += (p.detach() - q.detach()) / 2
            for p, total in zip(parameters, moved):
                p.grad = total
            outer.step()
            first, done = last, done + last - first
        losses.append(sum(sums) / len(order))
    kernel, bias = [p.detach().flatten().tolist() for p in parameters]
    return {"kernel": kernel, "bias": bias, "losses": losses}


both = {"cold": trained(0), "warm": trained(4)}
print(json.dumps({"torch": torch.__version__, "orders": ORDERS, "x": x.tolist(), "y": y.tolist(), **both}))
