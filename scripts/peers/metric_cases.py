"""Metrics of 200 seeded random cases by scikit-learn, for test/metrics/metric-cases.slow.test.ts: classes, two classes, labels and
numbers, with ties, classes that are absent or alone, weights, and places that do not count.

Run with numpy 2 and scikit-learn 1.9: python metric_cases.py > test/fixtures/metric-cases.json
Values are 32-bit numbers, so that both sides compute from the same ones, in 64 bits.
"""
import json
import sys
import warnings

import numpy as np
from sklearn import metrics as m

warnings.simplefilter("ignore")


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def numbers(values):
    return np.asarray(values, dtype=np.float32)


def one_class(y, p, outputs, guess, k, w):
    """Of classes of which one is true. p: [n, k] in 64 bits."""
    labels = range(k)
    average = {} if k == 2 else {"average": "macro"}
    out = {}
    for name, score in ("precision", m.precision_score), ("recall", m.recall_score), ("f1", m.f1_score), ("iou", m.jaccard_score):
        if k == 2:
            out[name] = score(y, guess, labels=[0, 1], sample_weight=w)
        for each in "macro", "micro", "weighted":
            out[name + each.capitalize()] = score(y, guess, average=each, sample_weight=w)
    out["f2Macro"] = m.fbeta_score(y, guess, beta=2, average="macro", sample_weight=w)
    out["f0.5Weighted"] = m.fbeta_score(y, guess, beta=0.5, average="weighted", sample_weight=w)
    out["balancedAccuracy"] = m.balanced_accuracy_score(y, guess, sample_weight=w)
    out["mcc"] = m.matthews_corrcoef(y, guess, sample_weight=w)
    for name, weights in ("cohenKappa", None), ("cohenKappaLinear", "linear"), ("cohenKappaQuadratic", "quadratic"):
        out[name] = m.cohen_kappa_score(y, guess, labels=labels, weights=weights, sample_weight=w)
    out["confusionMatrix"] = m.confusion_matrix(y, guess, labels=labels, sample_weight=w)
    each = [score(y, guess, labels=labels, average=None, sample_weight=w) for score in (m.precision_score, m.recall_score, m.f1_score, m.jaccard_score)]
    out["perClass"] = np.stack([*each, np.bincount(y, weights=w, minlength=k)], 1)
    out["logLoss"] = m.log_loss(y, p, labels=labels, sample_weight=w)
    out |= discrimination(y, p, outputs, k, w)
    out["perplexity"] = np.exp(out["logLoss"])
    out["bitsPerPlace"] = out["logLoss"] / np.log(2)
    out["brier"] = m.brier_score_loss(y, p if k > 2 else p[:, 1], labels=labels, sample_weight=w)
    confidence, right = (p[:, 1], y == 1) if k == 2 else (p.max(1), y == p.argmax(1))
    # The bins of sklearn.calibration.calibration_curve.
    for bins in 4, 15:
        at = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
        of = lambda v: np.bincount(at, weights=v * w, minlength=bins)
        out[f"calibrationError {bins}"] = np.abs(of(confidence) - of(right)).sum() / w.sum()
    return out


def discrimination(y, p, outputs, k, w):
    """Areas: of two classes by the output, of several by probabilities."""
    out = {}
    if k == 2:
        out["auc"] = m.roc_auc_score(y, outputs[:, 0], sample_weight=w, labels=[0, 1])
        out["averagePrecision"] = m.average_precision_score(y, outputs[:, 0], sample_weight=w)
        return out
    hot = np.eye(k)[y]
    for average in "macro", "weighted":
        out["auc" + average.capitalize()] = m.roc_auc_score(hot, p, average=average, sample_weight=w)
        out["averagePrecision" + average.capitalize()] = m.average_precision_score(hot, p, average=average, sample_weight=w)
        if (w == 1).all() and len(set(y)) > 1:
            out["aucOneVsOne" + average.capitalize()] = m.roc_auc_score(y, p, labels=range(k), multi_class="ovo", average=average)
    return out


def ranking(y, outputs, w):
    relevance = np.eye(outputs.shape[1])[y]
    return {f"ndcg@{k}": m.ndcg_score(relevance, outputs, k=k, sample_weight=w) for k in (1, 3, 10)}


