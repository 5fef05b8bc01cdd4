"""Steps of optimizers and rates of schedules, by PyTorch and Keras: python scripts/peers/optimizers.py > test/fixtures/peer-optimizers.json

Needs numpy, torch and keras (KERAS_BACKEND=jax or torch). Each case has the parameters after some steps from the numbers that `floats` draws, as
test/support/slabs.ts does. Kernels are [in, out] here, as in Lockstep and Keras; PyTorch is given their transposes.
"""
import json

import keras
import numpy as np
import torch

SHAPES = {"wide/kernel": (6, 10), "wide/bias": (10,), "tall/kernel": (12, 4), "norm/gamma": (10,), "conv/kernel": (2, 2, 3, 5)}
STEPS = 6


def floats(seed, shape):
    state, values = seed, []
    for _ in range(int(np.prod(shape))):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state / 2**31 - 1)
    return np.array(values, "float32").reshape(shape)


def start(i, shape):
    return floats(i + 1, shape)


def gradient(t, i, shape):
    return floats(1000 + 10 * t + i, shape) * np.float32(0.1)


def turned(values):
    return np.ascontiguousarray(values.T) if values.ndim == 2 else values


def by_torch(make):
    """@param make an optimizer (or several) of parameters by name"""
    parameters = {name: torch.nn.Parameter(torch.tensor(turned(start(i, shape)))) for i, (name, shape) in enumerate(SHAPES.items())}
    made = make(parameters)
    for t in range(STEPS):
        for i, (name, shape) in enumerate(SHAPES.items()):
            parameters[name].grad = torch.tensor(turned(gradient(t, i, shape)))
        for optimizer in made:
            optimizer.step()
    return written({name: turned(p.detach().numpy()) for name, p in parameters.items()})


def by_keras(optimizer, averages=False):
    """@param averages whether to write the moving averages instead of the parameters"""
    variables = [keras.Variable(start(i, shape), name=name.replace("/", "_")) for i, (name, shape) in enumerate(SHAPES.items())]
    optimizer.build(variables)
    for t in range(STEPS):
        optimizer.apply([keras.ops.convert_to_tensor(gradient(t, i, shape)) for i, shape in enumerate(SHAPES.values())], variables)
    if averages:
        optimizer.finalize_variable_values(variables)
    return written(dict(zip(SHAPES, (keras.ops.convert_to_numpy(v) for v in variables))))


def written(parameters):
    return {name: [float(f"{v:.8g}") for v in values.flatten()] for name, values in parameters.items()}


def adamw_groups(p):
    kernels = [v for name, v in p.items() if name.endswith("kernel")]
    others = [v for name, v in p.items() if not name.endswith("kernel")]
    groups = [{"params": kernels, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=0.02)]


def muon(rest_decay=0.1, **options):
    def make(p):
        matrices = [v for v in p.values() if v.ndim == 2]
        rest = [v for v in p.values() if v.ndim != 2]
        return [torch.optim.Muon(matrices, lr=0.02, **options), torch.optim.AdamW(rest, lr=0.02, weight_decay=rest_decay)]

    return make


def in_float32(work):
    """PyTorch rounds to bfloat16 before the products: its own code, without that."""
    to = torch.Tensor.to
    torch.Tensor.to = lambda self, *a, **k: to(self, *a, **{**k, **({"dtype": torch.float32} if k.get("dtype") is torch.bfloat16 else {})})
    try:
        return work()
    finally:
        torch.Tensor.to = to


def one_cycle(total, **options):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.4, total_steps=total, cycle_momentum=False, **options)
    rates = []
    for t in range(total):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        if t + 1 < total:
            schedule.step()
    return rates


O = keras.optimizers
exclude = lambda optimizer, names: (optimizer.exclude_from_weight_decay(var_names=names), optimizer)[1]
cases = {
    "adamw with groups": by_torch(adamw_groups),
    "lion": by_keras(O.Lion(learning_rate=0.01, beta_1=0.8, beta_2=0.95)),
    "lion with decay": by_keras(exclude(O.Lion(learning_rate=0.01, weight_decay=0.5), ["bias", "gamma"])),
    "average": by_keras(O.SGD(learning_rate=0.5, use_ema=True, ema_momentum=0.75), averages=True),
    "muon": in_float32(lambda: by_torch(muon())),
    "muon in bfloat16": by_torch(muon()),
    "muon without nesterov": in_float32(lambda: by_torch(muon(nesterov=False, momentum=0.8, weight_decay=0.3, ns_steps=3, rest_decay=0.0))),
    "muon like adamw": in_float32(lambda: by_torch(muon(adjust_lr_fn="match_rms_adamw"))),
    "adafactor": by_torch(lambda p: [torch.optim.Adafactor(p.values())]),
    "adafactor with decay": by_torch(lambda p: [torch.optim.Adafactor(p.values(), lr=0.5, beta2_decay=-0.6, eps=(1e-6, 0.01), d=1.2, weight_decay=0.1)]),
    "lamb": by_keras(O.Lamb(learning_rate=0.05, epsilon=1e-6)),
    "lamb with other options": by_keras(O.Lamb(learning_rate=0.02, beta_1=0.7, beta_2=0.95, epsilon=0.01)),
}
schedules = {
    "oneCycle": one_cycle(40),
    "oneCycle in straight lines": one_cycle(30, pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100),
    "oneCycle of three phases": one_cycle(37, pct_start=0.3, three_phase=True),
}
print(json.dumps({"torch": torch.__version__.split("+")[0], "keras": keras.__version__, "steps": STEPS, "cases": cases, "schedules": schedules}))
