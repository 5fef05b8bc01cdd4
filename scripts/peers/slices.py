"""Metrics of slices as pandas and scikit-learn give them, for test/evaluate/slices.slow.test.ts.

Run with pandas 3.1 and scikit-learn 1.9: python slices.py > test/fixtures/slices.json
The table is scikit-learn's iris, the model its logistic regression on the sepals, out of fold; slices are by a text with gaps, by
quantile bins, by edges, and by two columns at once. Bins are [low, high), the last one closed.
"""

import json
import sys

import numpy as np
import pandas as pd
import sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import cross_val_predict

iris = load_iris(as_frame=True)
outputs = cross_val_predict(
    LogisticRegression(), iris.data.iloc[:, :2], iris.target, cv=5, method="predict_proba"
).astype(np.float32)
random = np.random.default_rng(0)
site = random.choice(["north", "south", None], len(outputs), p=[0.5, 0.4, 0.1])
table = pd.DataFrame({"y": iris.target, "length": iris.data["petal length (cm)"], "site": site})
table["predicted"] = outputs.argmax(1)
table["site"] = table["site"].fillna("(missing)")


def binned(edges):
    return pd.cut(table["length"], edges, right=False)


quantiles = np.quantile(table["length"], [0, 0.25, 0.5, 0.75, 1])
closed = [*quantiles[:-1], np.inf]
table["quarter"] = binned(closed).cat.codes
table["edge"] = binned([-np.inf, 2, 5, np.inf]).cat.codes


def metrics(rows):
    y, predicted = rows["y"], rows["predicted"]
    return {
        "examples": len(rows),
        "accuracy": accuracy_score(y, predicted),
        "f1Macro": f1_score(y, predicted, average="macro", zero_division=0),
    }


def by(columns):
    groups = table.groupby(columns, observed=True)
    return [{"key": [str(part) for part in key], **metrics(rows)} for key, rows in groups]


json.dump(
    {
        "versions": {"scikit-learn": sklearn.__version__, "pandas": pd.__version__, "numpy": np.__version__},
        "outputs": [[float(f"{value:.9g}") for value in row] for row in outputs],
        "targets": [int(value) for value in iris.target],
        "length": [float(value) for value in table["length"]],
        "site": [None if value == "(missing)" else value for value in table["site"]],
        "quantiles": [float(value) for value in quantiles],
        "expected": {
            "site": by(["site"]),
            "quarter": by(["quarter"]),
            "edge": by(["edge"]),
            "site, edge": by(["site", "edge"]),
        },
    },
    sys.stdout,
)
print()
