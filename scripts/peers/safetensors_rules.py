"""Writes test/fixtures/safetensors-rules.json: small safetensors files, most of them with a mistake, and whether the reference
implementation reads them.

safetensors 0.8.0; run from the repository's root: python scripts/peers/safetensors_rules.py
"""

import base64
import json
import struct

import safetensors
from safetensors.numpy import load


def packed(header, data, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(data)


def tensor(start, end, shape=None, dtype="F32"):
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


a = tensor(0, 8)
files = {
    "one tensor": packed({"a": a}, 8),
    "two tensors": packed({"a": a, "b": tensor(8, 20)}, 20),
    "in another order": packed({"b": tensor(8, 20), "a": a}, 20),
    "a scalar": packed({"a": tensor(0, 4, [])}, 4),
    "of rank 3": packed({"a": tensor(0, 24, [1, 2, 3])}, 24),
    "a size of 0": packed({"a": tensor(0, 0, [0])}, 0),
    "a size of 0 among others": packed({"a": a, "b": tensor(8, 8, [3, 0]), "c": tensor(8, 12)}, 12),
    "a size of 0 at the start of another": packed({"a": a, "b": tensor(0, 0, [0])}, 8),
    "a size of 0 inside of another": packed({"a": a, "b": tensor(4, 4, [0])}, 8),
    "no tensor": packed({}, 0),
    "no tensor, and bytes": packed({}, 4),
    "metadata": packed({"__metadata__": {"x": "y"}, "a": a}, 8),
    "metadata alone": packed({"__metadata__": {"x": "y"}}, 0),
    "empty metadata": packed({"__metadata__": {}, "a": a}, 8),
    "metadata null": packed({"__metadata__": None, "a": a}, 8),
    "metadata of a number": packed({"__metadata__": {"x": 1}, "a": a}, 8),
    "metadata in a list": packed({"__metadata__": ["x"], "a": a}, 8),
    "spaces behind the header": packed(json.dumps({"a": a}).encode() + b"   ", 8),
    "spaces before the header": packed(b"  " + json.dumps({"a": a}).encode(), 8),
    "a line break in the header": packed(json.dumps({"a": a}, indent=1).encode(), 8),
    "zeros behind the header": packed(json.dumps({"a": a}).encode() + b"\0\0", 8),
    "an overlap": packed({"a": a, "b": tensor(4, 12)}, 12),
    "the same bytes": packed({"a": a, "b": a}, 8),
    "inside of another": packed({"a": tensor(0, 12), "b": tensor(4, 8)}, 12),
    "a hole": packed({"a": a, "b": tensor(12, 20)}, 20),
    "a hole at the start": packed({"a": tensor(4, 12)}, 12),
    "a rest": packed({"a": a}, 12),
    "a rest of one byte": packed({"a": a}, 9),
    "cut off": packed({"a": a}, 7),
    "no data": packed({"a": a}, 0),
    "a negative size": packed({"a": tensor(0, 8, [-2])}, 8),
    "two negative sizes": packed({"a": tensor(0, 8, [-1, -2])}, 8),
    "a negative start": packed({"a": tensor(-8, 0, [2])}, 8),
    "in reverse": packed({"a": tensor(8, 0, [2])}, 8),
    "a size that is a fraction": packed(b'{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', 8),
    "a size in quotes": packed({"a": tensor(0, 8, ["2"])}, 8),
    "a size beyond 64 bits": packed({"a": tensor(0, 8, [2**64])}, 8),
    "sizes whose product overflows": packed({"a": tensor(0, 8, [2**40, 2**40])}, 8),
    "sizes whose product wraps to what fits": packed({"a": tensor(0, 8, [2**62 + 1, 2])}, 8),
    "fewer bytes than its shape": packed({"a": tensor(0, 8, [3])}, 8),
    "more bytes than its shape": packed({"a": tensor(0, 8, [1])}, 8),
    "bytes of another dtype": packed({"a": tensor(0, 8, [2], "F64")}, 8),
    "a dtype that is none": packed({"a": tensor(0, 8, [2], "F33")}, 8),
    "a dtype in small letters": packed({"a": tensor(0, 8, [2], "f32")}, 8),
    "no dtype": packed({"a": {"shape": [2], "data_offsets": [0, 8]}}, 8),
    "no shape": packed({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, 8),
    "no offsets": packed({"a": {"dtype": "F32", "shape": [2]}}, 8),
    "one offset": packed({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, 8),
    "three offsets": packed({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 8]}}, 8),
    "another key": packed({"a": {**a, "x": 1}}, 8),
    "a name twice": packed(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
    "an empty name": packed({"": a}, 8),
    "a list": packed([], 0),
    "a number": packed(b"1", 0),
    "no JSON": packed(b'{"a"', 0),
    "no UTF-8": packed(b'{"\xff":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
    "a header of no bytes": packed(b"", 0),
    "a header beyond the file": packed({"a": a}, 8, 5000),
    "a header shorter than its JSON": packed({"a": a}, 8, 20),
    "a header of 2^60 bytes": packed({"a": a}, 8, 2**60),
    "seven bytes": b"\0" * 7,
    "nothing": b"",
}


def answer(content):
    try:
        load(content)
        return None
    except Exception as error:  # the class is safetensors' own
        return str(error)[:80]


cases = [{"name": n, "file": base64.b64encode(f).decode(), "refusal": answer(f)} for n, f in files.items()]
with open("test/fixtures/safetensors-rules.json", "w") as out:
    json.dump({"safetensors": safetensors.__version__, "cases": cases}, out, indent=2)
    out.write("\n")
