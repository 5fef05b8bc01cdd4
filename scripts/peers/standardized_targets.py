"""Targets of a training split standardized in float64, and the metrics of a fixed model, for test/data/standardized-targets.slow.test.ts.

Run with numpy 2 and scikit-learn 1.9: python standardized_targets.py > test/fixtures/standardized-targets.json
"""
import json
import sys

import numpy as np
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(7)
n, training = 30, 20
# What the model gives: its features, which are 32-bit numbers.
x = rng.normal(size=(n, 2)).round(3).astype("f4").astype("f8")
noise = rng.normal(size=(n, 2)) * 0.3
# Times some minutes apart, and small numbers.
y = np.stack([1_700_000_000 + ((x + noise)[:, 0] * 300).round(2), ((x + noise)[:, 1] * 0.004 + 0.02).round(6)], 1)
scaler = StandardScaler().fit(y[:training])
predicted = x * scaler.scale_ + scaler.mean_
held, given = y[training:], predicted[training:]
standardized = scaler.transform(y)
json.dump(
    {
        "training": training,
        "features": x.tolist(),
        "targets": y.tolist(),
        "mean": scaler.mean_.tolist(),
        "deviation": scaler.scale_.tolist(),
        "standardized": standardized.tolist(),
        "predicted": given.tolist(),
        # Lockstep's r2 is the pooled one: of all errors and deviations together.
        "metrics": {
            "loss": ((x - standardized)[training:] ** 2).mean(),
            "mae": mean_absolute_error(held, given),
            "mse": mean_squared_error(held, given),
            "r2": r2_score(held, given, multioutput="variance_weighted"),
        },
        "uniform": r2_score(held, given, multioutput="uniform_average"),
        # Of one target by itself.
        "first": {"r2": r2_score(held[:, 0], given[:, 0]), "mae": mean_absolute_error(held[:, 0], given[:, 0])},
    },
    sys.stdout,
)
