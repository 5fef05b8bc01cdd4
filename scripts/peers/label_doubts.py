"""Labels in doubt by cleanlab, of seeded probabilities: python scripts/peers/label_doubts.py > test/fixtures/label-doubts.json"""
import json
from importlib.metadata import version

import numpy as np
from cleanlab.filter import find_label_issues

cases = []
for seed in range(6):
    rng = np.random.default_rng(seed)
    classes = [2, 3, 5][seed % 3]
    truth = rng.integers(0, classes, 90)
    labels = truth.copy()
    noisy = rng.random(len(truth)) < 0.15
    labels[noisy] = rng.integers(0, classes, noisy.sum())
    logits = rng.normal(size=(len(truth), classes)) + 2 * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities = np.round(probabilities, 3)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = find_label_issues(
        labels, probabilities, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    cases.append(
        {
            "labels": labels.tolist(),
            "probabilities": np.round(probabilities, 6).tolist(),
            "found": sorted(int(i) for i in found),
        }
    )
print(json.dumps({"by": f"cleanlab {version('cleanlab')}", "cases": cases}, separators=(",", ":")))
