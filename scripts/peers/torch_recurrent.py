"""
Recurrent layers of torch 2.15: weights as tfjs has them, inputs, all states, and the gradients of the sum of states * weights.
PyTorch's own GRU resets after the recurrent product, as `resetAfter` does; the one that resets before is put together here, with torch's gradients.
Run: python scripts/peers/torch_recurrent.py > test/fixtures/torch-recurrent.json
"""
import json

import numpy as np
import torch

BATCH, STEPS, WIDTH, UNITS = 3, 7, 5, 6
rng = np.random.default_rng(0)


def some(*shape, scale=1.0):
    return torch.tensor(np.round(rng.normal(size=shape) * scale, 3), dtype=torch.float32, requires_grad=True)


def listed(tensor):
    return {"shape": list(tensor.shape), "data": [round(float(v), 7) for v in tensor.detach().reshape(-1)]}


def lstm(x, kernel, recurrent, bias):
    """torch.nn.LSTM; its gates are in tfjs's order: input, forget, candidate, output."""
    layer = torch.nn.LSTM(WIDTH, UNITS, batch_first=True)
    weights = {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias, "bias_hh_l0": 0 * bias}
    return torch.func.functional_call(layer, weights, (x,))[0]


def gru(x, kernel, recurrent, bias):
    """Cho et al. 2014: update, reset, candidate; the state is reset before the product."""
    h = torch.zeros(BATCH, UNITS)
    states = []
    for t in range(STEPS):
        z, r, candidate = (x[:, t] @ kernel + bias).chunk(3, dim=1)
        uz, ur, uc = recurrent.chunk(3, dim=1)
        z, r = torch.sigmoid(z + h @ uz), torch.sigmoid(r + h @ ur)
        h = z * h + (1 - z) * torch.tanh(candidate + (r * h) @ uc)
        states.append(h)
    return torch.stack(states, 1)


def gru_reset_after(x, kernel, recurrent, bias):
    """torch.nn.GRU; its gates are reset, update, candidate, and it has the two biases that Keras has."""
    layer = torch.nn.GRU(WIDTH, UNITS, batch_first=True)

    def turned(weight):
        update, reset, candidate = weight.chunk(3, dim=-1)
        return torch.cat([reset, update, candidate], -1).movedim(0, -1)

    weights = {"weight_ih_l0": turned(kernel), "weight_hh_l0": turned(recurrent)}
    weights |= {"bias_ih_l0": turned(bias[0]), "bias_hh_l0": turned(bias[1])}
    return torch.func.functional_call(layer, weights, (x,))[0]


def simple(x, kernel, recurrent, bias):
    layer = torch.nn.RNN(WIDTH, UNITS, batch_first=True)
    weights = {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias, "bias_hh_l0": 0 * bias}
    return torch.func.functional_call(layer, weights, (x,))[0]


def case(layer, gates, biases=()):
    given = [
        some(BATCH, STEPS, WIDTH),
        some(WIDTH, gates * UNITS, scale=0.5),
        some(UNITS, gates * UNITS, scale=0.5),
        some(*biases, gates * UNITS, scale=0.5),
    ]
    states = layer(*given)
    weights = torch.tensor(np.round(rng.normal(size=states.shape), 3), dtype=torch.float32)
    gradients = torch.autograd.grad((states * weights).sum(), given)
    return {
        "given": [listed(t) for t in given],
        "states": listed(states),
        "weights": listed(weights),
        "gradients": [listed(t) for t in gradients],
    }


print(
    json.dumps(
        {
            "lstm": case(lstm, 4),
            "gru": case(gru, 3),
            "simpleRNN": case(simple, 1),
            "gru, reset after": case(gru_reset_after, 3, (2,)),
        }
    )
)
