"""Temperatures, isotonic curves and thresholds of seeded cases, by scipy and scikit-learn: test/fixtures/decision-cases.json.

python scripts/peers/decisions.py > test/fixtures/decision-cases.json
"""
import json

import numpy as np
import scipy
import sklearn
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

rng = np.random.default_rng(17)


def labels(count, classes, weighted):
    truths = rng.integers(0, classes, count)
    weights = rng.integers(0, 4, count).astype(float) if weighted else None
    return truths, weights


def temperature(count, classes, weighted):
    truths, weights = labels(count, classes, weighted)
    logits = np.float32(rng.normal(size=(count, classes)) * 3 + 1.5 * np.eye(classes)[truths])
    z = logits.astype(float)
    w = np.ones(count) if weights is None else weights

    def nll(inverse):
        scaled = z * inverse
        return np.sum(w * (logsumexp(scaled, axis=1) - scaled[np.arange(count), truths]))

    best = minimize_scalar(nll, bounds=(1e-3, 20), method='bounded', options={'xatol': 1e-13, 'maxiter': 1000})
    return {
        'classes': classes, 'logits': logits.ravel().tolist(), 'truths': truths.tolist(),
        'weights': None if weights is None else weights.tolist(), 'least': nll(best.x),
        'temperature': 1 / best.x, 'probabilities': softmax(z * best.x, axis=1)[:5].ravel().tolist(),
    }


def isotonic(count, levels, weighted):
    truths, weights = labels(count, 2, weighted)
    scores = np.clip(rng.normal(0.3 + 0.3 * truths, 0.3), 0, 1)
    if levels:
        scores = np.round(scores * levels) / levels
    fitted = IsotonicRegression(out_of_bounds='clip').fit(scores, truths, sample_weight=weights)
    asked = np.concatenate([rng.random(20), [0.0, 1.0], scores[:5]])
    return {
        'scores': scores.tolist(), 'truths': truths.tolist(), 'weights': None if weights is None else weights.tolist(),
        'asked': asked.tolist(), 'expected': fitted.predict(asked).tolist(),
    }


def threshold(count, levels, weighted):
    truths, weights = labels(count, 2, weighted)
    scores = np.round(np.clip(rng.normal(0.35 + 0.25 * truths, 0.25), 0, 1) * levels) / levels
    kept = scores if weights is None else scores[weights > 0]
    ends = np.concatenate([[-1], np.unique(kept), [2]])
    # Between any two neighbours all thresholds predict the same.
    tried = (ends[1:] + ends[:-1]) / 2
    arguments = {'sample_weight': weights}

    def best(value):
        values = [value(truths, (scores > each).astype(int)) for each in tried]
        return max(values)

    def cost(truth, predicted):
        [[_, false_positive], [false_negative, _]] = metrics.confusion_matrix(truth, predicted, labels=[0, 1], **arguments)
        return -(false_positive + 5 * false_negative) / (count if weights is None else weights.sum())

    def given(of, least):
        def value(truth, predicted):
            precision = metrics.precision_score(truth, predicted, zero_division=0, **arguments)
            recall = metrics.recall_score(truth, predicted, **arguments)
            first, second = (recall, precision) if of == 'recall' else (precision, recall)
            return first if second >= least else -1
        return value

    rules = {
        'f1': lambda t, p: metrics.f1_score(t, p, **arguments),
        'accuracy': lambda t, p: metrics.accuracy_score(t, p, **arguments),
        'balancedAccuracy': lambda t, p: metrics.balanced_accuracy_score(t, p, **arguments),
        'youden': lambda t, p: metrics.balanced_accuracy_score(t, p, adjusted=True, **arguments),
        'mcc': lambda t, p: metrics.matthews_corrcoef(t, p, **arguments),
        'cost': cost, 'recall': given('recall', 0.7), 'precision': given('precision', 0.6),
    }
    expected = {name: best(value) for name, value in rules.items()}
    expected['cost'] *= -1
    return {
        'scores': scores.tolist(), 'truths': truths.tolist(), 'weights': None if weights is None else weights.tolist(),
        'expected': expected,
    }


cases = {
    'versions': {'scikit-learn': sklearn.__version__, 'scipy': scipy.__version__},
    'temperatures': [temperature(40 + 10 * i, 2 + i % 4, i % 2 == 1) for i in range(8)],
    'isotonics': [isotonic(30 + 10 * i, [0, 10, 5][i % 3], i % 2 == 1) for i in range(9)],
    'thresholds': [threshold(30 + 10 * i, [10, 40, 1000][i % 3], i % 2 == 1) for i in range(9)],
}
print(json.dumps(cases))
