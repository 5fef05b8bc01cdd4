"""Metrics of rankings of several wanted items, with ties, and among sampled candidates, for test/metrics/rankings.test.ts.

Run with numpy 2, scikit-learn 1.9.1, torchmetrics 1.9.0 and recommenders 1.2.1: python rankings.py > test/fixtures/rankings.json
No library averages over ties but scikit-learn's NDCG: the others are called on every order of equal items, and their mean is taken.
Samples are every set of candidates that there is.
"""
import itertools
import json
import sys

import numpy as np
import pandas as pd
import torch
from recommenders.evaluation.python_evaluation import map_at_k
from sklearn.metrics import ndcg_score
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_hit_rate,
    retrieval_reciprocal_rank,
)


def orders(scores):
    """Scores without ties, for every order of those that are equal."""
    levels = sorted(set(scores), reverse=True)
    for parts in itertools.product(*(itertools.permutations(np.flatnonzero(scores == level)) for level in levels)):
        strict = np.empty(len(scores))
        # Above 0: torchmetrics takes an item whose score is not for one that was not found.
        strict[list(itertools.chain(*parts))] = len(scores) - np.arange(len(scores))
        yield strict


def average_precision(scores, wanted, k):
    """recommenders: over min(k, wanted), as Spark has it."""
    truth = pd.DataFrame({"userID": 0, "itemID": np.flatnonzero(wanted), "rating": 1})
    guess = pd.DataFrame({"userID": 0, "itemID": range(len(scores)), "prediction": scores})
    return map_at_k(truth, guess, k=k)


def of_one(scores, wanted, k):
    if not wanted.any():
        # What scikit-learn and torchmetrics have by default.
        return {"ndcg": 0, "hitRate": 0, "mrr": 0, "map": 0}
    strict = list(orders(scores))
    t = lambda values: torch.tensor(np.ascontiguousarray(values, dtype=np.float64))
    target = torch.tensor(wanted.astype(bool))
    out = {
        "ndcg": ndcg_score([wanted], [scores], k=k) if len(scores) > 1 else 1.0,
        "hitRate": np.mean([float(retrieval_hit_rate(t(s), target, top_k=k)) for s in strict]),
        "mrr": np.mean([1 / (1 + np.argmax(wanted[np.argsort(-s)] > 0)) for s in strict]),
        "map": np.mean([average_precision(s, wanted, k) for s in strict]),
    }
    # A second opinion; torchmetrics' average precision at k divides by the hits, and so agrees over the whole catalogue alone.
    assert abs(out["mrr"] - np.mean([retrieval_reciprocal_rank(t(s), target) for s in strict])) < 1e-6
    if k == len(scores):
        assert abs(out["map"] - np.mean([retrieval_average_precision(t(s), target) for s in strict])) < 1e-6
    return out


def mean(all_of, weights):
    return {name: float(np.average([each[name] for each in all_of], weights=weights)) for name in all_of[0]}


cases = []
for seed in range(24):
    rng = np.random.default_rng(seed)
    items, n = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    scores = rng.normal(size=(n, items)).round(0 if seed % 2 else 3)
    wanted = (rng.random((n, items)) < 0.45).astype(int)
    weights = np.ones(n) if seed % 3 else rng.uniform(0.5, 2, n).round(2).astype(np.float32).astype(float)
    for k in {1, 2, items}:
        expected = mean([of_one(s, w, k) for s, w in zip(scores, wanted)], weights)
        cases.append({"k": k, "outputs": scores.tolist(), "targets": wanted.tolist(), "weights": weights.tolist(), "expected": expected})

sampled = []
for seed in range(8):
    rng = np.random.default_rng(100 + seed)
    items, n = int(rng.integers(4, 8)), 2
    candidates, k = int(rng.integers(1, items - 1)), int(rng.integers(1, 4))
    scores = rng.normal(size=(n, items)).round(0 if seed % 2 else 3)
    classes = rng.integers(0, items, n)
    each = []
    for s, c in zip(scores, classes):
        others = [i for i in range(items) if i != c]
        for some in itertools.combinations(others, candidates):
            of = np.array([c, *some])
            each.append(of_one(s[of], np.eye(len(of), dtype=int)[0], min(k, len(of))))
    sampled.append({"k": k, "candidates": candidates, "outputs": scores.tolist(), "classes": classes.tolist(), "expected": mean(each, None)})

json.dump({"labels": cases, "sampled": sampled}, sys.stdout)
