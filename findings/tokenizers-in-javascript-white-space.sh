#!/usr/bin/env bash
# @huggingface/tokenizers 0.2.0 (JavaScript) reads some texts as other tokens than tokenizers 0.23.3 (Python) does with the same byte-level
# tokenizer.json. Its pattern of words says \s, which in JavaScript has U+FEFF (the byte order mark) and lacks U+0085 (next line); in Python's
# library it is the other way round, as in Unicode. Decoded, both are the same text, so that nothing shows it but the ids.
# Needs Node, npm, and Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet tokenizers==0.23.3
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/tokenizers@0.2.0
cat > seen.py <<'P'
import json

from tokenizers import ByteLevelBPETokenizer

# Two files with byte order marks, one behind the other; and a next line.
texts = ["One line.\ufeffThe next.", "One line.\u0085The next.", "One line. The next."]
tokenizer = ByteLevelBPETokenizer()
tokenizer.train_from_iterator(texts * 20, vocab_size=400, show_progress=False)
tokenizer.save("tokenizer.json")
words = lambda text: [word for word, _ in tokenizer._tokenizer.pre_tokenizer.pre_tokenize_str(text)]
with open("python.json", "w") as file:
    json.dump([{"text": text, "words": words(text), "ids": tokenizer.encode(text).ids} for text in texts], file)
P
venv/bin/python seen.py
cat > seen.mjs <<'J'
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const tokenizer = new Tokenizer(read('tokenizer.json'), {});
const seen = read('python.json').map(({ text, words, ids }) => {
  const ours = { words: tokenizer.pre_tokenizer.pre_tokenize_text(text, {}), ids: tokenizer.encode(text).ids };
  console.log(JSON.stringify(text).replace(/[\u0085\ufeff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`));
  console.log(`  Python 0.23.3:    ${words.join(' | ')}    ${ids}`);
  console.log(`  JavaScript 0.2.0: ${ours.words.join(' | ')}    ${ours.ids}`);
  const decoded = tokenizer.decode(ours.ids) === text && tokenizer.decode(ids) === text;
  return [`${ours.words}` === `${words}`, `${ours.ids}` === `${ids}`, decoded].join();
});
// The mark: other words and other ids. The next line: other words. Plain spaces: the same. Decoded, all are the text.
process.exit(seen.join(' ') === 'false,false,true false,true,true true,true,true' ? 0 : 1);
J
node seen.mjs
