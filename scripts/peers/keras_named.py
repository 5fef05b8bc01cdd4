"""
A functional model of two inputs and two outputs with a shared layer in Keras 3.15.1 (KERAS_BACKEND=jax): its architecture as Keras 3
writes it and as Keras 2 does (calls as lists of [layer, node, tensor, options]), weights, and what Keras computes.
Run: KERAS_BACKEND=jax python scripts/peers/keras_named.py > test/fixtures/keras-named.json
"""
import json

import keras
import numpy as np
from keras import layers as L

rng = np.random.default_rng(0)


def numbers(array):
    return [float(f"{float(v):.8g}") for v in np.asarray(array).ravel()]


def build():
    left = keras.Input((3,), name="left")
    right = keras.Input((2,), name="right")
    encode = L.Dense(4, activation="tanh", name="encode")
    wide = L.Dense(3, name="widen")(right)
    both = L.Concatenate(name="both")([encode(left), encode(wide)])
    score = L.Dense(1, name="score")(both)
    logit = L.Dense(1, name="logit")(L.Dense(3, activation="relu", name="hidden")(both))
    return keras.Model([left, right], [score, logit], name="pair")


def history(tensor):
    return [*tensor["config"]["keras_history"], {}]


def as_keras_2(topology):
    config = json.loads(json.dumps(topology["config"]))
    for layer in config["layers"]:
        own = layer["config"]
        if "batch_shape" in own:
            own["batch_input_shape"] = own.pop("batch_shape")
            own["sparse"] = False
            own.pop("ragged", None)
            own.pop("optional", None)
        own["dtype"] = "float32"
        for key in list(own):
            if isinstance(own[key], dict) and "class_name" in own[key]:
                own[key] = {"class_name": own[key]["class_name"], "config": own[key]["config"]}
        for key in ("lora_rank", "quantization_config", "lora_alpha"):
            own.pop(key, None)
        layer["inbound_nodes"] = [
            [history(t) for t in (node["args"][0] if isinstance(node["args"][0], list) else node["args"])]
            for node in layer["inbound_nodes"]
        ]
        for key in ("module", "registered_name", "build_config"):
            layer.pop(key, None)
    config = {key: config[key] for key in ("name", "layers", "input_layers", "output_layers")}
    return {"class_name": "Functional", "config": config, "keras_version": "2.15.0", "backend": "tensorflow"}


model = build()
for variable in model.weights:
    variable.assign(np.round(rng.normal(size=variable.shape) * 0.7, 3))
left = np.round(rng.normal(size=(5, 3)), 3).astype("f4")
right = np.round(rng.normal(size=(5, 2)), 3).astype("f4")
rating = np.round(rng.normal(size=(5, 1)), 3).astype("f4")
liked = np.array([1, 0, 0, 1, 1])
# By name, in another order than the model's.
score, logit = model({"right": right, "left": left})
mse = keras.losses.MeanSquaredError()(rating, score)
bce = keras.losses.BinaryCrossentropy(from_logits=True)(liked[:, None], logit)
topology = json.loads(model.to_json())
print(
    json.dumps(
        {
            "keras": keras.__version__,
            "keras3": topology,
            "keras2": as_keras_2(topology),
            "weights": {v.path: numbers(v) for v in model.weights},
            "fields": {"left": numbers(left), "right": numbers(right), "rating": numbers(rating), "liked": liked.tolist()},
            "outputs": {"rating": numbers(score), "liked": numbers(logit)},
            "losses": {"rating": float(mse), "liked": float(bce), "all": float(mse + 0.3 * bce)},
        },
        separators=(",", ":"),
    )
)
