"""Metrics of runs on five tables of scikit-learn against those that scikit-learn computes from `predict --csv` of the same split.

    python scripts/peers/table_runs.py [FOLDER]

needs a build (npm run build) and scikit-learn 1.9.1. Prints the largest difference of each table, of values above 1 as a share of
them, and ends with 1 where one is above 1e-6: outputs are float32.
"""
import csv
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn import datasets, metrics

root = Path(__file__).resolve().parents[2]
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
folder.mkdir(parents=True, exist_ok=True)


def lockstep(*arguments):
    done = subprocess.run(["node", root / "dist/cli/main.js", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def table(name, load):
    data = load()
    names = [str(each).replace(" ", "_") for each in data.feature_names]
    parts = np.resize(["train", "train", "train", "validation", "test"], len(data.target))
    rows = list(zip(data.data.tolist(), data.target.tolist(), parts.tolist()))
    for part in ("train", "validation", "test"):
        with open(folder / f"{name}-{part}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*names, "target"])
            writer.writerows([*x, y] for x, y, own in rows if own == part)
    return len(set(data.target.tolist()))


def config(name, classes):
    asked = {
        0: ["mae", "mse", "rmse", "r2", "medianAbsoluteError", "explainedVariance", "maxError"],
        2: ["accuracy", "balancedAccuracy", "mcc", "cohenKappa", "precision", "recall", "f1", "auc", "averagePrecision", "logLoss", "brier"],
    }.get(classes, [
        "accuracy", "balancedAccuracy", "mcc", "cohenKappa", "logLoss",
        *[{each: {"average": "macro"}} for each in ("precision", "recall", "f1", "auc", "averagePrecision")],
        {"auc": {"average": "macro", "of": "oneVsOne"}}, {"topKAccuracy": {"k": 2}},
    ])
    output = {"dense": {"units": 1}} if classes == 0 else {"dense": {"units": "classes"}}
    file = folder / f"{name}.yaml"
    # JSON is YAML.
    file.write_text(json.dumps({
        "data": {
            "source": "csv", "file": str(folder / f"{name}-train.csv"), "target": "target",
            "validation": str(folder / f"{name}-validation.csv"), "test": str(folder / f"{name}-test.csv"),
            **({"standardizeTargets": True, "targetType": "number"} if classes == 0 else {"targetType": "class"}),
        },
        "model": {"layers": [{"dense": {"units": 16, "activation": "relu"}}, output]},
        "loss": "meanSquaredError" if classes == 0 else "sparseCategoricalCrossentropy",
        "metrics": asked, "optimizer": {"adam": {"learningRate": 0.01}}, "training": {"epochs": 8, "batchSize": 16},
    }))
    return file


def expected(classes, rows):
    truth = np.array([float(row["target"]) for row in rows])
    if classes == 0:
        guess = np.array([float(row["predicted_target"]) for row in rows])
        return {
            "mae": metrics.mean_absolute_error(truth, guess), "mse": metrics.mean_squared_error(truth, guess),
            "rmse": metrics.root_mean_squared_error(truth, guess), "r2": metrics.r2_score(truth, guess),
            "medianAbsoluteError": metrics.median_absolute_error(truth, guess),
            "explainedVariance": metrics.explained_variance_score(truth, guess), "maxError": metrics.max_error(truth, guess),
        }
    truth = truth.astype(int)
    shares = np.array([[float(row[f"probability_{i}"]) for i in range(classes)] for row in rows])
    guess = shares.argmax(1)
    sums = shares / shares.sum(1, keepdims=True)
    found = {
        "accuracy": metrics.accuracy_score(truth, guess), "balancedAccuracy": metrics.balanced_accuracy_score(truth, guess),
        "mcc": metrics.matthews_corrcoef(truth, guess), "cohenKappa": metrics.cohen_kappa_score(truth, guess),
        "logLoss": metrics.log_loss(truth, sums, labels=range(classes)),
    }
    if classes == 2:
        return found | {
            "precision": metrics.precision_score(truth, guess), "recall": metrics.recall_score(truth, guess), "f1": metrics.f1_score(truth, guess),
            "auc": metrics.roc_auc_score(truth, shares[:, 1]), "averagePrecision": metrics.average_precision_score(truth, shares[:, 1]),
            "brier": metrics.brier_score_loss(truth, shares[:, 1]),
        }
    macro = {"average": "macro", "zero_division": 0}
    return found | {
        "precisionMacro": metrics.precision_score(truth, guess, **macro), "recallMacro": metrics.recall_score(truth, guess, **macro),
        "f1Macro": metrics.f1_score(truth, guess, **macro),
        "aucMacro": metrics.roc_auc_score(truth, sums, multi_class="ovr", average="macro"),
        "averagePrecisionMacro": metrics.average_precision_score(np.eye(classes)[truth], shares, average="macro"),
        "aucOneVsOneMacro": metrics.roc_auc_score(truth, sums, multi_class="ovo", average="macro"),
        "topKAccuracy": metrics.top_k_accuracy_score(truth, shares, k=2),
    }


worst = 0.0
for name in ("breast_cancer", "wine", "diabetes", "digits", "iris"):
    classes = table(name, getattr(datasets, f"load_{name}"))
    if name == "diabetes":
        classes = 0
    lockstep("train", config(name, classes), "--out", folder / "runs", "--json")
    run = folder / "runs" / f"{name}-1"
    ours = json.loads(lockstep("evaluate", run, "--json", "--set", "evaluation.resamples=0").splitlines()[-1])["metrics"]
    printed = lockstep("predict", run, folder / f"{name}-test.csv", "--csv", "--keep", "target")
    rows = list(csv.DictReader(io.StringIO(printed)))
    theirs = expected(classes, rows)
    missing = set(ours) - {"loss"} ^ set(theirs)
    difference = max(abs(ours[each] - value) / max(1, abs(value)) for each, value in theirs.items())
    worst = max(worst, difference)
    print(f"{name:14} {len(rows):4} examples, {len(theirs):2} metrics, largest difference {difference:.1e}", missing or "")
    if missing:
        sys.exit(1)
sys.exit(worst > 1e-6)
