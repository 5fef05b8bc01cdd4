#!/usr/bin/env bash
# scikit-learn 1.9.1 has three answers to one question: the AUC of three classes of which one is nowhere the truth. With average "macro"
# roc_auc_score gives NaN, with "weighted" a number in which the class weighs nothing, and one against one a number as if the class
# were not there, for the same scores.
# Needs Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet scikit-learn==1.9.1 numpy==2.4.6
cat > absent.py <<'P'
import sys
import warnings

import sklearn
from sklearn.metrics import roc_auc_score

warnings.simplefilter("ignore")
truth = [0, 1, 0]
scores = [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]]
asked = [("ovr", "macro"), ("ovr", "weighted"), ("ovo", "macro")]
found = [roc_auc_score(truth, scores, labels=[0, 1, 2], multi_class=way, average=average) for way, average in asked]
for (way, average), value in zip(asked, found):
    print(f"scikit-learn {sklearn.__version__}, {way} {average}: {value}")
sys.exit(0 if found[0] != found[0] and found[1:] == [1.0, 1.0] else 1)
P
venv/bin/python absent.py
