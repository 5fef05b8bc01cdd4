"""Defaults of PyTorch and Keras, read from their signatures and measured: python scripts/peers/defaults.py > test/fixtures/peer-defaults.json

Needs numpy, torch and keras (KERAS_BACKEND=torch or jax).
"""
import inspect
import json
import math

import keras
import numpy as np
import torch
from keras import layers, losses, optimizers

G = 1e-3  # a gradient as large as epsilon shows where epsilon is added


def default(call, name):
    return inspect.signature(call).parameters[name].default


def torch_step(make):
    p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    p.grad = torch.full((1,), G, dtype=torch.float64)
    make([p]).step()
    return -float(p.detach()[0])


def keras_step(optimizer):
    v = keras.Variable(np.zeros(1), dtype="float64")
    optimizer.build([v])
    optimizer.apply([keras.ops.convert_to_tensor(np.full(1, G), dtype="float64")], [v])
    return -float(keras.ops.convert_to_numpy(v)[0])


def decayed_bias_torch():
    p = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))  # AdamW knows no names: a bias is decayed as a kernel is
    p.grad = torch.zeros(1, dtype=torch.float64)
    torch.optim.AdamW([p], lr=0.5, weight_decay=0.1).step()
    return round(float(p.detach()[0]), 9)


def decayed_bias_keras():
    v = keras.Variable(np.ones(1), dtype="float64", name="bias")
    optimizer = optimizers.AdamW(0.5, weight_decay=0.1)
    optimizer.build([v])
    optimizer.apply([keras.ops.zeros((1,), dtype="float64")], [v])
    return round(float(keras.ops.convert_to_numpy(v)[0]), 9)


def torch_moving_variance():
    norm = torch.nn.BatchNorm1d(1, momentum=1.0)
    norm(torch.tensor([[0.0], [2.0]]))
    return float(norm.running_var[0])


def keras_moving_variance():
    norm = layers.BatchNormalization(momentum=0.0)
    norm(np.array([[0.0], [2.0]], "float32"), training=True)
    return float(keras.ops.convert_to_numpy(norm.moving_variance)[0])


def spread(kernel):
    return round(float(np.std(np.asarray(kernel))), 4)


def keras_kernel(layer, shape):
    layer.build(shape)
    return keras.ops.convert_to_numpy(layer.kernel if hasattr(layer, "kernel") else layer.embeddings)


