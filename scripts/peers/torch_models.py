"""PyTorch's transformers and recurrent models on CPUs, training what `npm run bench -- transformers` trains with Lockstep.

usage: torch_models.py MODEL WORKERS SECONDS [eager | compile | bfloat16]

MODEL is decoder-a, decoder-b, lstm or gru. Every worker is a process with one thread, gradients are averaged over gloo, the
optimizer is Adam with PyTorch's defaults. `compile` puts the model through torch.compile (which needs a C++ compiler),
`bfloat16` computes under autocast. Weights and data are functions of their places (`noise`), and the same as Lockstep's
(scripts/bench/same-start.ts), so the losses of the first steps have to be.

One JSON line comes out: {"model", "workers", "batch", "examplesPerSecond", "millisecondsPerStep", "peakMegabytes", "software",
"losses"}, with the peak resident memory of all processes added up (Linux only, else null).

PyTorch: python3 -m venv venv && venv/bin/pip install torch numpy, then npm run bench -- transformers --python venv/bin/python.
"""

import sys
import time
from dataclasses import dataclass

import torch_workers

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

VOCABULARY = 65
BATCHES = 64
WARM_UP_STEPS = 2
FEWEST_STEPS = 3
LOSSES = 5


@dataclass
class Sizes:
    """Of a model and its batches; `layers` is 0 where it is recurrent, and `width` is then that of its state."""

    batch: int
    places: int
    width: int
    layers: int = 0
    heads: int = 1
    feed_forward: int = 0
    embedding: int = 64
    spread: float = 0.1


MODELS = {
    "decoder-a": Sizes(batch=32, places=64, width=128, layers=2, heads=4, feed_forward=512),
    "decoder-b": Sizes(batch=8, places=256, width=384, layers=6, heads=6, feed_forward=1536),
    "lstm": Sizes(batch=32, places=64, width=128, spread=0.4),
    "gru": Sizes(batch=32, places=64, width=128, spread=0.4),
}


def noise(stream, count):
    """Whole numbers of 24 bits: a function of stream and place (the finalizer of MurmurHash3)."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((stream * 97531 + 12345) % 2**32)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return (h ^ (h >> np.uint32(16))) >> np.uint32(8)


def some_text(examples, places):
    """[examples, places]: a token follows from the one before, or from nothing, by the toss of a coin."""
    drawn = noise(1000, examples * places).reshape(examples, places)
    tokens = (drawn % VOCABULARY).astype(np.int64)
    for place in range(1, places):
        follows = (drawn[:, place] >> 20) < 8
        tokens[:, place] = np.where(follows, (3 * tokens[:, place - 1] + 7) % VOCABULARY, tokens[:, place])
    return torch.from_numpy(tokens)


class Weights:
    """Gives Lockstep's weights in its order; matrices are [in, out] there and [out, in] here."""

    def __init__(self, spread):
        """Weights lie within half of `spread` around 0, or around 1."""
        self.stream = 0
        self.spread = spread

    def next(self, *shape, around=0.0):
        count = int(np.prod(shape))
        values = around + (noise(self.stream, count) / 2**24 - 0.5) * self.spread
        self.stream += 1
        return torch.from_numpy(values.astype(np.float32)).reshape(shape)

    def norm(self, norm):
        norm.weight.copy_(self.next(*norm.weight.shape, around=1.0))
        norm.bias.copy_(self.next(*norm.bias.shape))

    def linear(self, linear):
        linear.weight.copy_(self.next(linear.in_features, linear.out_features).T)
        if linear.bias is not None:
            linear.bias.copy_(self.next(linear.out_features))


