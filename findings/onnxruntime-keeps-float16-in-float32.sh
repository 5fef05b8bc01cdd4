#!/usr/bin/env bash
# ONNX Runtime 1.32.0 (and 1.30.0) on a processor: nodes in float16 between two casts read and write float32. Where there is no kernel for float16, casts are
# put around a node, and those from float16 to float32 behind those from float32 to float16 are then taken out in pairs, the model's own among them,
# although they round: 2049, which float16 does not have, stays 2049, and 100000, which is infinite in it, 100000. That is so with all graph optimizations
# off, too. Two casts with nothing between them do round. A model in mixed precision has other numbers than it has on a device with float16.
# Needs Linux on x64 and Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat > seen.py <<'P'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

levels = onnxruntime.GraphOptimizationLevel


def model(*between):
    """x in float16, through nodes, and back."""
    names = ["half", *(f"t{i}" for i in range(len(between)))]
    nodes = [helper.make_node(op, [one], [other]) for op, one, other in zip(between, names, names[1:])]
    first = helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16)
    last = helper.make_node("Cast", [names[-1]], ["y"], to=TensorProto.FLOAT)
    ports = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])] for name in "xy"]
    graph = helper.make_graph([first, *nodes, last], "g", *ports)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def computed(made, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


x = np.array([2049, 1e5], np.float32)
print("onnxruntime 1.32.0, 2049 and 100000 to float16, through nodes, and back: as the model is written, without and with optimizations")
as_it_was = True
for between in [(), ("Relu",), ("Neg", "Neg")]:
    made = model(*between)
    with np.errstate(over="ignore"):
        written = ReferenceEvaluator(made).run(None, {"x": x})[0]
    plain, optimized = (computed(made, level) for level in (levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_ALL))
    print(f"  {', '.join(between) or 'nothing'}: {written}, {plain}, {optimized}")
    wanted = x if between else written
    as_it_was &= written.tolist() == [2048, np.inf] and all((seen == wanted).all() for seen in (plain, optimized))
sys.exit(0 if as_it_was else 1)
P
venv/bin/python seen.py