O, T = optimizers, torch.optim
lstm, gru = layers.LSTM(64), layers.GRU(64)
lstm.build((1, 2, 3))
values = {
    "sgd learning rate": [default(T.SGD, "lr"), default(O.SGD, "learning_rate")],
    "momentum": [float(default(T.SGD, "momentum")), default(O.SGD, "momentum")],
    "adam learning rate": [default(T.Adam, "lr"), default(O.Adam, "learning_rate")],
    "adam betas": [list(default(T.Adam, "betas")), [default(O.Adam, "beta_1"), default(O.Adam, "beta_2")]],
    "adam epsilon": [default(T.Adam, "eps"), default(O.Adam, "epsilon")],
    "adam first step": [torch_step(lambda p: T.Adam(p, lr=1, eps=G)), keras_step(O.Adam(1.0, epsilon=G))],
    "adamw weight decay": [default(T.AdamW, "weight_decay"), default(O.AdamW, "weight_decay")],
    "adamw bias after a step": [decayed_bias_torch(), decayed_bias_keras()],
    "rmsprop learning rate": [default(T.RMSprop, "lr"), default(O.RMSprop, "learning_rate")],
    "rmsprop decay": [default(T.RMSprop, "alpha"), default(O.RMSprop, "rho")],
    "rmsprop epsilon": [default(T.RMSprop, "eps"), default(O.RMSprop, "epsilon")],
    "rmsprop first step": [torch_step(lambda p: T.RMSprop(p, lr=1, alpha=0.9, eps=G)), keras_step(O.RMSprop(1.0, rho=0.9, epsilon=G))],
    "adagrad learning rate": [default(T.Adagrad, "lr"), default(O.Adagrad, "learning_rate")],
    "adagrad initial accumulator": [float(default(T.Adagrad, "initial_accumulator_value")), default(O.Adagrad, "initial_accumulator_value")],
    "adagrad epsilon": [default(T.Adagrad, "eps"), default(O.Adagrad, "epsilon")],
    "adagrad first step": [
        torch_step(lambda p: T.Adagrad(p, lr=1, initial_accumulator_value=G * G, eps=G)),
        keras_step(O.Adagrad(1.0, initial_accumulator_value=G * G, epsilon=G)),
    ],
    "lion learning rate": ["none", default(O.Lion, "learning_rate")],
    "lion betas": ["none", [default(O.Lion, "beta_1"), default(O.Lion, "beta_2")]],
    "muon learning rate": [default(T.Muon, "lr"), default(O.Muon, "learning_rate")],
    "muon momentum": [default(T.Muon, "momentum"), default(O.Muon, "momentum")],
    "muon weight decay": [default(T.Muon, "weight_decay"), default(O.Muon, "weight_decay")],
    "adafactor learning rate": [default(T.Adafactor, "lr"), default(O.Adafactor, "learning_rate")],
    "adafactor beta2 decay": [default(T.Adafactor, "beta2_decay"), default(O.Adafactor, "beta_2_decay")],
    "lamb learning rate": ["none", default(O.Lamb, "learning_rate")],
    "lamb epsilon": ["none", default(O.Lamb, "epsilon")],
    "huber delta": [default(torch.nn.HuberLoss, "delta"), default(losses.Huber, "delta")],
    "batch normalization momentum": [round(1 - default(torch.nn.BatchNorm1d, "momentum"), 9), default(layers.BatchNormalization, "momentum")],
    "batch normalization epsilon": [default(torch.nn.BatchNorm1d, "eps"), default(layers.BatchNormalization, "epsilon")],
    "moving variance of 0 and 2": [torch_moving_variance(), keras_moving_variance()],
    "layer normalization epsilon": [default(torch.nn.LayerNorm, "eps"), default(layers.LayerNormalization, "epsilon")],
    "dense kernel 400 x 200, deviation": [spread(torch.nn.Linear(400, 200).weight.detach()), spread(keras_kernel(layers.Dense(200), (None, 400)))],
    "dense bias, largest": [round(float(torch.nn.Linear(400, 2000).bias.detach().abs().max()), 3), 0.0],
    "conv 3 x 3 kernel 32 to 64, deviation": [
        spread(torch.nn.Conv2d(32, 64, 3).weight.detach()),
        spread(keras_kernel(layers.Conv2D(64, 3), (None, 8, 8, 32))),
    ],
    "embedding, deviation": [spread(torch.nn.Embedding(500, 100).weight.detach()), spread(keras_kernel(layers.Embedding(500, 100), (None, 4)))],
    "lstm recurrent activation": ["sigmoid", lstm.recurrent_activation.__name__],
    "lstm forget bias": [round(float(np.mean(torch.nn.LSTM(3, 64).bias_ih_l0.detach().numpy()[64:128])), 1), float(keras.ops.convert_to_numpy(lstm.cell.bias)[64:128].mean())],
    "gru reset after": [True, gru.reset_after],
    "leaky relu slope": [default(torch.nn.LeakyReLU, "negative_slope"), default(layers.LeakyReLU, "negative_slope")],
    "elu alpha": [default(torch.nn.ELU, "alpha"), default(layers.ELU, "alpha")],
    "shuffle": [bool(default(torch.utils.data.DataLoader, "shuffle")), default(keras.Model.fit, "shuffle")],
}
assert not any(isinstance(v, float) and math.isnan(v) for pair in values.values() for v in pair)
print(json.dumps({"torch": torch.__version__.split("+")[0], "keras": keras.__version__, "values": values}, indent=1))
