#!/usr/bin/env bash
# TensorFlow.js's wasm backend 4.22.0 gives other numbers than its cpu backend, without an error, for
# - maxPool3d with padding "same" where windows overlap, and
# - conv3dTranspose, whatever the padding.
# Keras agrees with cpu. The other pools and convolutions of volumes that were tried agree.
# Needs Node and npm. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat > seen.cjs <<'J'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
const { version_wasm: version } = require('@tensorflow/tfjs-backend-wasm');
const values = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
const volume = () => tf.tensor5d(values(240), [1, 5, 6, 4, 2]);
const kernel = () => tf.tensor5d(values(32), [2, 2, 2, 2, 2]);
const cases = {
  'maxPool3d, overlapping, same': [() => tf.maxPool3d(volume(), 2, 1, 'same'), true],
  'maxPool3d, overlapping, valid': [() => tf.maxPool3d(volume(), 2, 1, 'valid'), false],
  'avgPool3d, overlapping, same': [() => tf.avgPool3d(volume(), 2, 1, 'same'), false],
  'conv3d': [() => tf.conv3d(volume(), kernel(), 2, 'same'), false],
  'conv3dTranspose': [() => tf.conv3dTranspose(volume(), kernel(), [1, 10, 12, 8, 2], 2, 'same'), true],
};
(async () => {
  const on = async (backend, run) => { await tf.setBackend(backend); return run().dataSync(); };
  let same = true;
  for (const [name, [run, differs]] of Object.entries(cases)) {
    const [cpu, wasm] = [await on('cpu', run), await on('wasm', run)];
    const off = Math.max(...cpu.map((value, i) => Math.abs(value - wasm[i])));
    console.log(`tfjs-backend-wasm ${version}: ${name}: largest difference from cpu ${off.toPrecision(2)}`);
    same &&= off > 0.1 === differs;
  }
  process.exit(same ? 0 : 1);
})();
J
node seen.cjs 2>/dev/null
