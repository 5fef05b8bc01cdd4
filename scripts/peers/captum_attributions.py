"""Attributions by captum (on torch, in float64) of small networks with given weights, and permutation importances by scikit-learn.

    python scripts/peers/captum_attributions.py > test/fixtures/captum-attributions.json
"""

import json

import captum
import numpy as np
import sklearn
import torch
from captum.attr import IntegratedGradients, Occlusion, Saliency
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance
from sklearn.metrics import make_scorer, mean_squared_error

random = np.random.default_rng(7)


def draw(*shape, scale=1.0):
    """Three decimals, so that the fixture is short and float32 holds it well."""
    return np.round(random.normal(0, scale, shape), 3)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def attributions(f, x, baseline, target, steps, window=None):
    """All methods; inputs and baselines have an axis for the batch."""
    path = IntegratedGradients(f)
    found = {
        "steps": steps,
        "target": target,
        "value": f(x)[0, target].item(),
        "baselineValue": f(baseline)[0, target].item(),
        "integratedGradients": path.attribute(x, baseline, target=target, n_steps=steps, method="gausslegendre").flatten().tolist(),
        "gradient": Saliency(f).attribute(x, target=target, abs=False).flatten().tolist(),
    }
    if window:
        size, stride = window
        occluded = Occlusion(f).attribute(
            x, sliding_window_shapes=size, strides=stride, baselines=baseline, target=target
        )
        found["occlusion"] = occluded.flatten().tolist()
    return found


def perceptron():
    kernels = [draw(5, 7), draw(7, 6, scale=0.5), draw(6, 3, scale=0.5)]
    biases = [draw(7), draw(6), draw(3)]
    x, baseline = draw(1, 5), draw(1, 5, scale=0.2)

    def f(inputs):
        hidden = torch.tanh(inputs @ tensor(kernels[0]) + tensor(biases[0]))
        hidden = torch.relu(hidden @ tensor(kernels[1]) + tensor(biases[1]))
        return hidden @ tensor(kernels[2]) + tensor(biases[2])

    weights = [w for pair in zip(kernels, biases) for w in pair]
    found = attributions(f, tensor(x), tensor(baseline), 1, 32, ((1,), (1,)))
    return weights, x, baseline, found


def convolutional():
    filters, bias = draw(3, 3, 2, 4, scale=0.5), draw(4, scale=0.1)
    kernel, last = draw(3 * 2 * 4, 3, scale=0.3), draw(3)
    x, baseline = np.abs(draw(1, 8, 6, 2)), np.zeros((1, 8, 6, 2))

    def f(inputs):
        # Channels last outside, as in tfjs.
        image = inputs.permute(0, 3, 1, 2)
        maps = torch.nn.functional.conv2d(image, tensor(filters.transpose(3, 2, 0, 1)), tensor(bias))
        maps = torch.nn.functional.max_pool2d(torch.relu(maps), 2)
        flat = maps.permute(0, 2, 3, 1).flatten(1)
        return flat @ tensor(kernel) + tensor(last)

    # All channels of a window of 3 x 2 pixels, 2 apart: the last are cut off at the edge.
    found = attributions(f, tensor(x), tensor(baseline), 2, 48, ((3, 3, 2), (2, 2, 2)))
    return [filters, bias, kernel, last], x, baseline, found


def looked_up():
    table, recurrent = draw(6, 3), draw(4, 4, scale=0.5)
    kernel, bias = draw(3, 4, scale=0.7), draw(4, scale=0.2)
    last = draw(4, 2)
    ids = np.array([[3, 0, 5, 3]])

    def f(vectors):
        state = torch.zeros(vectors.shape[0], 4, dtype=torch.float64)
        for place in range(vectors.shape[1]):
            state = torch.tanh(vectors[:, place] @ tensor(kernel) + state @ tensor(recurrent) + tensor(bias))
        return state @ tensor(last)

    x = tensor(table[ids[0]])[None]
    found = attributions(f, x, torch.zeros_like(x), 0, 40, ((1, 3), (1, 3)))
    return [table, kernel, recurrent, bias, last], ids, np.zeros((1, 4)), found


class Rule(RegressorMixin, BaseEstimator):
    """What a test computes by hand too: no fit."""

    def fit(self, x, y):
        return self

    def predict(self, x):
        return 2 * x[:, 0] - x[:, 1] * x[:, 2] + 0.5


def importances():
    rows, repeats, seed = 12, 4, 5
    x = draw(rows, 4)
    y = np.round(Rule().predict(x) + draw(rows, scale=0.3), 3)
    scorer = make_scorer(mean_squared_error, greater_is_better=False)
    found = permutation_importance(Rule(), x, y, scoring=scorer, n_repeats=repeats, random_state=seed)
    # The state that it shuffles with, for every column anew; each repeat shuffles what the one before it left.
    column_seed = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    state, order, orders = np.random.RandomState(column_seed), np.arange(rows), []
    current = order.copy()
    for _ in range(repeats):
        state.shuffle(order)
        current = current[order]
        orders.append(current.tolist())
    return {"x": x.tolist(), "y": y.tolist(), "orders": orders, "importances": found.importances.tolist()}


def case(made):
    weights, x, baseline, found = made
    return {
        "weights": [w.tolist() for w in weights],
        "x": x.flatten().tolist(),
        "baseline": baseline.flatten().tolist(),
        **found,
    }


print(
    json.dumps(
        {
            "versions": {"captum": captum.__version__, "torch": torch.__version__, "scikit-learn": sklearn.__version__},
            "perceptron": case(perceptron()),
            "convolutional": case(convolutional()),
            "lookedUp": case(looked_up()),
            "importance": importances(),
        }
    )
)
