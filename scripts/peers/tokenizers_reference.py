"""Tokenizers as Hugging Face's library trains, saves and applies them, for test/data/tokenizers.test.ts.

Run with tokenizers 0.23.3: python tokenizers_reference.py > test/fixtures/tokenizers.json
The text is made of syllables, of which some are frequent, with signs, digits, several scripts and white space of all kinds. Each
trainer gets it as one sequence (`train_from_iterator([text])`): from a file, the library would read it line by line, and no word would
hold two line breaks.
"""

import json
import random
import sys

import tokenizers
from tokenizers import ByteLevelBPETokenizer, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

random.seed(7)
SYLLABLES = "ka ro mi sen tal ou é ñu 日本 中文 語 при вет aa b ss tion the an d".split(" ")
ENDS = [" "] * 12 + [", ", ". ", "\n", "\n\n", "\r\n", "  ", "\t", " 12", "'s ", "'ll ", "! ", " \n ", "\u00a0", " 😀 "]


def word():
    count = random.choice([1, 2, 2, 3])
    return "".join(SYLLABLES[int(random.paretovariate(0.6)) % len(SYLLABLES)] for _ in range(count))


text = "".join(word() + random.choice(ENDS) for _ in range(2500)) + "aaaaaaa aaaa aaaaa abababab bababa " * 3
PROBES = [
    "",
    " ",
    "the tional",
    "  the\n\n an  \n",
    "we'll 's 'S 'tis don't",
    "x1½²Ⅷ٣ 12",
    "日本語中文 привет",
    "a\u0301e 👍🏽👨‍👩‍👧",
    "\ufeffthe \ufeff\ufeff1 \u0085\u0085a\u2003\u3000b\u200b",
    "\r\n\r\n the\t\tan",
    "aaaaaaaaaaa",
    "unseen: Ωμέγα, कखग!",
    "a<|endoftext|>the an<|endoftext|>",
    text[:400],
]


def trained(name, tokenizer, **settings):
    tokenizer.train_from_iterator([text], **settings)
    return saved(name, tokenizer)


def saved(name, tokenizer):
    file = json.loads(tokenizer.to_str())
    ids = [tokenizer.encode(probe, add_special_tokens=False).ids for probe in PROBES]
    return {
        "name": name,
        "file": file,
        "ids": ids,
        "decoded": [tokenizer.decode(each, skip_special_tokens=False) for each in ids],
    }


def byte_level(name, vocabulary, frequency, special=()):
    settings = {"vocab_size": vocabulary, "min_frequency": frequency, "special_tokens": list(special), "show_progress": False}
    found = trained(name, ByteLevelBPETokenizer(), **settings)
    return {**found, "vocabulary": vocabulary, "minFrequency": frequency, "special": list(special)}


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return saved("WordPiece", tokenizer)


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=150, unk_token="<unk>", special_tokens=["<unk>", "</s>"], show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    return saved("Unigram", tokenizer)


json.dump(
    {
        "version": tokenizers.__version__,
        "text": text,
        "probes": PROBES,
        "trained": [
            byte_level("byte-level", 400, 2),
            byte_level("byte-level, with a special token", 330, 1, ["<|endoftext|>"]),
            byte_level("byte-level, until no pair is frequent", 5000, 20),
        ],
        "read": [word_piece(), unigram()],
    },
    sys.stdout,
    ensure_ascii=False,
    separators=(",", ":"),
)
