#!/usr/bin/env bash
# PyTorch 2.15.0: torch.optim.Muon makes the gradient a bfloat16 before its Newton-Schulz iteration, on every device and whatever the weights are, and
# has no option for another type. With float32 weights on a processor a step is off by about a hundredth of its length; the same iteration in float32
# is off by a millionth. Whoever compares another Muon with this one sees differences that are no mistake of the other.
# Needs Python 3.11 or later with venv. On Linux the package brings CUDA along: some 5 GB, installed. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy==2.4.6
cat > seen.py <<'P'
import sys

import torch

torch.set_num_threads(1)


def orthogonal(gradient, number):
    """Newton-Schulz with the coefficients and the five steps of torch.optim.Muon, in numbers of a type."""
    a, b, c = 3.4445, -4.775, 2.0315
    x = gradient.to(number)
    x = x / x.norm()
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


gradient = torch.randn(16, 32, generator=torch.Generator().manual_seed(1))
weight = torch.nn.Parameter(torch.zeros(16, 32))
weight.grad = gradient.clone()
# From 0, with a rate of 1: the weight is then the step.
torch.optim.Muon([weight], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False).step()
step = -weight.detach()
exact = orthogonal(gradient, torch.float64)


def far(x):
    return ((x.double() - exact).norm() / exact.norm()).item()


rounded = torch.equal(step, step.bfloat16().float())
by_muon, in_float32 = far(step), far(orthogonal(gradient, torch.float32))
print(f"torch {torch.__version__}: weights are {weight.dtype} on {weight.device}; all numbers of Muon's step are those of bfloat16: {rounded}")
print(f"  of its length, Muon's step is off by {by_muon:.1e}; the same iteration in float32 by {in_float32:.1e}")
sys.exit(0 if rounded and 1e-3 < by_muon < 1e-1 and in_float32 < 1e-5 else 1)
P
venv/bin/python seen.py
