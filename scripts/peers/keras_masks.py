"""
Models with masks in Keras 3.15.1 (KERAS_BACKEND=jax): architecture as Keras writes it, weights, inputs and outputs, as one compact
fixture. Run: KERAS_BACKEND=jax python scripts/peers/keras_masks.py > test/fixtures/keras-masks.json
"""
import json
import sys

import keras
import numpy as np
from keras import layers as L

rng = np.random.default_rng(0)
ids = np.array([[3, 1, 4, 2, 0], [5, 0, 0, 0, 0], [1, 2, 3, 4, 5], [2, 0, 3, 0, 1]], "f4")
values = np.round(rng.normal(size=(4, 5, 3)), 3).astype("f4")
values[0, 4] = 0
values[1, 1:] = 0
values[3, [1, 3]] = 0


def numbers(array):
    return [float(f"{float(v):.7g}") for v in np.asarray(array).ravel()]


def case(name, build, x):
    keras.utils.clear_session()
    inputs = keras.Input(x.shape[1:], name="in")
    outputs = build(inputs)
    model = keras.Model(inputs, outputs)
    for variable in model.weights:
        variable.assign(np.round(rng.normal(size=variable.shape) * 0.5, 3) + (1 if "variance" in variable.path else 0))
    mask = getattr(outputs, "_keras_mask", None)
    y = model(x)
    found = keras.ops.convert_to_numpy(y._keras_mask).astype(int) if getattr(y, "_keras_mask", None) is not None else None
    return {
        "name": name,
        "topology": json.loads(model.to_json()),
        "weights": [{"name": v.path, "shape": list(v.shape), "values": numbers(v)} for v in model.weights],
        "input": {"shape": list(x.shape), "values": numbers(x)},
        "output": {"shape": list(y.shape), "values": numbers(y)},
        "mask": None if found is None else {"shape": list(found.shape), "values": found.ravel().tolist()},
    }


def embedded(*layers):
    def build(x):
        x = L.Embedding(6, 3, mask_zero=True, name="emb")(x)
        for layer in layers:
            x = layer()(x)
        return x

    return build


def masked(*layers):
    def build(x):
        x = L.Masking(name="masking")(x)
        for layer in layers:
            x = layer()(x)
        return x

    return build


def merged(layer, other_masked=True):
    def build(x):
        a = L.Embedding(6, 3, mask_zero=True, name="a")(x)
        b = L.Embedding(6, 3, mask_zero=other_masked, name="b")(x)
        return L.LSTM(2, return_sequences=True, name="after")(layer()([a, b]))

    return build


def nested(x):
    e = L.Embedding(6, 3, mask_zero=True, name="emb")(x)
    i = keras.Input((5, 3), name="inner_in")
    inner = keras.Model(i, L.LSTM(2, return_sequences=True, name="inner_lstm")(i), name="inner")
    return L.GlobalAveragePooling1D(name="pool")(inner(e))


def bidirectional(layer, mode, sequences):
    return lambda: L.Bidirectional(layer(2, return_sequences=sequences, name="rnn"), merge_mode=mode, name="bi")


def GRU(*args, **options):
    """The form that tfjs has."""
    return L.GRU(*args, reset_after=False, **options)


cases = [
    case("masked average pooling", embedded(lambda: L.GlobalAveragePooling1D(name="pool")), ids),
    case("average pooling of masked values", masked(lambda: L.GlobalAveragePooling1D(name="pool")), values),
    case("pooling behind layers that pass the mask", embedded(
        lambda: L.Dropout(0.2, name="drop"), lambda: L.Dense(4, activation="tanh", name="d"),
        lambda: L.LayerNormalization(name="ln"), lambda: L.Activation("relu", name="act"),
        lambda: L.LeakyReLU(0.1, name="leaky"), lambda: L.GlobalAveragePooling1D(name="pool")), ids),
    case("pooling behind a convolution, which drops the mask", embedded(
        lambda: L.Conv1D(2, 1, name="c"), lambda: L.GlobalAveragePooling1D(name="pool")), ids),
    case("recurrent behind a convolution, which drops the mask", embedded(
        lambda: L.LSTM(3, return_sequences=True, name="r"), lambda: L.Conv1D(2, 2, name="c"),
        lambda: L.LSTM(2, return_sequences=True, name="s")), ids),
    case("maximum pooling drops it", embedded(lambda: L.GlobalMaxPooling1D(name="pool")), ids),
    case("flatten drops it", embedded(lambda: L.Flatten(name="f"), lambda: L.Dense(2, name="d")), ids),
    case("permute drops it", embedded(lambda: L.Permute((2, 1), name="f"), lambda: L.LSTM(2, name="d")), ids),
    case("time distributed passes it", embedded(lambda: L.TimeDistributed(L.Dense(2, name="d"), name="td"),
         lambda: L.LSTM(2, return_sequences=True, name="r")), ids),
    case("batch normalization passes it", embedded(lambda: L.BatchNormalization(name="bn"),
         lambda: L.LSTM(2, return_sequences=True, name="r")), ids),
    case("masking, dense, gru", masked(lambda: L.Dense(4, name="d"), lambda: GRU(2, return_sequences=True, name="r")), values),
    case("a nested model", nested, ids),
]
for kind in (L.SimpleRNN, L.LSTM, GRU):
    for sequences in (False, True):
        for back in (False, True):
            cases.append(case(f"{kind.__name__} sequences={sequences} backwards={back}", embedded(
                lambda: kind(2, return_sequences=sequences, go_backwards=back, name="r")), ids))
for mode in ("concat", "sum", "mul", "ave"):
    for sequences in (False, True):
        cases.append(case(f"bidirectional {mode} sequences={sequences}", embedded(
            bidirectional(L.LSTM, mode, sequences)), ids))
cases.append(case("bidirectional twice", embedded(
    bidirectional(GRU, "concat", True), lambda: L.Bidirectional(L.LSTM(2, name="second"), name="bi2")), ids))
for layer in (L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum):
    cases.append(case(f"{layer.__name__}", merged(lambda: layer(name="m")), ids))
    cases.append(case(f"{layer.__name__} of one masked", merged(lambda: layer(name="m"), False), ids))
cases.append(case("Concatenate", merged(lambda: L.Concatenate(name="m")), ids))
cases.append(case("Concatenate of one masked", merged(lambda: L.Concatenate(name="m"), False), ids))
cases.append(case("Concatenate along time", merged(lambda: L.Concatenate(axis=1, name="m")), ids))
cases.append(case("Concatenate along time of one masked", merged(lambda: L.Concatenate(axis=1, name="m"), False), ids))
json.dump({"keras": keras.__version__, "cases": cases}, sys.stdout, separators=(",", ":"))
