"""
Three targets in Keras 3.15.1 (KERAS_BACKEND=jax): one class an example and one a place, of which the losses ignore some, and a
number; with weights of examples and of places, and of classes. Gradient descent on the whole set, then an evaluation.
Keras refuses class_weight with several outputs, so the weights of classes are part of the sample_weight of theirs.
Run: KERAS_BACKEND=jax python scripts/peers/keras_ignored_targets.py > test/fixtures/keras-ignored-targets.json
"""
import json

import keras
import numpy as np
from keras import layers as L

count, places, classes, steps, rate = 12, 4, 3, 3, 0.2
rng = np.random.default_rng(5)


def numbers(array):
    return [float(f"{float(v):.8g}") for v in np.asarray(array).ravel()]


x = np.round(rng.normal(size=(count, 5)), 3).astype("f4")
kind = rng.integers(0, classes, count)
kind[[1, 4, 5, 9]] = -1
parts = rng.integers(0, classes, (count, places))
parts[2] = 1
size = np.round(rng.normal(size=(count, 1)), 3).astype("f4")
byExample = np.array([1, 2, 0, 0.5, 3, 1, 1, 2, 0.25, 1, 1, 2], "f4")
byPlace = np.round(rng.uniform(0, 2, (count, places)), 2).astype("f4")
classWeights = {0: 2.0, 2: 0.5}
kernels = [np.round(rng.normal(size=shape) * 0.5, 3).astype("f4") for shape in [(5, 3), (5, 12), (5, 1)]]


def train(kind_weights, part_weights):
    inputs = keras.Input((5,))
    first = L.Dense(classes, name="kind")
    second = L.Dense(places * classes)
    third = L.Dense(1, name="size")
    outputs = [first(inputs), L.Reshape((places, classes), name="parts")(second(inputs)), third(inputs)]
    model = keras.Model(inputs, outputs)
    for layer, kernel in zip([first, second, third], kernels):
        layer.kernel.assign(kernel)
    sparse = keras.losses.SparseCategoricalCrossentropy
    model.compile(
        optimizer=keras.optimizers.SGD(rate),
        loss=[sparse(from_logits=True, ignore_class=-1), sparse(from_logits=True, ignore_class=1), "mse"],
        loss_weights=[1.0, 0.5, 0.25],
    )
    # All three: Keras takes none of them alone.
    weights = [kind_weights, part_weights, np.ones(count, "f4")]
    history = model.fit(x, [kind, parts, size], sample_weight=weights, batch_size=count, epochs=steps, shuffle=False, verbose=0)
    evaluated = model.evaluate(
        x, [kind, parts, size], sample_weight=[np.ones(count, "f4"), part_weights, np.ones(count, "f4")],
        batch_size=count, verbose=0, return_dict=True,
    )
    logits = [np.asarray(each) for each in model(x)]
    valid = kind != -1
    accuracy = (logits[0].argmax(-1) == kind)[valid].mean()
    return {
        "kernels": [numbers(each.kernel) for each in [first, second, third]],
        "biases": [numbers(each.bias) for each in [first, second, third]],
        "losses": numbers(history.history["loss"]),
        "evaluated": {key: float(value) for key, value in evaluated.items()},
        "kindAccuracy": float(accuracy),
    }


weighed = np.array([classWeights.get(int(k), 1.0) for k in kind], "f4")
ones = np.ones(count, "f4")
print(
    json.dumps(
        {
            "keras": keras.__version__,
            "x": numbers(x), "kind": kind.tolist(), "parts": parts.ravel().tolist(), "size": numbers(size),
            "byExample": numbers(byExample), "byPlace": numbers(byPlace), "initial": [numbers(k) for k in kernels],
            "plain": train(ones, np.ones((count, places), "f4")),
            "weighted": train(byExample, byPlace),
            "classes": train(byExample * weighed, np.ones((count, places), "f4")),
        },
        separators=(",", ":"),
    )
)
