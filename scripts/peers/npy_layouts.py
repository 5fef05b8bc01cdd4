"""Writes test/fixtures/npy-layouts.json: arrays as numpy.save stores them in every layout, and the rows they hold.

numpy 2.x; run from the repository's root: python scripts/peers/npy_layouts.py
"""

import base64
import io
import json

import numpy as np


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return base64.b64encode(file.getvalue()).decode()


random = np.random.default_rng(0)
cases = []
for dtype in ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", ">u2", ">u4", ">u8", "|i1", "|u1", "|b1"]:
    for order in "CF":
        for shape in [(5,), (5, 3), (3, 2, 4)]:
            values = random.integers(0, 2, shape) if dtype == "|b1" else random.normal(scale=40, size=shape)
            if dtype[1] == "u":
                values = np.abs(values)
            array = np.array(values, dtype=dtype, order=order)
            rows = array.astype("f8").reshape(shape[0], -1).astype("f4").astype("f8").tolist()
            cases.append({"name": f"{dtype} {order} {shape}", "file": saved(array), "rows": rows})
special = np.array([[0.0, -0.0, 6e-8, 65504.0], [6.1e-5, -1.5, 2**-14, 0.333]], dtype="<f2", order="F")
cases.append({"name": "<f2 of every kind", "file": saved(special), "rows": special.astype("f8").tolist()})
# to_numpy() of a data frame and the transpose of an array are what people save in Fortran order.
turned = random.normal(size=(3, 6)).astype("<f4").T
cases.append({"name": "a transpose", "file": saved(turned), "rows": turned.astype("f8").tolist()})
json.dump({"numpy": np.__version__, "cases": cases}, open("test/fixtures/npy-layouts.json", "w"), separators=(",", ":"))
