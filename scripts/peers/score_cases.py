"""Scores of 200 seeded random cases by the references, for test/scores/score-cases.test.ts: texts with ties, empty lines, several references and
several scripts; boxes with ties, crowds, classes without truths and images without boxes; series.

Run with sacrebleu 2.6.0, rouge-score 0.1.2, jiwer 4.0.0, pycocotools 2.0.11, utilsforecast 0.2.17, regex and pandas:
python score_cases.py > test/fixtures/score-cases.json
Values that the references give as 0 or -1 because they are not defined are null.
"""
import contextlib
import copy
import io
import json
import random
import sys

import jiwer
import pandas as pd
import regex
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF
from utilsforecast.losses import mase, quantile_loss, smape

rng = random.Random(17)

WORDS = ["the", "The", "cat", "cats", "sat", "on", "mat", "a", "don't", "(hi)", "3.14", "1,000", "end.", "well-known", "5-6", "&amp;", "$4", "\"so\"",
         "naïve", "STRASSE", "Straße", "кошка", "cafe\u0301", "café", "猫", "猫が", "坐在垫子上", "😀", "😀😀", "–", "x\u00a0y", "แมว", "한국어", ",", "?!"]
UNSPACED = "".join(rf"\p{{{s}}}" for s in ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"))
LETTERS = regex.compile(rf"[{UNSPACED}]\p{{M}}*|(?:(?![{UNSPACED}])[\p{{L}}\p{{N}}\p{{M}}])+")


class Letters:
    def tokenize(self, text):
        import unicodedata
        return LETTERS.findall(unicodedata.normalize("NFC", text).lower())


def line(pool, longest):
    return " ".join(rng.choice(pool) for _ in range(rng.randint(0, longest)))


def near(text, pool):
    """The same with a few words changed."""
    words = [rng.choice(pool) if rng.random() < 0.2 else w for w in text.split(" ")]
    if rng.random() < 0.3 and words:
        words.pop(rng.randrange(len(words)))
    if rng.random() < 0.2:
        rng.shuffle(words)
    return " ".join(words)


def text_case():
    pool = rng.sample(WORDS, rng.choice([3, 6, 12]))
    lines, nrefs = rng.randint(1, 4), rng.choice([1, 1, 2, 3])
    between = rng.choice(["\n", " "])
    first = [line(pool, rng.choice([4, 9])) for _ in range(lines)]
    texts = lambda: [near(t, pool) if rng.random() < 0.8 else line(pool, 6) for t in first]
    refs, hyps = [first] + [texts() for _ in range(nrefs - 1)], texts()
    if rng.random() < 0.15:
        hyps = list(first)
    if between == "\n":
        cut = lambda t: "\n".join(regex.split(r"(?<=[a-z]) (?=t|c)", t))
        refs, hyps = [[cut(t) for t in r] for r in refs], [cut(t) for t in hyps]
    options = {"tokenize": rng.choice(["13a", "13a", "intl", "zh", "char", "none"]), "lowercase": rng.random() < 0.3, "effectiveOrder": rng.random() < 0.3,
               "characterOrder": rng.choice([6, 6, 3]), "wordOrder": rng.choice([0, 2, 1]), "beta": rng.choice([2, 2, 1, 3]), "rougeAscii": rng.random() < 0.4}
    bleu = BLEU(lowercase=options["lowercase"], tokenize=options["tokenize"], effective_order=options["effectiveOrder"])
    chrf = CHRF(options["characterOrder"], options["wordOrder"], options["beta"], lowercase=options["lowercase"])
    found = bleu.corpus_score(hyps, refs)
    undefined = any(found.counts) and found.totals[-1] == 0 and not options["effectiveOrder"]
    alone = BLEU(lowercase=options["lowercase"], tokenize=options["tokenize"], effective_order=True)
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], tokenizer=None if options["rougeAscii"] else Letters())
    each = [scorer.score_multi([r[i] for r in refs], h) for i, h in enumerate(hyps)]
    rouge = {k: [sum(getattr(e[k], part) for e in each) / lines for part in ("fmeasure", "precision", "recall")] for k in each[0]}
    expected = {"bleu": None if undefined else found.score, "chrf": chrf.corpus_score(hyps, refs).score, "rouge": list(rouge.values()),
                "first": [alone.sentence_score(hyps[0], [r[0] for r in refs]).score, chrf.sentence_score(hyps[0], [r[0] for r in refs]).score]}
    signatures = [str(m.get_signature()).rsplit("|version", 1)[0] for m in (bleu, chrf)]
    if nrefs == 1 and options["tokenize"] == "none" and all(t.strip() for t in first):
        low = (lambda t: [x.lower() for x in t]) if options["lowercase"] else (lambda t: t)
        words = jiwer.Compose([jiwer.SubstituteRegexes({r"\s+": " "}), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()])
        expected["wer"] = jiwer.wer(low(first), low(hyps), words, words)
        expected["cer"] = jiwer.cer(low(first), low(hyps))
    return {"references": refs, "hypotheses": hyps, "options": options, "signatures": signatures, "expected": expected}


