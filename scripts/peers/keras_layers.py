"""
Every layer of Keras 3.15.1 (KERAS_BACKEND=jax) with options that are not the defaults, every activation in a layer of its own and in a
dense one: architecture as Keras writes it, weights, input and output. What Keras itself cannot make into a model of one
input here is listed with its reason.
Run: KERAS_BACKEND=jax python scripts/peers/keras_layers.py > test/fixtures/keras-layers.json
"""
import inspect
import json
import sys
import warnings

import keras
import numpy as np
from keras import layers as L

warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)


def some(*shape):
    return np.round(rng.normal(size=(2, *shape)), 3).astype("f4")


VECTOR, SEQUENCE, IMAGE, VOLUME = some(6), some(6, 4), some(6, 6, 3), some(4, 4, 4, 2)
LONG, FRAMES, IDS = some(12, 3), some(3, 5, 5, 2), np.array([[3, 1, 4, 2, 0], [5, 0, 0, 0, 1]], "f4")
first = {"data_format": "channels_first"}
act = {"activation": "tanh"}
init = {"kernel_initializer": "he_normal", "bias_initializer": keras.initializers.RandomNormal(0, 0.1, seed=1)}
rnn = {"use_bias": False, "activation": "relu", "recurrent_initializer": "glorot_uniform"}


def two(layer):
    """The layer on two inputs that a dense layer each makes of the one."""

    def build(x):
        return layer([L.Dense(4, name="a")(x), L.Dense(4, name="b")(x)])

    return build


def states(kind, n, **options):
    def build(x):
        *_, = outputs = kind(3, return_state=True, name="enc")(x)
        return kind(3, name="dec", **options)(x, initial_state=list(outputs[1 : n + 1]))

    return build


def many(cls, x, *options):
    return [(cls.__name__, lambda x, o=o: cls(**o)(x), x) for o in options]


