#!/usr/bin/env bash
# TensorFlow.js layers 4.22.0 hand the first mask that a model has met to every layer behind it, also where a layer in between (here a
# convolution) has ended it: a recurrent layer then skips steps that are none of padding. Keras gives that layer no mask.
# Needs Node and npm. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs@4.22.0
cat > seen.cjs <<'J'
const tf = require('@tensorflow/tfjs');
const ids = tf.tensor([[1, 2, 0, 0], [3, 0, 0, 0]]);
const words = tf.input({ shape: [4] });
const embedded = tf.layers.embedding({ inputDim: 5, outputDim: 3, maskZero: true, embeddingsInitializer: 'glorotNormal' }).apply(words);
const convolved = tf.layers.conv1d({ filters: 3, kernelSize: 1, biasInitializer: 'ones' }).apply(embedded);
const reader = tf.layers.lstm({ units: 3 });
const model = tf.model({ inputs: words, outputs: [convolved, reader.apply(convolved)] });
const [between, inModel] = model.predict(ids);
const difference = tf.max(tf.abs(tf.sub(inModel, reader.apply(between)))).dataSync()[0];
console.log(`tfjs ${tf.version.tfjs}: the layer behind the convolution differs in the model and by itself by ${difference.toFixed(4)}`);
process.exit(difference > 1e-3 ? 0 : 1);
J
node seen.cjs 2>/dev/null
