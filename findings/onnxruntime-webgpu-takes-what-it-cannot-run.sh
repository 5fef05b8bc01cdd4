#!/usr/bin/env bash
# ONNX Runtime 1.30.0 (onnxruntime-node) makes sessions on WebGPU of models that this provider cannot run: it claims a ConvTranspose of volumes, which its
# kernel has for images alone, and nodes in float16 on a device without shader-f16. The processor has kernels for both and takes neither; the first run
# fails, and a session that is made says nothing about whether a model runs.
# Needs Linux, Node.js 20 or later, and a graphics card with a driver for Vulkan, or one in software: Debian's packages chromium and libvulkan1, with
# VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json in the environment; that one has no float16, and a card that has it computes the second model.
# Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y > seen.log
npm install --ignore-scripts --silent onnxruntime-node@1.30.0
cat > seen.mjs <<'J'
import { InferenceSession, Tensor } from 'onnxruntime-node';

// ONNX in protocol buffers: IR version 9, operator set 17.
const size = (count) => (count < 128 ? [count] : [(count & 127) | 128, count >> 7]);
const part = (field, ...bytes) => [(field << 3) | 2, ...size(bytes.flat().length), ...bytes.flat()];
const text = (field, value) => part(field, ...Buffer.from(value));
const port = (field, name, shape) => {
  const dimensions = shape.map((size) => part(1, [8, size]));
  return part(field, text(1, name), part(2, part(1, [8, 1], part(2, ...dimensions))));
};
const node = (op, inputs, output, ...attributes) =>
  part(1, ...inputs.map((name) => text(1, name)), text(2, output), text(4, op), ...attributes);
const to = (type) => part(5, text(1, 'to'), [24, type, 160, 1, 2]);
const model = (nodes, given, made) => {
  const graph = part(7, ...nodes, text(2, 'g'), ...given.map((shape, i) => port(11, 'xw'[i], shape)), port(12, 'y', made));
  return Uint8Array.from([8, 9, ...graph, ...part(8, [16, 17])]);
};
const volume = [1, 1, 2, 2, 2];
const cases = {
  'ConvTranspose of a volume': [model([node('ConvTranspose', ['x', 'w'], 'y')], [volume, volume], [1, 1, 3, 3, 3]), [volume, volume]],
  'a product in float16': [
    model([node('Cast', ['x'], 'a', to(10)), node('Mul', ['a', 'a'], 'b'), node('Cast', ['b'], 'y', to(1))], [[2]], [2]),
    [[2]],
  ],
};

const reason = ({ message }) => message.trim().split('\n')[0].replace(/^.*Status Message: |^\S+\.(cc|h):\d+ /g, '').slice(0, 150);
async function told([model, shapes], provider) {
  let at = 'as the session is made';
  try {
    const session = await InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 4 });
    at = 'as it runs';
    const ones = (shape) => new Float32Array(shape.reduce((product, one) => product * one)).fill(1);
    const feeds = shapes.map((shape, i) => ['xw'[i], new Tensor('float32', ones(shape), shape)]);
    const { y } = await session.run(Object.fromEntries(feeds));
    return `computes ${y.data[0]}`;
  } catch (error) {
    return `fails ${at}: ${reason(error)}`;
  }
}
console.log('onnxruntime-node 1.30.0');
let asItWas = true;
for (const [name, made] of Object.entries(cases)) {
  const [device, processor] = [await told(made, 'webgpu'), await told(made, 'cpu')];
  console.log(`  ${name}\n    on WebGPU ${device}\n    on the processor ${processor}`);
  asItWas &&= device.startsWith('fails as it runs') && processor === 'computes 1';
}
process.exit(asItWas ? 0 : 1);
J
ORT_DISABLE_TELEMETRY=1 node seen.mjs 2> seen.log || { grep -v '^ *at ' seen.log; exit 1; }
