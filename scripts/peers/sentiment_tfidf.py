"""TF-IDF and logistic regression of scikit-learn on the texts of sentiment_data.py, beside what Lockstep predicted.

usage: sentiment_tfidf.py FOLDER en|zh [PREDICTIONS]

Words alone and in pairs for English, one to three characters for Chinese; C is the best of seven on the validation split. Prints the
accuracy on the test split with a 95 % interval (Wilson). PREDICTIONS is what `lockstep predict RUN FOLDER/en-test.csv --json` prints: then
also the difference with its 95 % interval, by 2,000 bootstraps of the same examples for both (percentiles).
"""

import csv
import json
import math
import sys

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def read(folder, language, part):
    with open(f"{folder}/{language}-{part}.csv", encoding="utf8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([row["sentiment"] for row in rows])


def wilson(right):
    n, p, z = len(right), right.mean(), 1.959964
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{p:.4f} ({middle - half:.4f} to {middle + half:.4f})"


def predicted(file):
    with open(file, encoding="utf8") as lines:
        return np.array([json.loads(line)["targets"]["mood"]["class"] for line in lines])


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in ("en", "zh"):
        sys.exit(__doc__)
    folder, language, *predictions = sys.argv[1:]
    grams = {"ngram_range": (1, 2)} if language == "en" else {"analyzer": "char", "ngram_range": (1, 3)}
    vectorizer = TfidfVectorizer(**grams)
    (texts, classes), validation, test = (read(folder, language, part) for part in ("training", "validation", "test"))
    features = vectorizer.fit_transform(texts)
    best = None
    for strength in (0.5, 1, 2, 4, 8, 16, 32):
        model = LogisticRegression(C=strength, max_iter=1000).fit(features, classes)
        score = model.score(vectorizer.transform(validation[0]), validation[1])
        print(f"C {strength}: validation {score:.4f}", flush=True)
        if best is None or score > best[0]:
            best = (score, strength, model)
    right = best[2].predict(vectorizer.transform(test[0])) == test[1]
    print(f"TF-IDF, C {best[1]}: test {wilson(right)}")
    if predictions:
        own = predicted(predictions[0]) == test[1]
        drawn = np.random.default_rng(0).integers(len(own), size=(2000, len(own)))
        differences = (own.astype(float) - right)[drawn].mean(axis=1)
        low, high = np.percentile(differences, [2.5, 97.5])
        print(f"Lockstep: test {wilson(own)}; {own.mean() - right.mean():+.4f} ({low:+.4f} to {high:+.4f})")


main()