class Block(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.heads = sizes.heads
        self.attention_norm = nn.LayerNorm(sizes.width)
        self.query_key_value = nn.Linear(sizes.width, 3 * sizes.width)
        self.attention_output = nn.Linear(sizes.width, sizes.width)
        self.feed_forward_norm = nn.LayerNorm(sizes.width)
        self.intermediate = nn.Linear(sizes.width, sizes.feed_forward)
        self.output = nn.Linear(sizes.feed_forward, sizes.width)

    def forward(self, x):
        batch, places, width = x.shape
        parts = self.query_key_value(self.attention_norm(x)).split(width, dim=2)
        q, k, v = (part.view(batch, places, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attention_output(seen.transpose(1, 2).reshape(batch, places, width))
        return x + self.output(F.gelu(self.intermediate(self.feed_forward_norm(x)), approximate="tanh"))

    def start(self, weights):
        width = self.attention_output.in_features
        weights.norm(self.attention_norm)
        for part in range(3):
            rows = slice(part * width, (part + 1) * width)
            self.query_key_value.weight[rows] = weights.next(width, width).T
            self.query_key_value.bias[rows] = weights.next(width)
        weights.linear(self.attention_output)
        weights.norm(self.feed_forward_norm)
        weights.linear(self.intermediate)
        weights.linear(self.output)


class Decoder(nn.Module):
    """Logits of what follows each place, [batch, places, vocabulary]."""

    def __init__(self, sizes, vocabulary=VOCABULARY):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, sizes.width)
        self.positions = nn.Parameter(torch.zeros(sizes.places, sizes.width))
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width)
        self.logits = nn.Linear(sizes.width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.logits(self.norm(x))

    def start(self, weights):
        self.tokens.weight.copy_(weights.next(*self.tokens.weight.shape))
        self.positions.copy_(weights.next(*self.positions.shape))
        for block in self.blocks:
            block.start(weights)
        weights.norm(self.norm)
        weights.linear(self.logits)


class Recurrent(nn.Module):
    """Logits of what follows the last place, [batch, VOCABULARY]."""

    def __init__(self, kind, sizes):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, sizes.embedding)
        self.layer = kind(sizes.embedding, sizes.width, batch_first=True)
        self.logits = nn.Linear(sizes.width, VOCABULARY)
        # It adds up to one bias with the other where the reset gate acts before the product, and always in an LSTM.
        self.layer.bias_hh_l0.requires_grad_(False)
        self.is_written_out = False

    def forward(self, tokens):
        x = self.tokens(tokens)
        state = self.written_out(x) if self.is_written_out else self.layer(x)[0][:, -1]
        return self.logits(state)

    def written_out(self, x):
        """Keras's GRU with resetAfter false, as tfjs has it. PyTorch's own layer resets after the recurrent product."""
        state = x.new_zeros(x.shape[0], self.layer.hidden_size)
        w_reset, w_update, w_new = self.layer.weight_hh_l0.chunk(3)
        inputs = F.linear(x, self.layer.weight_ih_l0, self.layer.bias_ih_l0)
        for step in range(x.shape[1]):
            x_reset, x_update, x_new = inputs[:, step].chunk(3, dim=1)
            reset = torch.sigmoid(x_reset + F.linear(state, w_reset))
            update = torch.sigmoid(x_update + F.linear(state, w_update))
            new = torch.tanh(x_new + F.linear(reset * state, w_new))
            state = update * state + (1 - update) * new
        return state

    def start(self, weights):
        self.tokens.weight.copy_(weights.next(*self.tokens.weight.shape))
        layer, width = self.layer, self.layer.hidden_size
        gates = layer.weight_hh_l0.shape[0] // width
        # Keras has the update gate first.
        order = [0, 1, 2, 3] if gates == 4 else [1, 0, 2]
        rows = np.concatenate([np.arange(gate * width, (gate + 1) * width) for gate in order])
        layer.weight_ih_l0.copy_(weights.next(layer.input_size, gates * width).T[rows])
        layer.weight_hh_l0.copy_(weights.next(width, gates * width).T[rows])
        layer.bias_ih_l0.copy_(weights.next(gates * width)[rows])
        layer.bias_hh_l0.zero_()
        weights.linear(self.logits)


def create(model_name):
    sizes = MODELS[model_name]
    kinds = {"lstm": nn.LSTM, "gru": nn.GRU}
    model = Recurrent(kinds[model_name], sizes) if model_name in kinds else Decoder(sizes)
    with torch.no_grad():
        model.start(Weights(sizes.spread))
    return model


class Training:
    """The steps of one worker."""

    def __init__(self, model_name, rank, workers, variant, written_out=False):
        sizes = MODELS[model_name]
        model = create(model_name)
        if written_out:
            model.is_written_out = True
        self.model = nn.parallel.DistributedDataParallel(model) if workers > 1 else model
        if variant == "compile":
            self.model = torch.compile(self.model)
        self.optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.001)
        self.autocast = variant == "bfloat16"
        text = some_text(BATCHES * sizes.batch, sizes.places + 1)
        is_decoder = sizes.layers > 0
        self.features = text[:, :-1].contiguous()
        self.targets = (text[:, 1:] if is_decoder else text[:, -1]).contiguous()
        self.batch, self.rank, self.workers = sizes.batch, rank, workers
        self.done = 0

    def step(self):
        """One step; its loss on this worker's part of the batch."""
        at = (self.done * self.workers + self.rank) * self.batch % len(self.features)
        features, targets = self.features[at : at + self.batch], self.targets[at : at + self.batch]
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            logits = self.model(features)
            loss = F.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))
        loss.backward()
        self.optimizer.step()
        self.done += 1
        return loss.detach()

    def losses(self, steps):
        """Mean over the workers of the loss of each of the next steps."""
        losses = torch.stack([self.step() for _ in range(steps)]).double()
        if self.workers > 1:
            dist.all_reduce(losses)
        return (losses / self.workers).tolist()

    def run(self, steps):
        """Seconds of a step."""
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        return (time.perf_counter() - start) / steps


def train(rank, model_name, workers, seconds, variant, meeting_point):
    """One worker; rank 0 prints the result."""
    torch_workers.meet(rank, workers, meeting_point)
    training = Training(model_name, rank, workers, variant)
    if model_name == "gru":
        # What is timed is PyTorch's own layer, whose products are as large.
        losses = Training(model_name, rank, workers, "eager", written_out=True).losses(LOSSES)
        training.losses(WARM_UP_STEPS + FEWEST_STEPS)
    else:
        losses = training.losses(LOSSES)
    per_step = torch_workers.seconds_of_step(training.run, workers, seconds, WARM_UP_STEPS, FEWEST_STEPS)
    torch_workers.finish(rank, model_name, workers, MODELS[model_name].batch, per_step, losses=losses)


def main():
    variants = ("eager", "compile", "bfloat16")
    model_name, workers, seconds, variant = (sys.argv[1:] + ["eager"])[:4] if len(sys.argv) in (4, 5) else [""] * 4
    if model_name not in MODELS or variant not in variants:
        sys.exit(__doc__)
    workers = int(workers)
    torch_workers.start(train, workers, model_name, workers, float(seconds), variant)


if __name__ == "__main__":
    main()
