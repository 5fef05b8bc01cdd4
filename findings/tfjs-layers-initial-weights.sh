#!/usr/bin/env bash
# TensorFlow.js layers 4.22.0 do not start where Keras's do, although names and documents agree:
# - glorotNormal draws a normal distribution truncated at two deviations and does not correct for that: the deviation is 0.88 of Glorot's
#   (Keras divides by 0.8796, which restores it); it is also the default of dense and conv2d, where Keras takes glorot_uniform.
# - an LSTM's unitForgetBias is undefined unless given: the forget gate starts at 0, where Keras's starts at 1.
# Needs Node and npm. Exits with 1 where one of them has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat > seen.cjs <<'J'
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
const { layers, version_layers: version } = require('@tensorflow/tfjs-layers');
const first = (layer, shape, at) => { layer.build(shape); return Array.from(layer.getWeights()[at].dataSync()); };
const kernel = first(layers.dense({ units: 500, kernelInitializer: 'glorotNormal' }), [null, 500], 0);
const mean = kernel.reduce((a, b) => a + b) / kernel.length;
const deviation = Math.sqrt(kernel.reduce((a, b) => a + (b - mean) ** 2, 0) / kernel.length);
const ratio = deviation / Math.sqrt(2 / 1000);
const forget = first(layers.lstm({ units: 4, recurrentInitializer: 'zeros' }), [null, 2, 3], 2).slice(4, 8);
console.log(`tfjs-layers ${version}: glorotNormal has ${ratio.toFixed(2)} of Glorot's deviation; an LSTM's forget bias starts at ${forget}`);
process.exit(Math.abs(ratio - 0.88) < 0.01 && forget.every((value) => value === 0) ? 0 : 1);
J
node seen.cjs 2>/dev/null
