"""PyTorch on a graphics card, training what scripts/gpu.ts trains with Lockstep.

usage: torch_gpu.py MODEL PRECISION BATCH SIZES SECONDS

MODEL is mlp, cnn, decoder-384 or decoder-768, PRECISION float32 or bfloat16 (autocast), SIZES whole or tiny. Prints examples or tokens
a second; ends with 1 where there is no CUDA. The optimizer is Adam, and TF32 is off.
"""

import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

sys.argv, arguments = sys.argv[:1], sys.argv[1:]
from torch_models import Decoder, Sizes  # noqa: E402

# Places, width, blocks and vocabulary of decoders; units or filters of the others.
SIZES = {
    "whole": {"mlp": 1024, "cnn": (32, 128), "decoder-384": (256, 384, 6, 65), "decoder-768": (512, 768, 12, 50257)},
    "tiny": {"mlp": 16, "cnn": (2, 4), "decoder-384": (8, 64, 1, 65), "decoder-768": (8, 64, 2, 128)},
}


def made(name, sizes, batch):
    """The model, a batch and what it counts for."""
    if name.startswith("decoder"):
        places, width, layers, vocabulary = sizes
        shape = Sizes(batch, places, width, layers, max(1, width // 64), 4 * width)
        model = Decoder(shape, vocabulary)
        model.logits.weight = model.tokens.weight
        tokens = torch.randint(0, min(vocabulary, 65), (batch, places + 1))
        return model, tokens[:, :-1], tokens[:, 1:], batch * places
    targets = torch.randint(0, 10, (batch,))
    if name == "mlp":
        hidden = [nn.Linear(784, sizes), nn.ReLU(), nn.Linear(sizes, sizes), nn.ReLU()]
        hidden = hidden if sizes == 1024 else hidden[:2]
        return nn.Sequential(*hidden, nn.Linear(sizes, 10)), torch.rand(batch, 784), targets, batch
    filters, units = sizes
    images = [nn.Conv2d(1, filters, 3), nn.ReLU(), nn.Conv2d(filters, 2 * filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
    heads = [nn.Flatten(), nn.Linear(2 * filters * 12 * 12, units), nn.ReLU(), nn.Linear(units, 10)]
    return nn.Sequential(*images, *heads), torch.rand(batch, 1, 28, 28), targets, batch


def main(name, precision, batch, sizes, seconds):
    if not torch.cuda.is_available():
        sys.exit(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    model, inputs, targets, count = made(name, SIZES[sizes][name], int(batch))
    model, inputs, targets = model.cuda(), inputs.cuda(), targets.cuda()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            outputs = model(inputs)
            loss = F.cross_entropy(outputs.flatten(0, -2).float(), targets.flatten())
        loss.backward()
        optimizer.step()
        # Ours tells the loss of every step, too.
        return loss.item()

    for _ in range(5):
        step()
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < float(seconds):
        step()
        steps += 1
    print(steps * count / (time.perf_counter() - started))


main(*arguments)
