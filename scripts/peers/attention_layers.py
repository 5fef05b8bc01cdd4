"""
Attention, RMS normalization and transformer blocks of Keras 3.15 (KERAS_BACKEND=jax) and torch 2.15: weights, inputs, outputs, and the
gradients of the sum of outputs * weights for torch's block.
Run: KERAS_BACKEND=jax python scripts/peers/attention_layers.py > test/fixtures/attention-layers.json
"""
import json

import keras
import numpy as np
import torch
from keras import layers as L

rng = np.random.default_rng(0)
torch.manual_seed(0)


def some(*shape):
    return np.round(rng.normal(size=shape), 3).astype("f4")


def listed(array):
    return {"shape": list(array.shape), "data": [round(float(x), 6) for x in np.asarray(array).reshape(-1)]}


def of_keras(layer, inputs, weights, **call):
    layer(*inputs, **call)
    layer.set_weights([some(*w.shape) for w in layer.get_weights()])
    named = {name: listed(w) for name, w in zip(weights, layer.get_weights(), strict=True)}
    return {"inputs": [listed(x) for x in inputs], "weights": named, "output": listed(np.asarray(layer(*inputs, **call)))}


HEADS = ["query_kernel", "query_bias", "key_kernel", "key_bias", "value_kernel", "value_bias", "output_kernel", "output_bias"]
x, y = some(2, 4, 6), some(2, 3, 5)
there = np.array([[1, 1, 1, 0], [1, 0, 0, 0]], bool)
cases = {
    "multiHeadAttention": of_keras(L.MultiHeadAttention(2, 3), [x, x], HEADS),
    "causal": of_keras(L.MultiHeadAttention(2, 3), [x, x], HEADS, use_causal_mask=True),
    "masked": of_keras(L.MultiHeadAttention(2, 3), [x, x], HEADS, attention_mask=np.repeat(there[:, None], 4, 1)),
    "of another sequence": of_keras(L.MultiHeadAttention(3, 2), [x, y], HEADS),
    "without bias": of_keras(L.MultiHeadAttention(2, 3, use_bias=False), [x, x], HEADS[::2]),
    "groupedQueryAttention": of_keras(L.GroupQueryAttention(3, 4, 2), [x, x], HEADS),
    "rmsNormalization": of_keras(L.RMSNormalization(epsilon=1e-4), [x], ["scale"]),
}

PARTS = ["query", "key", "value"]
for name, first, act in (("transformer", True, "gelu"), ("transformer, normalized after", False, "relu")):
    block = torch.nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, activation=act, batch_first=True, norm_first=first)
    block.eval()
    with torch.no_grad():
        for p in block.parameters():
            p.copy_(torch.from_numpy(some(*p.shape)))
    state = {k: v.detach().numpy() for k, v in block.state_dict().items()}
    weights = {}
    for i, part in enumerate(PARTS):
        # Torch multiplies from the right by [out, in]; heads lie one behind the other.
        weights[f"attention_{part}_kernel"] = state["self_attn.in_proj_weight"][6 * i : 6 * i + 6].T.reshape(6, 2, 3)
        weights[f"attention_{part}_bias"] = state["self_attn.in_proj_bias"][6 * i : 6 * i + 6].reshape(2, 3)
    weights["attention_output_kernel"] = state["self_attn.out_proj.weight"].T.reshape(2, 3, 6)
    weights["attention_output_bias"] = state["self_attn.out_proj.bias"]
    for ours, theirs in (("attention_norm", "norm1"), ("feed_forward_norm", "norm2")):
        weights[f"{ours}_gamma"], weights[f"{ours}_beta"] = state[f"{theirs}.weight"], state[f"{theirs}.bias"]
    for ours, theirs in (("intermediate", "linear1"), ("output", "linear2")):
        weights[f"{ours}_kernel"], weights[f"{ours}_bias"] = state[f"{theirs}.weight"].T, state[f"{theirs}.bias"]
    later = torch.nn.Transformer.generate_square_subsequent_mask(4)
    out = {}
    for way, mask in (("Encoder", None), ("Decoder", later)):
        given = torch.from_numpy(x).requires_grad_()
        result = block(given, src_mask=mask)
        factors = torch.linspace(-1, 1, result.numel()).reshape(result.shape)
        (result * factors).sum().backward()
        out[way] = {"output": listed(result.detach().numpy()), "slope": listed(given.grad.numpy())}
    cases[name] = {"inputs": [listed(x)], "weights": {k: listed(v) for k, v in weights.items()}, **out}

q = torch.from_numpy(some(2, 4, 5, 6))
angles = torch.arange(5.0)[:, None] * 10000 ** (-torch.arange(3.0) / 3)
first, second = q[..., :3], q[..., 3:]
turned = torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1)
cases["rotary"] = {"inputs": [listed(q.numpy())], "output": listed(turned.numpy())}
# Scaled dot-product attention: gradients of the sum of outputs * weights. Booleans: whether a key is there.
there = torch.tensor([[1, 1, 1, 0, 1], [1, 0, 0, 1, 0]], dtype=torch.bool)
for name, heads, groups, places, others, how in (
    ("attended", 2, 2, 4, 5, {}),
    ("attended, causal", 2, 2, 5, 5, {"is_causal": True}),
    ("attended, masked", 2, 2, 3, 5, {"attn_mask": there[:, None, None, :]}),
    ("attended, grouped", 6, 2, 5, 5, {"is_causal": True, "enable_gqa": True}),
):
    shapes = ((2, heads, places, 3), (2, groups, others, 3), (2, groups, others, 4))
    given = [torch.from_numpy(some(*shape)).requires_grad_() for shape in shapes]
    result = torch.nn.functional.scaled_dot_product_attention(*given, **how)
    (result * torch.linspace(-1, 1, result.numel()).reshape(result.shape)).sum().backward()
    slopes = [listed(each.grad.numpy()) for each in given]
    cases[name] = {"inputs": [listed(each.detach().numpy()) for each in given], "output": listed(result.detach().numpy()), "slopes": slopes}
print(json.dumps({"keras": keras.__version__, "torch": torch.__version__, "cases": cases}))
