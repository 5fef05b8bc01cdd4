"""
Operations of transformers as torch 2.15 has them: inputs, results, and the gradients of the sum of results * linspace(-1, 1). Odd shapes.
Run: python scripts/peers/torch_operations.py > test/fixtures/torch-operations.json
"""
import json

import numpy as np
import torch
from torch.nn import functional as F

rng = np.random.default_rng(0)


def some(*shape):
    return torch.from_numpy(np.round(rng.normal(size=shape), 3).astype("f4")).requires_grad_()


def listed(tensor):
    return {"shape": list(tensor.shape), "data": [round(float(x), 7) for x in tensor.detach().numpy().reshape(-1)]}


def known(operation, *given):
    result = operation(*given)
    (result * torch.linspace(-1, 1, result.numel()).reshape(result.shape)).sum().backward()
    return {"inputs": [listed(x) for x in given], "output": listed(result), "slopes": [listed(x.grad) for x in given]}


def rotated(x):
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[-2])[:, None] * 10000 ** (-torch.arange(half) / half)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1)


def swiglu(x):
    gate, value = x.chunk(2, -1)
    return F.silu(gate) * value


# The table of an embedding that is the kernel of the logits, too.
ids = torch.tensor([[3, 0, 6, 3, 1], [2, 2, 5, 0, 6]])


def tied(table):
    return F.linear(torch.tanh(F.embedding(ids, table)), table)


cases = {
    "layer normalization": known(lambda x, w, b: F.layer_norm(x, (7,), w, b, 1e-5), some(3, 5, 7), some(7), some(7)),
    "rms normalization": known(lambda x, w: F.rms_norm(x, (7,), w, 1e-6), some(3, 5, 7), some(7)),
    "rms normalization, short rows": known(lambda x, w: F.rms_norm(x, (2,), w, 0.1), some(5, 2), some(2)),
    "gelu": known(F.gelu, some(3, 11)),
    "gelu, tanh": known(lambda x: F.gelu(x, approximate="tanh"), some(3, 11)),
    "silu": known(F.silu, some(3, 11)),
    "swiglu": known(swiglu, some(3, 5, 6)),
    "rotary": known(rotated, some(2, 3, 5, 6)),
    "tied logits": known(tied, some(7, 3)) | {"ids": ids.tolist()},
}
print(json.dumps({"torch": torch.__version__, "cases": cases}))
