"""Metrics of large arrays: Lockstep on two threads against scikit-learn, in turns, each in a process of its own.

    python scripts/peers/metric_speed.py [PAIRS] [CASE ...]

needs Linux, a build (npm run build) and scikit-learn 1.9.1. Cases: `scores` is AUC, average precision and log loss of 5 million scores;
`labels` the confusion matrix and macro F1 of 5 million labels of 1,000 classes; `bootstrap` the paired bootstrap of two accuracies,
2,000 resamples of 100,000 examples. Arrays are in memory before the clock starts. Prints medians of the ratios.
"""
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

root = Path(__file__).resolve().parents[2]


def load(folder, *names):
    import numpy as np

    kinds = {"scores": np.float64}
    return [np.fromfile(Path(folder) / f"{name}.bin", kinds.get(name, np.int32)) for name in names]


def theirs(case, folder):
    import numpy as np
    from sklearn import metrics

    if case == "scores":
        truth, scores = load(folder, "truth", "scores")

        def run():
            return [metrics.roc_auc_score(truth, scores), metrics.average_precision_score(truth, scores), metrics.log_loss(truth, scores)]
    elif case == "labels":
        truth, guess = load(folder, "classes", "guesses")

        def run():
            table = metrics.confusion_matrix(truth, guess)
            return [metrics.f1_score(truth, guess, average="macro"), int(table[3, 3])]
    else:
        truth, first, second = load(folder, "few", "first", "second")

        def run():
            random, count = np.random.default_rng(0), len(truth)
            drawn = np.empty(2000)
            for i in range(2000):
                rows = random.integers(0, count, count)
                drawn[i] = metrics.accuracy_score(truth[rows], first[rows]) - metrics.accuracy_score(truth[rows], second[rows])
            return np.quantile(drawn, [0.025, 0.975]).tolist()
    started = time.perf_counter()
    found = run()
    seconds = time.perf_counter() - started
    # The peak of this program: what getrusage says may be that of the one that started it.
    peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]
    print(json.dumps([found, seconds, int(peak) / 1024]))


def write(folder):
    import numpy as np

    random, count = np.random.default_rng(1), 5_000_000
    truth = (random.random(count) < 0.3).astype(np.int32)
    arrays = {"truth": truth, "scores": 1 / (1 + np.exp(-(truth * 2 - 1 + random.normal(size=count) * 1.3)))}
    classes = random.integers(0, 1000, count, np.int32)
    arrays |= {"classes": classes, "guesses": np.where(random.random(count) < 0.7, classes, random.integers(0, 1000, count, np.int32))}
    few = (random.random(100_000) < 0.3).astype(np.int32)
    arrays["few"] = few
    for name, share in (("first", 0.82), ("second", 0.8)):
        arrays[name] = np.where(random.random(len(few)) < share, few, 1 - few).astype(np.int32)
    for name, values in arrays.items():
        values.tofile(Path(folder) / f"{name}.bin")


def measured(command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare(pairs, cases):
    with tempfile.TemporaryDirectory() as folder:
        write(folder)
        for case in cases:
            rounds = []
            for _ in range(pairs):
                ours = measured(["node", str(root / "dist/scripts/metric-speed.js"), case, folder])
                rounds.append((ours, measured([sys.executable, __file__, "--one", case, folder])))
            for ours, other in rounds:
                # Draws differ: intervals agree to a tenth of a percent of accuracy.
                near = 1e-3 if case == "bootstrap" else 1e-9
                assert all(abs(a - b) <= near for a, b in zip(ours[0], other[0])), (ours, other)
            speed = statistics.median(other[1] / ours[1] for ours, other in rounds)
            memory = statistics.median(ours[2] / other[2] for ours, other in rounds)
            seconds, peaks = [[statistics.median(each[who][i] for each in rounds) for who in (0, 1)] for i in (1, 2)]
            print(f"{case:10} {seconds[0]:7.2f} s against {seconds[1]:7.2f} s: {speed:5.1f} times as fast;"
                  f" {peaks[0]:5.0f} MB against {peaks[1]:5.0f} MB: {memory:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        theirs(*sys.argv[2:4])
    else:
        compare(int(sys.argv[1]) if len(sys.argv) > 1 else 7, sys.argv[2:] or ["scores", "labels", "bootstrap"])
