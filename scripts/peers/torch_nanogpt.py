"""nanoGPT's small configuration for processors in PyTorch: what scripts/peers/nanogpt.yaml trains with Lockstep.

usage: torch_nanogpt.py FILE THREADS nanogpt | lockstep

4 layers, 4 heads, width 128, 64 positions, batch 12, AdamW with beta2 0.99 and decay 0.1 on matrices, clipping at 1, 1e-3 after 100 steps
of warm-up falling to 1e-4 along a cosine, the last tenth of FILE for validation. `nanogpt` draws initial weights as nanoGPT does and takes
1,992 steps, `lockstep` draws them as Lockstep does and takes its 1,579: an example is a window that starts at a multiple of 42 or of 53, and
each is learned once. One JSON line comes out: {"training" in seconds, "steps", "loss" in
nats a character of the whole validation split, "software"}.
"""

import json
import math
import os
import sys
import time

if len(sys.argv) != 4 or sys.argv[3] not in ("nanogpt", "lockstep"):
    sys.exit(__doc__)
FILE, THREADS, START = sys.argv[1:]
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = THREADS

import torch
import torch.nn.functional as F
from matrix_library import matrix_library
from torch_models import Decoder, Sizes

SIZES = Sizes(batch=12, places=64, width=128, layers=4, heads=4, feed_forward=512)
STRIDE = 42 if START == "nanogpt" else 53
WARM_UP, RATE, LEAST = 100, 1e-3, 1e-4
SEED = 1337


def windows(text, starts):
    places = torch.as_tensor(starts)[:, None] + torch.arange(SIZES.places)
    return text[places], text[places + 1]


def create(vocabulary):
    model = Decoder(SIZES, vocabulary)
    for name, weight in model.named_parameters():
        if weight.dim() >= 2 and START == "lockstep":
            start_as_lockstep(name, weight)
        elif weight.dim() >= 2:
            after_residual = name.endswith(("attention_output.weight", "output.weight"))
            torch.nn.init.normal_(weight, std=0.02 / math.sqrt(2 * SIZES.layers) if after_residual else 0.02)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(weight)
    return model


def start_as_lockstep(name, weight):
    """Glorot's uniform for matrices; Keras's starts for embeddings, its normal one for positions."""
    if name == "positions":
        torch.nn.init.normal_(weight, std=0.02)
    elif name == "tokens.weight":
        torch.nn.init.uniform_(weight, -0.05, 0.05)
    else:
        # Query, key and value are one matrix here.
        for part in weight.split(SIZES.width) if "query_key_value" in name else [weight]:
            torch.nn.init.xavier_uniform_(part)


def rate_of(step, steps):
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    return LEAST + 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP))) * (RATE - LEAST)


def main():
    torch.set_num_threads(int(THREADS))
    torch.manual_seed(SEED)
    with open(FILE, encoding="utf8") as file:
        text = file.read()
    numbers = {character: i for i, character in enumerate(sorted(set(text)))}
    tokens = torch.tensor([numbers[character] for character in text])
    border = len(tokens) - round(0.1 * len(tokens))
    learned, held_out = tokens[:border], tokens[border:]
    model = create(len(numbers))
    matrices = [weight for weight in model.parameters() if weight.dim() >= 2]
    others = [weight for weight in model.parameters() if weight.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))
    order = torch.arange(0, len(learned) - SIZES.places, STRIDE)
    batches = order[torch.randperm(len(order))].split(SIZES.batch)
    start = time.perf_counter()
    for step, starts in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rate_of(step, len(batches))
        features, targets = windows(learned, starts)
        loss = F.cross_entropy(model(features).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    training = time.perf_counter() - start
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for starts in torch.arange(0, len(held_out) - SIZES.places, SIZES.places).split(128):
            features, targets = windows(held_out, starts)
            total += F.cross_entropy(model(features).flatten(0, 1), targets.flatten(), reduction="sum").item()
            count += targets.numel()
    result = {
        "training": training,
        "steps": len(batches),
        "loss": total / count,
        "software": f"PyTorch {torch.__version__}, {matrix_library()}",
    }
    print(json.dumps(result), flush=True)


main()
