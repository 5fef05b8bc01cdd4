"""Losses and metrics of Keras on every kind of target, for test/data/loss-targets.slow.test.ts and test/metrics/metric-targets.test.ts.

Run with Keras 3.15.1 (KERAS_BACKEND=jax) and scikit-learn 1.9: python losses_and_metrics.py > test/fixtures/losses-and-metrics.json
"""
import json

import keras
import numpy as np
from sklearn.metrics import r2_score

rng = np.random.default_rng(11)
n = 6
features = {1: rng.normal(size=(n, 1)).round(2), 3: rng.normal(size=(n, 3)).round(2), 2: rng.normal(size=(n, 2)).round(2)}
column = lambda *values: [[value] for value in values]
classes3, classes2 = [2, 0, 1, 1, 2, 0], [1, 0, 1, 1, 0, 0]
targets = {
    "zeroOne": column(1, 0, 1, 1, 0, 0),
    "signs": column(1, -1, 1, 1, -1, -1),
    "oneTwo": column(2, 1, 2, 2, 1, 1),
    "hundred": column(100, 0, 100, 100, 0, 0),
    "soft": column(0.9, 0.2, 0.75, 1, 0, 0.5),
    "real": column(3.5, -2, 0.25, 7, 1.5, -0.5),
    "counts": column(3, 0, 1, 7, 2, 2),
    "threeSigns": column(1, -1, 0, 1, -1, -1),
    "oneHot": np.eye(3)[classes3].tolist(),
    "multiHot": [[1, 1, 0], [0, 0, 0], [1, 0, 1], [1, 1, 1], [0, 1, 0], [0, 0, 1]],
    "softRows": [[0.5, 0.25, 0.25], [1, 0, 0], [0.2, 0.3, 0.5], [0, 0.75, 0.25], [0.25, 0.25, 0.5], [0, 0, 1]],
    "offRows": [[0.5, 0.5, 0.25], [1, 0, 0], [0.2, 0.3, 0.5], [0, 0.75, 0.25], [0.25, 0.25, 0.5], [0, 0, 1]],
    "realRows": [[0.5, -2, 3], [1, 0, 0], [4, 0.3, 0.5], [0, 7.5, -1], [0.25, 2, 0.5], [0, 0, 1]],
    "classes2": classes2,
    "classes3": classes3,
}
losses = {
    "meanSquaredError": (keras.losses.MeanSquaredError, None),
    "meanAbsoluteError": (keras.losses.MeanAbsoluteError, None),
    "huber": (keras.losses.Huber, None),
    "binaryCrossentropy": (keras.losses.BinaryCrossentropy, "sigmoid"),
    "categoricalCrossentropy": (keras.losses.CategoricalCrossentropy, "softmax"),
    "sparseCategoricalCrossentropy": (keras.losses.SparseCategoricalCrossentropy, "softmax"),
    "hinge": (keras.losses.Hinge, None),
}
activations = {
    None: lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
}


def outputs_for(name, loss, kind):
    """As wide as the targets; class indices have a unit each, or one unit under the losses of two classes."""
    if not kind.startswith("classes"):
        width = len(targets[kind][0])
    else:
        width = 1 if loss in ("binaryCrossentropy", "hinge") else int(kind[-1])
    return features[width], activations[name](features[width]), width


def value(function):
    try:
        found = float(function())
    except Exception:
        return None
    return found if np.isfinite(found) else None


result = {"features": {k: v.tolist() for k, v in features.items()}, "targets": targets, "losses": {}, "metrics": {}}
for loss, (make, activation) in losses.items():
    for kind, wanted in targets.items():
        _, outputs, width = outputs_for(activation, loss, kind)
        y = np.array(wanted, dtype="float32")
        if kind.startswith("classes"):
            if loss == "categoricalCrossentropy":
                y = np.eye(width, dtype="float32")[np.array(wanted)]
            elif loss != "sparseCategoricalCrossentropy":
                y = y[:, None]
        result["losses"].setdefault(loss, {})[kind] = value(lambda: make()(y, outputs.astype("float32")))
        # "accuracy" as Keras resolves it from the shapes, r2 as scikit-learn has it, of all outputs together.
        if width == 1:
            accuracy = keras.metrics.BinaryAccuracy()
            threshold = 0.5 if activation == "sigmoid" else 0.0
            hard = (outputs > threshold).astype("float32")
            accuracy.update_state((y > 0).astype("float32"), hard)
        elif loss in ("binaryCrossentropy", "hinge"):
            accuracy = keras.metrics.BinaryAccuracy(threshold=0.5)
            accuracy.update_state(y, (outputs > (0.5 if activation == "sigmoid" else 0)).astype("float32"))
        else:
            sparse = kind.startswith("classes") and loss != "categoricalCrossentropy"
            accuracy = keras.metrics.SparseCategoricalAccuracy() if sparse else keras.metrics.CategoricalAccuracy()
            accuracy.update_state(y, outputs)
        sparse = y.ndim == 1
        top = (keras.metrics.SparseTopKCategoricalAccuracy if sparse else keras.metrics.TopKCategoricalAccuracy)(k=2)
        metric = lambda m: (m.update_state(y, outputs), m.result())[1]
        found = {"accuracy": value(accuracy.result), "topKAccuracy": value(lambda: metric(top)) if width > 2 else None}
        if not kind.startswith("classes"):
            found["mae"] = value(lambda: metric(keras.metrics.MeanAbsoluteError()))
            found["mse"] = value(lambda: metric(keras.metrics.MeanSquaredError()))
            flat = lambda: 1 - ((y - outputs) ** 2).sum() / ((y - y.mean(0)) ** 2).sum()
            found["r2"] = value(lambda: r2_score(y, outputs)) if width == 1 else value(flat)
        result["metrics"].setdefault(loss, {})[kind] = found
print(json.dumps(result, indent=1))
