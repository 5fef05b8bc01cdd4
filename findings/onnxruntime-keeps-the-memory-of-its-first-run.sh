#!/usr/bin/env bash
# ONNX Runtime 1.32.0 on a processor: the second run of a session doubles the memory that it keeps. The first run takes its tensors one by one and
# traces them; from the second on, the pattern that was traced is one block, which the arena takes beside what the first run left in it, and both
# stay for as long as the session does. The run option memory.enable_memory_arena_shrinkage on the first run alone avoids that: the second run has
# what the first one had. Models whose intermediate results live long, as in training, double what they need otherwise.
# Needs Linux, and Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat > seen.py <<'P'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

COUNT, LAYERS = 4 * 1024 * 1024, 16
there = [helper.make_node("Sin", [f"t{i}"], [f"t{i + 1}"]) for i in range(LAYERS)]
# On the way back each result is read once more, as the gradients of a training step read it.
back = [helper.make_node("Mul", [f"s{i + 1}", f"t{i}"], [f"s{i}"]) for i in reversed(range(1, LAYERS))]
first = helper.make_node("Identity", [f"t{LAYERS}"], [f"s{LAYERS}"])
last = helper.make_node("ReduceSum", ["s1"], ["y"], keepdims=0)
inputs = [helper.make_tensor_value_info("t0", TensorProto.FLOAT, [COUNT])]
outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])]
graph = helper.make_graph([*there, first, *back, last], "g", inputs, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def resident():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
x = np.ones(COUNT, np.float32)
before = resident()
for run in range(3):
    how = onnxruntime.RunOptions()
    if run == 0 and sys.argv[1] == "shrinks":
        how.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    session.run(None, {"t0": x}, how)
    print(f"{resident() - before:.0f}")
P
echo "onnxruntime 1.32.0, MB more than before, after each of three runs"
mapfile -t plain < <(venv/bin/python seen.py keeps)
mapfile -t shrunk < <(venv/bin/python seen.py shrinks)
echo "  as it is: ${plain[*]}"
echo "  the first run gives its memory back: ${shrunk[*]}"
(( 10 * plain[1] > 17 * plain[0] && 10 * plain[2] > 17 * plain[0] && 10 * shrunk[2] < 13 * plain[0] ))
