"""Losses, gradients and metrics of Keras under masks, ignored classes and weights: test/fixtures/keras-masked-losses.json.

KERAS_BACKEND=jax python scripts/peers/keras_masked_losses.py > test/fixtures/keras-masked-losses.json   (Keras 3.15.1, NumPy, scikit-learn 1.9.1)

The model is an embedding whose rows are the outputs, so that its gradient shows each place. One step of SGD with rate 1
gives the gradient.
"""

import json
import warnings

import keras
import numpy as np
from sklearn.metrics import r2_score

warnings.filterwarnings('ignore')
random = np.random.default_rng(4)
count, places, units, vocabulary = 5, 4, 3, 7
ids = random.integers(1, vocabulary, (count, places))
ids[0, 2:] = ids[1, 1:] = ids[3, 3:] = ids[4, :1] = 0
classes = random.integers(0, units, (count, places))
numbers = random.normal(size=(count, places, units)).round(3)
table = random.normal(size=(vocabulary, units)).round(3)
one_hot = np.eye(units)[random.integers(0, units, (count, places))]
bits = random.integers(0, 2, (count, places, units))
by_place = np.array([[1, 0.5, 0, 2], [0, 1, 1, 0], [0.25, 1, 1, 3], [1, 1, 1, 1], [2, 0, 0.5, 1]])
by_example = np.array([1, 0, 2, 0.5, 1.5])

losses = {
    'sparseCategoricalCrossentropy': (keras.losses.SparseCategoricalCrossentropy(from_logits=True), classes),
    'categoricalCrossentropy': (keras.losses.CategoricalCrossentropy(from_logits=True), one_hot),
    'binaryCrossentropy': (keras.losses.BinaryCrossentropy(from_logits=True), bits),
    'hinge': (keras.losses.Hinge(), 2 * bits - 1),
    'meanSquaredError': (keras.losses.MeanSquaredError(), numbers),
    'meanAbsoluteError': (keras.losses.MeanAbsoluteError(), numbers),
    'huber': (keras.losses.Huber(delta=1.0), numbers),
}
ignoring = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)
outside = np.where(classes == 1, -1, classes)
ignoring_outside = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def build(masked, loss, metrics):
    model = keras.Sequential([keras.layers.Embedding(vocabulary, units, mask_zero=masked)])
    model.build((None, places))
    model.set_weights([table])
    model.compile(keras.optimizers.SGD(1.0), loss, weighted_metrics=metrics)
    return model


def r2(targets, weights):
    flat = targets.reshape(-1, units), table[ids].reshape(-1, units)
    kept = weights.reshape(-1) > 0
    # A pooled R2 of weighted rows, output by output.
    return r2_score(flat[0][kept], flat[1][kept], sample_weight=weights.reshape(-1)[kept], multioutput='variance_weighted')


def case(name, loss, targets, masked, weights, ignored=None):
    numeric = targets.ndim == 3 and name.startswith(('mean', 'huber'))
    metrics = []
    if ignored is None and targets.ndim == 2:
        metrics = [keras.metrics.SparseCategoricalAccuracy(name='accuracy'), keras.metrics.SparseTopKCategoricalAccuracy(2, name='topKAccuracy')]
    if numeric:
        metrics = [keras.metrics.MeanAbsoluteError(name='mae'), keras.metrics.MeanSquaredError(name='mse')]
    model = build(masked, loss, metrics)
    given = {None: None, 'place': by_place, 'example': by_example[:, None]}[weights]
    # Weights of examples are for training alone here.
    evaluated = model.evaluate(ids, targets, sample_weight=given if weights == 'place' else None, batch_size=count, verbose=0, return_dict=True)
    value = model.train_on_batch(ids, targets, sample_weight=given, return_dict=True)['loss']
    gradient = table - model.get_weights()[0]
    if numeric:
        counted = (ids != 0 if masked else np.ones_like(ids)) * (by_place if weights == 'place' else 1.0)
        evaluated['r2'] = r2(targets, counted)
    return {
        'loss': name,
        'mask': masked,
        'weights': weights,
        'ignoreClass': ignored,
        'value': float(value),
        'gradient': gradient.astype('float64').round(7).reshape(-1).tolist(),
        'evaluated': {key: float(number) for key, number in evaluated.items()},
    }


cases = []
for masked in (False, True):
    for weights in (None, 'example', 'place'):
        for name, (loss, targets) in losses.items():
            cases.append(case(name, loss, targets, masked, weights))
        cases.append(case('sparseCategoricalCrossentropy', ignoring, classes, masked, weights, 1))
        cases.append(case('sparseCategoricalCrossentropy', ignoring_outside, outside, masked, weights, -1))

print(
    json.dumps(
        {
            'keras': keras.__version__,
            'ids': ids.tolist(),
            'table': table.tolist(),
            'classes': classes.tolist(),
            'outside': outside.tolist(),
            'numbers': numbers.tolist(),
            'oneHot': one_hot.astype(int).tolist(),
            'bits': bits.tolist(),
            'byPlace': by_place.tolist(),
            'byExample': by_example.tolist(),
            'cases': cases,
        }
    )
)
