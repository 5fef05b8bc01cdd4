#!/usr/bin/env bash
# TensorFlow.js core 4.22.0 has gradients that differ from the derivative without a word (central differences of its own forward
# kernels on backend cpu show it): mirrorPad's is a plain slice, so that what was mirrored counts once; resizeBilinear's and
# resizeNearestNeighbor's take no notice of halfPixelCenters; avgPool3d's divides by the whole window at a padded border, where
# the pool itself divides by what it sees. cumsum's, along another axis than the last, transposes the wrong way and throws.
# Needs Node and npm. Exits with 1 where one of them has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs@4.22.0
cat > seen.cjs <<'J'
const tf = require('@tensorflow/tfjs');
const wave = (shape) => tf.tensor(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1)), shape);
const weighted = (y) => tf.sum(tf.mul(y, wave(y.shape)));
function difference(operation, x) {
  const f = (x) => weighted(operation(x));
  let found;
  try {
    found = Array.from(tf.grad(f)(x).dataSync());
  } catch {
    return 'throws';
  }
  const values = Array.from(x.dataSync());
  const step = 1e-2;
  const at = (i, by) => f(tf.tensor(values.map((value, j) => (j === i ? value + by : value)), x.shape)).dataSync()[0];
  return Math.max(...values.map((_, i) => Math.abs(found[i] - (at(i, step) - at(i, -step)) / (2 * step))));
}
tf.setBackend('cpu');
const image = wave([1, 2, 2, 1]);
const table = wave([2, 3]);
const seen = {
  'mirrorPad': difference((x) => tf.mirrorPad(x, [[1, 1], [1, 1]], 'reflect'), table),
  'resizeBilinear with halfPixelCenters': difference((x) => tf.image.resizeBilinear(x, [4, 4], false, true), image),
  'resizeNearestNeighbor with halfPixelCenters': difference((x) => tf.image.resizeNearestNeighbor(x, [3, 3], false, true), image),
  'avgPool3d with padding same': difference((x) => tf.avgPool3d(x, 2, 1, 'same'), wave([1, 3, 3, 3, 1])),
  'cumsum along axis 0': difference((x) => tf.cumsum(x, 0), table),
  'cumsum along the last axis (right)': difference((x) => tf.cumsum(x, 1), table),
  'resizeBilinear with alignCorners (right)': difference((x) => tf.image.resizeBilinear(x, [4, 4], true), image),
};
console.log(`tfjs-core ${tf.version_core}: gradient less central difference, largest`);
for (const [name, value] of Object.entries(seen)) console.log(`  ${name}: ${typeof value === 'number' ? value.toFixed(4) : value}`);
const as = Object.entries(seen).every(([name, value]) =>
  name.endsWith('(right)') ? value < 1e-3 : value === 'throws' || value > 0.1);
process.exit(as ? 0 : 1);
J
node seen.cjs 2>/dev/null