def labels_case(y, outputs, w):
    guess = (outputs > 0).astype(int)
    out = {}
    for name, score in ("precision", m.precision_score), ("recall", m.recall_score), ("f1", m.f1_score), ("iou", m.jaccard_score):
        for each in "macro", "micro", "weighted":
            out[name + each.capitalize()] = score(y, guess, average=each, sample_weight=w)
    for average in "macro", "weighted":
        out["auc" + average.capitalize()] = m.roc_auc_score(y, outputs, average=average, sample_weight=w)
        out["averagePrecision" + average.capitalize()] = m.average_precision_score(y, outputs, average=average, sample_weight=w)
    p = 1 / (1 + np.exp(-outputs.astype(np.float64)))
    out["logLoss"] = np.mean([m.log_loss(y[:, i], np.stack([1 - p[:, i], p[:, i]], 1), labels=[0, 1], sample_weight=w) for i in range(y.shape[1])])
    out["brier"] = np.mean([m.brier_score_loss(y[:, i], p[:, i], labels=[0, 1], sample_weight=w) for i in range(y.shape[1])])
    return out


def numbers_case(y, guess, w):
    out = {
        "rmse": m.root_mean_squared_error(y, guess, sample_weight=w),
        "mape": m.mean_absolute_percentage_error(y, guess, sample_weight=w),
        "pinball@0.9": m.mean_pinball_loss(y, guess, alpha=0.9, sample_weight=w),
        "explainedVariance": m.explained_variance_score(y, guess, sample_weight=w),
        "medianAbsoluteError": m.median_absolute_error(y, guess, sample_weight=w),
        "maxError": np.abs(y - guess)[w > 0].max(),
    }
    whole = np.abs(y) + np.abs(guess)
    out["smape"] = np.average(np.divide(2 * np.abs(y - guess), whole, out=np.zeros_like(whole), where=whole > 0).mean(1), weights=w)
    return out


def plain(value):
    value = np.asarray(value, dtype=np.float64)
    return value.tolist() if value.ndim else (None if np.isnan(value) else float(value))


cases = []
for seed in range(200):
    rng = np.random.default_rng(seed)
    kind = ["classes", "two classes", "labels", "numbers"][seed % 4]
    n = int(rng.integers(1, 40))
    weights = [np.ones(n), rng.integers(0, 2, n).astype(float), rng.uniform(0.1, 3, n)][seed // 4 % 3]
    weights = numbers(weights).astype(np.float64)
    if weights.sum() == 0:
        weights[:] = 1
    mode = ["alike", "masked", "weighted"][seed // 4 % 3]
    tied = rng.random() < 0.5
    there = weights > 0
    if kind == "labels":
        k = int(rng.integers(2, 5))
        targets = rng.integers(0, 2, (n, k)) * (rng.random(k) < 0.8)
        outputs = numbers(rng.normal(size=(n, k)).round(0 if tied else 6))
        got = labels_case(targets[there], outputs[there], weights[there])
    elif kind == "numbers":
        k = int(rng.integers(1, 4))
        targets = numbers((rng.normal(size=(n, k)) * [1, 100, 0.01][:k]).round(0 if tied else 6))
        if rng.random() < 0.2:
            targets[:, 0] = targets[0, 0]
        outputs = numbers(targets + rng.normal(size=(n, k)).round(0 if tied else 6))
        wide = [numbers(x).astype(np.float64)[there] for x in (targets, outputs)]
        got = numbers_case(*wide, weights[there])
    else:
        k = 2 if kind == "two classes" else int(rng.integers(3, 7))
        some = rng.choice(k, size=int(rng.integers(1, k + 1)), replace=False)
        targets = rng.choice(some, size=n)
        width = 1 if k == 2 else k
        outputs = numbers(rng.normal(size=(n, width)).round(0 if tied else 6) * 2)
        wide = outputs.astype(np.float64)
        if k == 2:
            p = np.concatenate([1 / (1 + np.exp(wide)), 1 / (1 + np.exp(-wide))], 1)
            guess = (outputs[:, 0] > 0).astype(int)
        else:
            p, guess = softmax(wide), outputs.argmax(1)
        got = one_class(targets[there], p[there], wide[there], guess[there], k, weights[there])
        if k > 2:
            got |= ranking(targets[there], wide[there], weights[there])
    cases.append(
        {
            "kind": kind,
            "mode": mode,
            "outputs": outputs.astype(np.float64).tolist(),
            "targets": np.asarray(targets, dtype=np.float64).tolist(),
            "weights": weights.tolist(),
            "expected": {name: plain(value) for name, value in got.items()},
        }
    )
json.dump(cases, sys.stdout)
