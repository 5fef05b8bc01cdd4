"""Loss scales by PyTorch's GradScaler: python scripts/peers/grad_scaler.py > test/fixtures/grad-scaler.json

Needs torch. `changes` are the scales of 9,000 steps, of which some overflow, by the step after which each begins. `steps` are those of a linear
model under autocast to float16, whose targets are so large that the gradient overflows at first: loss, scale after the step, weight, bias.
"""
import json

import torch

OVERFLOWS = [3, 4, 2500, 2501, 2502, 2600]


def changes():
    scaler = torch.amp.GradScaler("cpu")
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    scaler.scale(torch.zeros(1))
    found, before = [], scaler.get_scale()
    for step in range(9000):
        parameter.grad = torch.full((1,), float("inf") if step in OVERFLOWS else 1.0)
        scaler.step(optimizer)
        scaler.update()
        if scaler.get_scale() != before:
            before = scaler.get_scale()
            found.append([step, before])
    return found


def steps():
    x = torch.tensor([[1 + (i % 4) / 4] for i in range(8)])
    y = 5000 + 100 * x
    weight, bias = torch.zeros(1, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer, scaler = torch.optim.Adam([weight, bias], lr=0.5), torch.amp.GradScaler("cpu")
    found = []
    for _ in range(24):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = torch.nn.functional.mse_loss(torch.nn.functional.linear(x, weight, bias).float(), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append([loss.item(), scaler.get_scale(), weight.item(), bias.item()])
    return found


print(json.dumps({"torch": torch.__version__, "overflows": OVERFLOWS, "changes": changes(), "steps": steps()}))
