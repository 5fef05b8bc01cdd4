#!/usr/bin/env bash
# sacrebleu 2.6.0 finds that a system differs significantly from a copy of itself: of two files with the same bytes both paired tests, bootstrap and
# approximate randomization, give p = 1 / (trials + 1), 0.001 for 1000 trials, marked as significant. The tests count trials that differ by more
# than was seen, and none differs by more than 0.
# Needs Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet sacrebleu==2.6.0 numpy==2.4.6
printf 'the cat sat on the mat\na dog ran over the hill\nthere were two birds in it\n' > references.txt
printf 'the cat sat in the mat\na dog ran over the hill\nthere were birds in it\n' > system.txt
cp system.txt copy.txt
for kind in bs ar; do
  venv/bin/sacrebleu references.txt -i system.txt copy.txt -m bleu -f json "--paired-$kind" "--paired-$kind-n" 1000 2>/dev/null > "$kind.json"
done
cat > told.py <<'P'
import json
import sys

import sacrebleu

found = {}
for kind in "bs", "ar":
    system, copy = [each["BLEU"] for each in json.load(open(f"{kind}.json"))]
    found[kind] = copy["p_value"]
    print(f"sacrebleu {sacrebleu.__version__}, --paired-{kind}: {system['score']} and {copy['score']}, p = {copy['p_value']}")
sys.exit(0 if all(p == 1 / 1001 for p in found.values()) else 1)
P
venv/bin/python told.py
