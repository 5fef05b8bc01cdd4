"""Writes test/fixtures/npz-files.json: archives as numpy.savez and savez_compressed write them, and what they hold.

numpy 2.x; run from the repository's root: python scripts/peers/npz_files.py
"""

import base64
import io
import json
import zipfile

import numpy as np

random = np.random.default_rng(1)
count = 24
lengths = random.integers(1, 6, count)
total = int(lengths.sum())
words = random.integers(0, 7, total)
padded = np.full((count, 6), -1, "<i4")
steps = np.full((count, 5, 2), np.nan, "<f4")
values = random.normal(size=(total, 2)).astype("<f4")
starts = np.r_[0, np.cumsum(lengths)]
for i, (start, end) in enumerate(zip(starts[:-1], starts[1:])):
    padded[i, : lengths[i]] = words[start:end]
    steps[i, : lengths[i]] = values[start:end]
tags = (words % 2).astype("|u1")
arrays = {
    "user": random.integers(0, 5, count),
    "table": np.asfortranarray(random.normal(size=(count, 3))),
    "picture": random.integers(0, 256, (count, 2, 2, 1)).astype("|u1"),
    "rating": random.normal(size=count).astype("<f4"),
    "liked": random.integers(0, 2, count) > 0,
    "lengths": lengths,
    "words": words,
    "padded": padded,
    "values": values,
    "steps": steps,
    "starts": starts,
    "tags": tags,
    "total": np.array([words[a:b].sum() for a, b in zip(starts[:-1], starts[1:])], dtype="<f4"),
}


def archive(save, **members):
    file = io.BytesIO()
    save(file, **members)
    return base64.b64encode(file.getvalue()).decode()


files = {
    "stored": archive(np.savez, **arrays),
    "compressed": archive(np.savez_compressed, **arrays),
    "one": archive(np.savez, x=arrays["table"]),
    "without names": base64.b64encode((lambda f: (np.savez(f, arrays["user"], arrays["table"]), f.getvalue())[1])(io.BytesIO())).decode(),
    "objects": archive(lambda f, **m: np.savez(f, **m), user=np.array([[1], [1, 2]], dtype=object), rating=arrays["rating"]),
}
# Above 4 GB or 65,535 members every size and place is written in 64 bits: here from the first byte.
zipfile.ZIP64_LIMIT = 0
zipfile.ZIP_FILECOUNT_LIMIT = 1
files["64 bits"] = archive(np.savez_compressed, **arrays)
rows = {name: np.asarray(array, "f8").reshape(len(array), -1).astype("f4").astype("f8") for name, array in arrays.items() if name not in ("steps",)}
json.dump(
    {"numpy": np.__version__, "files": files, "rows": {name: own.tolist() for name, own in rows.items()}},
    open("test/fixtures/npz-files.json", "w"),
    separators=(",", ":"),
)