def box(small):
    side = lambda: rng.choice([8, 16, 32, 48, 96, 130] if not small else [10, 20, 32])
    return [rng.choice([0, 5, 10, 40.5]), rng.choice([0, 8, 12.25]), side(), side()]


def box_case():
    images = rng.sample(range(1, 50), rng.randint(1, 4))
    classes = rng.sample(range(1, 9), rng.randint(1, 3))
    truths, detections = [], []
    for image in images:
        for _ in range(rng.randint(0, 4)):
            b = box(rng.random() < 0.5)
            truths.append({"id": len(truths) + 1, "image_id": image, "category_id": rng.choice(classes[:2]), "bbox": b, "iscrowd": int(rng.random() < 0.2),
                           "area": rng.choice([b[2] * b[3], 1024, 9216])})
        here = [t for t in truths if t["image_id"] == image]
        for _ in range(rng.randint(0, 5)):
            near = rng.choice(here) if here and rng.random() < 0.8 else None
            b = [v + rng.choice([0, 0, 1, 4]) for v in near["bbox"]] if near else box(False)
            detections.append({"image_id": image, "category_id": near["category_id"] if near and rng.random() < 0.9 else rng.choice(classes), "bbox": b,
                               "score": rng.choice([0.1, 0.5, 0.5, 0.7, 0.9])})
    if rng.random() < 0.06 and detections:
        # More than count in an image.
        detections += [{**detections[0], "score": 0.05 + i % 7 / 100} for i in range(101)]
    if not detections:
        detections.append({"image_id": images[0], "category_id": classes[0], "bbox": box(False), "score": 0.5})
    data = {"images": [{"id": i} for i in images], "categories": [{"id": c, "name": f"c{c}"} for c in classes], "annotations": truths}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = copy.deepcopy(data)
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(copy.deepcopy(detections)), "bbox")
        run.evaluate(), run.accumulate(), run.summarize()
    none = lambda v: None if v == -1 else float(v)
    mean = lambda v: None if (v == -1).all() else float(v[v > -1].mean())
    precision = run.eval["precision"]
    per_class = [[mean(precision[t, :, k, 0, 2]) for t in (slice(None), slice(0, 1), slice(5, 6))] for k in range(len(classes))]
    rows = lambda items, *keys: [[v for key in keys for v in (item[key] if isinstance(item[key], list) else [item[key]])] for item in items]
    return {"images": images, "categories": classes, "truths": rows(truths, "image_id", "category_id", "bbox", "iscrowd", "area"),
            "detections": rows(detections, "image_id", "category_id", "bbox", "score"), "expected": [none(v) for v in run.stats], "classes": per_class}


def series_case():
    season = rng.choice([1, 2, 4])
    series, tables = [], {"past": [], "now": []}
    for name in "abc"[: rng.randint(1, 3)]:
        value = lambda: rng.choice([0, 1, 2.5, -3, 10])
        past, truths = [value() for _ in range(season + rng.randint(1, 6))], [value() for _ in range(rng.randint(1, 4))]
        flat = all(past[i] == past[i + season] for i in range(len(past) - season))
        if flat:
            past[-1] += 1
        predictions, high = [value() for _ in truths], [value() + 1 for _ in truths]
        series.append({"name": name, "truths": truths, "predictions": predictions, "quantiles": {"0.9": high}, "history": past})
        tables["past"] += [{"unique_id": name, "ds": i, "y": v} for i, v in enumerate(past)]
        tables["now"] += [{"unique_id": name, "ds": len(past) + i, "y": y, "m": p, "q": q} for i, (y, p, q) in enumerate(zip(truths, predictions, high))]
    past, now = pd.DataFrame(tables["past"]), pd.DataFrame(tables["now"])
    expected = {"mase": mase(now, ["m"], season, past)["m"].mean(), "smape": 2 * smape(now, ["m"])["m"].mean(),
                "pinball@0.9": quantile_loss(now, {"m": "q"}, 0.9)["m"].mean()}
    return {"series": series, "season": season, "expected": expected}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.13g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, (list, tuple)) else value


cases = {"texts": [text_case() for _ in range(120)], "boxes": [box_case() for _ in range(60)], "series": [series_case() for _ in range(20)]}
json.dump(rounded(cases), sys.stdout, ensure_ascii=False, separators=(",", ":"))
