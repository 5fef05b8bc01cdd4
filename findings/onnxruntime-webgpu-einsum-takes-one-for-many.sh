#!/usr/bin/env bash
# ONNX Runtime 1.30.0 (onnxruntime-node): a letter of an Einsum whose axis has 1 element in the first input and 3 in the second. The processor repeats the
# one, as numpy.einsum does, and the result has 3 matrices; WebGPU takes the size that it sees first, and the result has 1, without a word.
# Needs Linux, Node.js 20 or later, and a graphics card with a driver for Vulkan, or one in software: Debian's packages chromium and libvulkan1, with
# VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json in the environment.
# Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y > seen.log
npm install --ignore-scripts --silent onnxruntime-node@1.30.0
cat > seen.mjs <<'J'
import { InferenceSession, Tensor } from 'onnxruntime-node';

// ONNX in protocol buffers: IR version 9, operator set 17; the result has axes of any size.
const part = (field, ...bytes) => [(field << 3) | 2, bytes.flat().length, ...bytes.flat()];
const text = (field, value) => part(field, ...Buffer.from(value));
const port = (field, name, shape) => {
  const dimensions = shape.map((size) => (typeof size === 'string' ? part(1, text(2, size)) : part(1, [8, size])));
  return part(field, text(1, name), part(2, part(1, [8, 1], part(2, ...dimensions))));
};
const equation = part(5, text(1, 'equation'), text(4, 'dab,dbc->dac'), [160, 1, 3]);
const product = part(1, text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'Einsum'), equation);
const shapes = { x: [1, 2, 3], w: [3, 3, 2] };
const graph = [product, text(2, 'g'), port(11, 'x', shapes.x), port(11, 'w', shapes.w), port(12, 'y', ['p', 'q', 'r'])].flat();
const length = graph.length < 128 ? [graph.length] : [(graph.length & 127) | 128, graph.length >> 7];
const model = Uint8Array.from([8, 9, (7 << 3) | 2, ...length, ...graph, ...part(8, [16, 17])]);

async function result(provider) {
  const session = await InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 4 });
  const counted = (shape) => new Float32Array(shape.reduce((all, one) => all * one)).map((_, i) => i);
  const feeds = Object.entries(shapes).map(([name, shape]) => [name, new Tensor('float32', counted(shape), shape)]);
  const { y } = await session.run(Object.fromEntries(feeds));
  return `[${y.dims}]: ${[...y.data]}`;
}
const [processor, device] = [await result('cpu'), await result('webgpu')];
console.log(`onnxruntime-node 1.30.0, dab,dbc->dac of [${shapes.x}] and [${shapes.w}]\n  processor ${processor}\n  WebGPU    ${device}`);
process.exit(processor.startsWith('[3,2,2]') && device.startsWith('[1,2,2]') ? 0 : 1);
J
ORT_DISABLE_TELEMETRY=1 node seen.mjs 2> seen.log || { grep -v '^ *at ' seen.log; exit 1; }
