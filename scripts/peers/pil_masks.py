"""Masks as Pillow reads and scales them: python scripts/peers/pil_masks.py > test/fixtures/pil-masks.json"""
import base64
import io
import json

import numpy as np
import PIL
from PIL import Image, ImageOps

height, width = 5, 7
rng = np.random.default_rng(3)


def palette(most, **options):
    image = Image.fromarray(rng.integers(0, most, (height, width), dtype=np.uint8), "P")
    # Colours that are no indices, and two indices of one colour.
    image.putpalette([(37 * i + 11) % 251 for i in range(3)] * 2 + [(i * 53) % 256 for i in range(762)])
    return image, options


def grey(values, mode=None):
    return Image.fromarray(values, mode), {}


bytes_ = rng.integers(0, 256, (height, width), dtype=np.uint8)
cases = {
    "palette of 8 bits": palette(256),
    "palette of 4 bits": palette(16, bits=4),
    "palette of 2 bits": palette(4, bits=2),
    "palette of 1 bit": palette(2, bits=1),
    "palette with a transparent colour": palette(256, transparency=0),
    "grey": grey(bytes_),
    "one bit": grey(rng.integers(0, 2, (height, width)).astype(bool)),
    "grey of 16 bits": grey(rng.integers(0, 256, (height, width)).astype(np.uint16)),
    "grey in three channels": (Image.fromarray(bytes_).convert("RGB"), {}),
    "grey with opaque alpha": (Image.fromarray(bytes_).convert("LA"), {}),
}


def first_channel(image):
    values = np.array(image).astype(int)
    return values if values.ndim == 2 else values[:, :, 0]


# Sizes without ties: Pillow adds up fractions, and a place that lies between two pixels falls to either.
read = []
for name, (image, options) in cases.items():
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    file.seek(0)
    values = first_channel(Image.open(file))
    read.append({"name": name, "png": base64.b64encode(file.getvalue()).decode(), "values": values.flatten().tolist()})

image = Image.fromarray(rng.integers(0, 256, (6, 10), dtype=np.uint8))
NEAREST = Image.Resampling.NEAREST
scaled = []
for size in [(3, 5), (4, 7), (12, 20), (8, 4), (6, 6), (12, 12)]:
    h, w = size
    fits = {"fill": image.resize((w, h), NEAREST)}
    if size in [(6, 6), (12, 12)]:
        # Where no rounding of Pillow's own comes in.
        fits["cover"] = ImageOps.fit(image, (w, h), NEAREST)
    for fit, made in fits.items():
        scaled.append({"fit": fit, "size": list(size), "values": np.array(made).flatten().tolist()})
padded = ImageOps.pad(image, (20, 20), NEAREST, color=99)
scaled.append({"fit": "contain", "size": [20, 20], "values": np.array(padded).flatten().tolist()})

print(
    json.dumps(
        {
            "pillow": PIL.__version__,
            "size": [height, width],
            "read": read,
            "source": {"size": [6, 10], "values": np.array(image).flatten().tolist()},
            "outside": 99,
            "scaled": scaled,
        }
    )
)
