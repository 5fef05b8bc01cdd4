/** What is trained on while the speed of training is measured. */
import { type Examples, plainColumn } from '../../src/data/examples.js';
import { elements } from '../../src/ground/elements.js';
import { bell, randomStream, uniform } from '../../src/ground/random.js';
import { sameText, vocabulary } from './same-start.js';
import type { TextShape } from './text-workloads.js';
import { classes } from './workloads.js';

export interface RandomShape {
  readonly featureShape: readonly number[];
  readonly featureType: 'float32' | 'uint8';
}

/** Examples in the data set: 51 MB of floats, more than caches hold, and a multiple of every batch size measured. */
const exampleCount = 16384;

export function randomExamples({ featureShape, featureType }: RandomShape): Examples {
  const width = elements(featureShape);
  const random = randomStream('benchmark');
  const bytes = featureType === 'uint8';
  const buffer = new SharedArrayBuffer(exampleCount * width * (bytes ? 1 : 4));
  const features = bytes ? new Uint8Array(buffer) : new Float32Array(buffer);
  for (let i = 0; i < features.length; i++) features[i] = bytes ? uniform(random, 0, 256) : bell(random);
  const targets = new Int32Array(new SharedArrayBuffer(exampleCount * 4));
  for (let i = 0; i < exampleCount; i++) targets[i] = uniform(random, 0, classes);
  const columns = [
    plainColumn('input', { shape: featureShape, scale: bytes ? 1 / 255 : 1, values: features }),
    plainColumn('target', { shape: [], values: targets, categories: classes }),
  ];
  return { count: exampleCount, columns };
}

/** Tokens, and the one that follows each of them or the last, as a run on a text has them. */
export function textExamples({ examples, places, targets }: TextShape): Examples {
  const tokens = sameText(examples, places + 1);
  const values = new Int32Array(new SharedArrayBuffer(tokens.byteLength));
  values.set(tokens);
  const [first, shape] = targets === 'all' ? [1, [places]] : [places, []];
  const columns = [
    plainColumn('input', { shape: [places], stride: places + 1, values }),
    plainColumn('target', { shape, stride: places + 1, values: values.subarray(first), categories: vocabulary }),
  ];
  return { count: examples, columns };
}
