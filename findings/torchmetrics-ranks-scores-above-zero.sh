#!/usr/bin/env bash
# torchmetrics 1.9.0: retrieval_average_precision, _reciprocal_rank, _precision and _recall take an item whose score is 0 or less for one that was not
# found, though it stands among the first; retrieval_normalized_dcg, _hit_rate and _r_precision rank it like any other. Logits, or distances with a
# minus before them, are such scores: the same order, lower by a constant, gives other numbers in four metrics and the same ones in three.
# Needs Python 3.11 or later with venv. On Linux torch brings CUDA along: some 5 GB, installed. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchmetrics==1.9.0 numpy==2.4.6
cat > seen.py <<'P'
import sys

import torch
import torchmetrics
from torchmetrics.functional import retrieval

scores, wanted = torch.tensor([3.0, 2.0, 1.0]), torch.tensor([False, True, True])
by_sign, by_order = ["average_precision", "reciprocal_rank", "precision", "recall"], ["normalized_dcg", "hit_rate", "r_precision"]
print(f"torchmetrics {torchmetrics.__version__}: three items, the second and the third are wanted")
seen = {}
for name in by_sign + by_order:
    score = getattr(retrieval, f"retrieval_{name}")
    high, low = (float(score(scores - off, wanted)) for off in (0, 4))
    seen[name] = (high, low)
    print(f"  {name}: {high:.4f} of scores 3, 2, 1; {low:.4f} of scores -1, -2, -3")
as_said = all(seen[name][0] > 0 and seen[name][1] == 0 for name in by_sign) and all(seen[name][0] == seen[name][1] for name in by_order)
sys.exit(0 if as_said else 1)
P
venv/bin/python seen.py
