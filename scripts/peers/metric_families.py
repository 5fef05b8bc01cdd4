"""Every metric on rows that count alike, that a mask leaves out, and that have weights, for test/metrics/metric-families.test.ts.

Run with numpy 2 and scikit-learn 1.9: python metric_families.py > test/fixtures/metric-families.json
"""
import json
import sys

import numpy as np
from sklearn.metrics import accuracy_score, mean_absolute_error, mean_squared_error, r2_score, top_k_accuracy_score

rng = np.random.default_rng(3)
n = 12
scores, classes = rng.normal(size=(n, 4)).round(2), rng.integers(0, 4, n)
numbers = (rng.normal(size=(n, 3)) * [1, 10, 0.1] + [0, 5, 1]).round(3)
predicted = (numbers + rng.normal(size=(n, 3)) * [0.4, 4, 0.05]).round(3)
bits = rng.integers(0, 2, (n, 3))
logits = (rng.normal(size=(n, 3)) + bits - 0.5).round(2)
custom = rng.uniform(size=n).round(2)
weights = rng.uniform(0.2, 2, n).round(2)
valid = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1])


def expected(w):
    return {
        "accuracy": accuracy_score(classes, scores.argmax(1), sample_weight=w),
        "accuracy of each output": accuracy_score(bits.ravel(), (logits > 0).ravel(), sample_weight=np.repeat(w, 3)),
        "topKAccuracy": top_k_accuracy_score(classes, scores, k=2, sample_weight=w, labels=range(4)),
        "mae": mean_absolute_error(numbers, predicted, sample_weight=w),
        "mse": mean_squared_error(numbers, predicted, sample_weight=w),
        "r2": r2_score(numbers, predicted, sample_weight=w, multioutput="variance_weighted"),
        "uniform r2": r2_score(numbers, predicted, sample_weight=w),
        "custom": np.average(custom, weights=w),
    }


rows = {"scores": scores, "classes": classes, "numbers": numbers, "predicted": predicted, "bits": bits, "logits": logits}
rows |= {"custom": custom, "weights": weights, "valid": valid}
modes = {"alike": np.ones(n), "masked": valid.astype(float), "weighted": weights * valid}
values = {mode: {name: float(value) for name, value in expected(w).items()} for mode, w in modes.items()}
json.dump({"rows": {name: value.tolist() for name, value in rows.items()}, "expected": values}, sys.stdout)
