#!/usr/bin/env bash
# tokenizers 0.23.3: ByteLevelBPETokenizer learns other merges from a file than from the same text in memory. train(files) hands the trainer one
# line at a time, so that no token can hold what comes after a line break: blank lines and the indentation of code never become one token.
# train_from_iterator([text]) learns them. Both encode whole texts alike, so that the one of the file needs more tokens for the text it learned from.
# Needs Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet tokenizers==0.23.3
cat > seen.py <<'P'
import json
import sys

import tokenizers

text = "def one():\n    return 1\n\n\ndef two():\n    return 2\n\n\n" * 20
with open("text.txt", "w", newline="") as file:
    file.write(text)


def trained(how):
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    how(tokenizer, vocab_size=300, show_progress=False)
    return tokenizer, [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


of_file, from_file = trained(lambda t, **o: t.train(["text.txt"], **o))
of_text, from_text = trained(lambda t, **o: t.train_from_iterator([text], **o))
_, from_lines = trained(lambda t, **o: t.train_from_iterator(text.splitlines(keepends=True), **o))


def beyond(merges):
    """Tokens with something behind a line break, which is U+010A in the alphabet of bytes."""
    return ["".join(pair) for pair in merges if "\u010a" in "".join(pair)[:-1]]


few, many = len(of_text.encode(text).ids), len(of_file.encode(text).ids)
print(f"tokenizers {tokenizers.__version__}, of the same text, with a vocabulary of 300:")
print(f"  train([file]):               {len(from_file)} merges, with something behind a line break: {beyond(from_file)}; the text is {many} tokens")
print(f"  train_from_iterator([text]): {len(from_text)} merges, with something behind a line break: {beyond(from_text)}; the text is {few} tokens")
print(f"  train_from_iterator(lines):  as from the file: {from_lines == from_file}")
sys.exit(0 if not beyond(from_file) and beyond(from_text) and from_lines == from_file and few < many else 1)
P
venv/bin/python seen.py