def conv(cls, x, n):
    return many(
        cls, x,
        {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same", **act, **init},
        {"filters": 3, "kernel_size": 2, "use_bias": False},
        {"filters": 3, "kernel_size": 3, "padding": "same", "dilation_rate": 2},
        {"filters": 4, "kernel_size": 2, "groups": x.shape[-1] if x.shape[-1] == 2 else 1, "activation": "relu"},
        {"filters": 2, "kernel_size": 2, **first},
    )


def depthwise(cls, x, **more):
    return many(
        cls, x,
        {"kernel_size": 2, "depth_multiplier": 2, "padding": "same", **act, **more},
        {"kernel_size": 2, "strides": 2, "use_bias": False, **more},
        {"kernel_size": 2, "dilation_rate": 2, **more},
    )


def transpose(cls, x):
    return many(
        cls, x,
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", **act},
        {"filters": 3, "kernel_size": 2, "use_bias": False},
        {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1},
        {"filters": 3, "kernel_size": 2, "dilation_rate": 2},
    )


def pools(dims, x):
    out = []
    for kind in ("Max", "Average"):
        out += many(getattr(L, f"{kind}Pooling{dims}D"), x, {"pool_size": 3, "strides": 2, "padding": "same"}, {"pool_size": 2}, {"pool_size": 2, "strides": 1, **first})
        out += many(getattr(L, f"Global{kind}Pooling{dims}D"), x, {}, {"keepdims": True}, first)
        out += many(getattr(L, f"Adaptive{kind}Pooling{dims}D"), x, {"output_size": 2})
    return out


def recurrent(cls, n, **more):
    return many(
        cls, SEQUENCE,
        {"units": 3, **more}, {"units": 3, "return_sequences": True, "go_backwards": True, **more},
        {"units": 3, **rnn, **more}, {"units": 3, "dropout": 0.2, "recurrent_dropout": 0.1, **more},
        {"units": 3, "zero_output_for_mask": True, "unroll": True, **more},
    ) + [(f"{cls.__name__} with an initial state", states(cls, n, **more), SEQUENCE)]


CASES = [
    *many(L.Dense, VECTOR, {"units": 3, **act, **init}, {"units": 3, "use_bias": False, "kernel_regularizer": keras.regularizers.L1L2(0.1, 0.2)}, {"units": 3, "lora_rank": 2}, {"units": 3, "dtype": "mixed_float16"}, {"units": 3, "kernel_constraint": "non_neg"}),
    *many(L.Dense, SEQUENCE, {"units": 3, "activity_regularizer": "l2"}),
    *many(L.EinsumDense, SEQUENCE, {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d", "activation": "relu"}),
    *many(L.Embedding, IDS, {"input_dim": 6, "output_dim": 3}, {"input_dim": 6, "output_dim": 3, "mask_zero": True}),
    *many(L.ReversibleEmbedding, IDS, {"input_dim": 6, "output_dim": 3, "tie_weights": False}),
    *many(L.Identity, VECTOR, {}), *many(L.Masking, SEQUENCE, {"mask_value": 0.5}),
    *many(L.Activation, VECTOR, {"activation": "relu"}), *many(L.ActivityRegularization, VECTOR, {"l1": 0.1}),
    *conv(L.Conv1D, SEQUENCE, 1), *many(L.Conv1D, SEQUENCE, {"filters": 2, "kernel_size": 3, "padding": "causal"}, {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    *conv(L.Conv2D, IMAGE, 2), *conv(L.Conv3D, VOLUME, 3),
    *transpose(L.Conv1DTranspose, SEQUENCE), *transpose(L.Conv2DTranspose, IMAGE), *transpose(L.Conv3DTranspose, VOLUME),
    *depthwise(L.DepthwiseConv1D, SEQUENCE), *depthwise(L.DepthwiseConv2D, IMAGE),
    *depthwise(L.SeparableConv1D, SEQUENCE, filters=3), *depthwise(L.SeparableConv2D, IMAGE, filters=3),
    *pools(1, SEQUENCE), *pools(2, IMAGE), *pools(3, VOLUME),
    *many(L.UpSampling1D, SEQUENCE, {"size": 3}), *many(L.UpSampling3D, VOLUME, {"size": 2}),
    *many(L.UpSampling2D, IMAGE, {"size": (2, 3)}, {"size": 2, "interpolation": "bilinear"}, {"size": (3, 2), "interpolation": "bilinear"}, {"size": 2, "interpolation": "bicubic"}, {"size": 2, "interpolation": "lanczos3"}, {"size": 2, **first}),
    *many(L.ZeroPadding1D, SEQUENCE, {"padding": (1, 2)}), *many(L.ZeroPadding3D, VOLUME, {"padding": 1}),
    *many(L.ZeroPadding2D, IMAGE, {"padding": ((1, 2), (0, 3))}, {"padding": 1, **first}),
    *many(L.Cropping1D, SEQUENCE, {"cropping": (1, 2)}), *many(L.Cropping3D, VOLUME, {"cropping": 1}),
    *many(L.Cropping2D, IMAGE, {"cropping": ((1, 2), (0, 1))}, {"cropping": 1, **first}),
    *many(L.Flatten, IMAGE, {}, first), *many(L.Reshape, IMAGE, {"target_shape": (-1, 6)}), *many(L.Permute, IMAGE, {"dims": (3, 1, 2)}), *many(L.RepeatVector, VECTOR, {"n": 3}),
    *many(L.BatchNormalization, IMAGE, {"momentum": 0.9, "epsilon": 0.01}, {"axis": 1}, {"center": False, "scale": False}, {"renorm": True}, {"synchronized": True}),
    *many(L.LayerNormalization, SEQUENCE, {"epsilon": 0.01}, {"axis": [1, 2]}, {"center": False, "scale": False}, {"axis": 1}),
    *many(L.GroupNormalization, IMAGE, {"groups": 3}), *many(L.RMSNormalization, SEQUENCE, {"epsilon": 0.01}), *many(L.UnitNormalization, SEQUENCE, {"axis": 1}),
    *many(L.Normalization, VECTOR, {"mean": 1.0, "variance": 2.0}), ("SpectralNormalization", lambda x: L.SpectralNormalization(L.Dense(3))(x), VECTOR),
    *many(L.ReLU, VECTOR, {}, {"max_value": 0.5}, {"negative_slope": 0.2}, {"threshold": 0.3}), *many(L.LeakyReLU, VECTOR, {}, {"negative_slope": 0.1}),
    *many(L.PReLU, IMAGE, {}, {"shared_axes": [1, 2]}), *many(L.ELU, VECTOR, {}, {"alpha": 0.5}), *many(L.Softmax, SEQUENCE, {}, {"axis": 1}, {"axis": [1, 2]}),
    *many(L.Dropout, SEQUENCE, {"rate": 0.3, "noise_shape": (None, 1, 4), "seed": 3}), *many(L.SpatialDropout1D, SEQUENCE, {"rate": 0.3}), *many(L.SpatialDropout2D, IMAGE, {"rate": 0.3}), *many(L.SpatialDropout3D, VOLUME, {"rate": 0.3}),
    *many(L.GaussianDropout, VECTOR, {"rate": 0.3}), *many(L.GaussianNoise, VECTOR, {"stddev": 0.3}), *many(L.AlphaDropout, VECTOR, {"rate": 0.3}),
    *[(cls.__name__, two(cls()), VECTOR) for cls in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate)],
    ("Concatenate", two(L.Concatenate(axis=1)), SEQUENCE), ("Concatenate", two(L.Concatenate(axis=-2)), SEQUENCE),
    ("Dot", two(L.Dot(axes=1)), VECTOR), ("Dot", two(L.Dot(axes=1, normalize=True)), VECTOR), ("Dot", two(L.Dot(axes=(2, 2))), SEQUENCE), ("Dot", two(L.Dot(axes=(1, 1))), SEQUENCE),
    *recurrent(L.SimpleRNN, 1), *recurrent(L.LSTM, 2), *recurrent(L.GRU, 1), *recurrent(L.GRU, 1, reset_after=False),
    *many(L.LSTM, SEQUENCE, {"units": 3, "unit_forget_bias": False, "recurrent_activation": "hard_sigmoid"}, {"units": 3, "implementation": 1} if "implementation" in inspect.signature(L.LSTM).parameters else {"units": 2}),
    *many(L.RNN, SEQUENCE, {"cell": L.LSTMCell(3)}, {"cell": [L.GRUCell(3, reset_after=False), L.LSTMCell(2)]}, {"cell": L.SimpleRNNCell(3, activation="relu"), "return_sequences": True}, {"cell": L.StackedRNNCells([L.SimpleRNNCell(3), L.SimpleRNNCell(2)])}),
    *many(L.ConvLSTM1D, some(3, 5, 2), {"filters": 2, "kernel_size": 2}), *many(L.ConvLSTM2D, FRAMES, {"filters": 2, "kernel_size": 2}, {"filters": 2, "kernel_size": 2, "padding": "same", "return_sequences": True, "recurrent_activation": "sigmoid"}),
    *many(L.ConvLSTM3D, some(2, 3, 3, 3, 2), {"filters": 2, "kernel_size": 2}),
    *[("Bidirectional", lambda x, m=m, s=s: L.Bidirectional(L.LSTM(3, return_sequences=s), merge_mode=m)(x), SEQUENCE) for m in ("concat", "sum", "mul", "ave") for s in (False, True)],
    ("Bidirectional with another backward layer", lambda x: L.Bidirectional(L.LSTM(3), backward_layer=L.LSTM(3, activation="relu", go_backwards=True))(x), SEQUENCE),
    ("Bidirectional with initial states", lambda x: (lambda e: L.Bidirectional(L.LSTM(3), name="dec")(x, initial_state=list(e[1:])))(L.Bidirectional(L.LSTM(3, return_state=True), name="enc")(x)), SEQUENCE),
    ("TimeDistributed", lambda x: L.TimeDistributed(L.Dense(3, activation="relu"))(x), SEQUENCE), ("TimeDistributed", lambda x: L.TimeDistributed(L.Conv2D(2, 2))(x), FRAMES),
    *many(L.Rescaling, VECTOR, {"scale": 0.5, "offset": 1}, {"scale": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "offset": 0}),
    *many(L.Resizing, IMAGE, {"height": 4, "width": 5}, {"height": 4, "width": 5, "interpolation": "nearest"}, {"height": 4, "width": 4, "crop_to_aspect_ratio": True}),
    *many(L.CenterCrop, IMAGE, {"height": 3, "width": 4}), *many(L.CategoryEncoding, IDS, {"num_tokens": 6, "output_mode": "multi_hot"}, {"num_tokens": 6, "output_mode": "count"}),
    *many(L.Discretization, VECTOR, {"bin_boundaries": [-0.5, 0.5]}), *many(L.Hashing, IDS, {"num_bins": 4}), *many(L.IntegerLookup, IDS, {"vocabulary": [1, 2, 3]}), *many(L.HashedCrossing, IDS, {"num_bins": 4}),
    ("Attention", two(L.Attention(use_scale=True)), SEQUENCE), ("AdditiveAttention", two(L.AdditiveAttention()), SEQUENCE),
    ("MultiHeadAttention", lambda x: L.MultiHeadAttention(2, 3)(x, x), SEQUENCE), ("MultiHeadAttention by keyword", lambda x: L.MultiHeadAttention(2, 3, use_bias=False)(query=x, value=x), SEQUENCE),
    ("GroupQueryAttention", lambda x: L.GroupQueryAttention(2, 2, 1)(x, x), SEQUENCE),
    *many(L.STFTSpectrogram, some(64, 1), {"frame_length": 16, "frame_step": 8, "fft_length": 16}), *many(L.MelSpectrogram, some(512), {"sequence_stride": 64, "fft_length": 128, "num_mel_bins": 8}),
    *[(name, lambda x, n=name: getattr(L, n)()(x), IMAGE) for name in ("AutoContrast", "Equalization", "RandomGrayscale", "RandomFlip", "RandomInvert", "ContrastLimitedAdaptiveHistogramEqualization")],
    *[(name, lambda x, n=name: getattr(L, n)(0.2)(x), IMAGE) for name in ("RandomBrightness", "RandomContrast", "RandomZoom", "RandomRotation", "RandomHue", "RandomSaturation", "RandomSharpness", "RandomColorDegeneration", "RandomErasing", "RandomShear", "RandomPerspective", "RandomGaussianBlur", "RandomPosterization", "RandomElasticTransform", "RandomColorJitter")],
    ("RandomTranslation", lambda x: L.RandomTranslation(0.1, 0.1)(x), IMAGE), ("RandomCrop", lambda x: L.RandomCrop(3, 3)(x), IMAGE),
    *[(name, lambda x, n=name: getattr(L, n)()(x), IMAGE) for name in ("AugMix", "RandAugment", "MixUp", "CutMix", "Solarization")],
    ("Lambda", lambda x: L.Lambda(lambda t: t * 2)(x), VECTOR), ("Pipeline", lambda x: L.Pipeline([L.Rescaling(0.5), L.CenterCrop(3, 3)])(x), IMAGE),
    ("an operation", lambda x: L.Dense(3)(x) * 2.0, VECTOR), ("an operation on two", lambda x: keras.ops.maximum(L.Dense(3, name="a")(x), L.Dense(3, name="b")(x)), VECTOR),
]


def nested(times, sequential=False):
    def build(x):
        if sequential:
            base = keras.Sequential([keras.Input((6,)), L.Dense(6, activation="tanh", name="inner")], name="base")
        else:
            i = keras.Input((6,), name="inner_in")
            base = keras.Model(i, L.Dense(6, activation="tanh", name="inner")(i), name="base")
        for _ in range(times):
            x = base(x)
        return L.Dense(2, name="head")(x)

    return build


def shared(x):
    layer = L.Dense(6, activation="tanh", name="twice")
    return layer(layer(x))


def siamese(x):
    i = keras.Input((6,), name="inner_in")
    base = keras.Model(i, L.Dense(3, activation="tanh", name="inner")(i), name="base")
    return L.Add(name="sum")([base(L.Dense(6, name="a")(x)), base(L.Dense(6, name="b")(x))])


def deep(x):
    i = keras.Input((6,), name="i")
    low = keras.Model(i, L.Dense(6, activation="relu", name="low_dense")(i), name="low")
    j = keras.Input((6,), name="j")
    high = keras.Model(j, L.Dense(3, name="high_dense")(low(j)), name="high")
    return high(x)


CASES += [(f"a nested model called {n} times{', sequential' if s else ''}", nested(n, s), VECTOR) for n in (1, 2) for s in (False, True)]
CASES += [("a shared layer", shared, VECTOR), ("a shared nested model", siamese, VECTOR), ("a model in a model in a model", deep, VECTOR)]
names = [n for n in dir(keras.activations) if not n.startswith("_") and n not in ("get", "serialize", "deserialize")]
for name in names:
    CASES.append((f"activation {name}", lambda x, n=name: L.Activation(getattr(keras.activations, n))(x), VECTOR * 2))
    CASES.append((f"dense with {name}", lambda x, n=name: L.Dense(4, activation=n)(x), VECTOR * 2))
    CASES.append((f"lstm with {name}", lambda x, n=name: L.LSTM(2, activation=n)(x), SEQUENCE))
CASES += [
    ("dense with a layer as its activation", lambda x: L.Dense(4, activation=L.LeakyReLU(0.1))(x), VECTOR),
    *[(f"initializer {n}", lambda x, n=n: L.Dense(6, kernel_initializer=n)(x), VECTOR) for n in ("glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "truncated_normal", "variance_scaling", "zeros")],
    *[(f"dtype {n}", lambda x, n=n: L.Dense(6, dtype=n)(x), VECTOR) for n in ("float32", "float16", "bfloat16", "float64", "mixed_bfloat16", "int8_from_float32")],
]


def numbers(array):
    return [float(f"{float(v):.7g}") for v in np.asarray(array, "f4").ravel()]


def compact(value):
    """Without what no reader needs."""
    if isinstance(value, list):
        return [compact(part) for part in value]
    if not isinstance(value, dict):
        return value
    left_out = ("build_config", "compile_config", "registered_name", "module")
    return {key: compact(part) for key, part in value.items() if key not in left_out}


found, failed, seen = [], {}, set()
for title, build, x in CASES:
    keras.utils.clear_session()
    try:
        inputs = keras.Input(x.shape[1:], name="in")
        model = keras.Model(inputs, build(inputs), name="m")
        for v in model.weights:
            if "float" in str(v.dtype):
                v.assign(np.round(rng.normal(size=v.shape) * 0.5, 3) + (3 if "variance" in v.path else 0))
        topology = {"module": "keras", **compact(json.loads(model.to_json()))}
        y = model.predict(x, verbose=0)
    except Exception as error:
        failed[title] = str(error).strip().splitlines()[0][:160]
        continue
    seen |= {json.dumps(layer.get("class_name")) for layer in topology["config"]["layers"]}
    if not np.isfinite(y).all():
        failed[title] = "the output is not finite"
        continue
    floats = [v for v in model.weights if "float" in str(v.dtype)]
    found.append({
        "name": title, "topology": topology,
        "weights": [{"name": v.path, "shape": list(v.shape), "values": numbers(v)} for v in floats],
        "input": {"shape": list(x.shape), "values": numbers(x)}, "output": {"shape": list(y.shape), "values": numbers(y)},
    })
classes = {getattr(L, n).__name__ for n in dir(L) if inspect.isclass(getattr(L, n)) and issubclass(getattr(L, n), L.Layer)}
text = json.dumps([case["topology"] for case in found])
missing = sorted(n for n in classes if f'"class_name": "{n}"' not in text)
json.dump({"keras": keras.__version__, "cases": found, "failed": failed, "missing": missing}, sys.stdout, separators=(",", ":"))
print(len(found), "cases; failed:", json.dumps(failed, indent=1), "missing:", missing, file=sys.stderr)
