/** docs/masks.md says of every layer what it does with a mask. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import '../../src/model/tfjs/core-gaps.js';

import tfl = require('@tensorflow/tfjs-layers');

import { checkMasked, masksAfter } from '../../src/model/layer-masks.js';
import { packageRoot } from '../support/package.js';

const rows = readFileSync(join(packageRoot, 'docs/masks.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const listed = (start: string): string => rows.find(([, what]) => what.startsWith(start))![2];
const names = (start: string): string[] => listed(start).match(/\b[a-z]\w*[A-Z0-9]?\w*\b/g)!;

type Layer = tfl.layers.Layer;
const factories = tfl.layers as unknown as Record<string, (options: object) => Layer>;
const options = {
  units: 2,
  filters: 2,
  kernelSize: 1,
  rate: 0.1,
  stddev: 0.1,
  inputDim: 3,
  outputDim: 2,
  activation: 'relu',
  targetShape: [2],
  n: 2,
  dims: [1],
  scale: 1,
  height: 2,
  width: 2,
  numTokens: 2,
  factor: 0.1,
  size: 2,
};
const special: Record<string, () => object> = {
  dot: () => ({ axes: 1 }),
  timeDistributed: () => ({ layer: tfl.layers.dense({ units: 2 }) }),
  bidirectional: () => ({ layer: tfl.layers.lstm({ units: 2, returnSequences: true }), mergeMode: 'concat' }),
  rnn: () => ({ cell: tfl.layers.lstmCell({ units: 2 }), returnSequences: true }),
  embedding: () => ({ inputDim: 3, outputDim: 2 }),
};
const recurrent = names('use it, and pass');

function made(name: string): Layer | undefined {
  try {
    const own = special[name]?.() ?? { ...options, ...(recurrent.includes(name) ? { returnSequences: true } : {}) };
    const layer = factories[name](own);
    return typeof layer.getClassName === 'function' && !/Cells?$/.test(layer.getClassName()) ? layer : undefined;
  } catch {
    return undefined;
  }
}

const kinds = Object.keys(tfl.layers).filter((name) => /^[a-z]/.test(name) && !/^(input|inputLayer|Layer)$/.test(name));

it.each(kinds)('%s', (name) => {
  const layer = made(name);
  if (!layer) return;
  const says = (start: string) => new RegExp(`\\b${name}\\b`).test(listed(start));
  const refuses = (training: boolean): boolean => {
    try {
      checkMasked(layer, training);
      return false;
    } catch {
      return true;
    }
  };
  expect(refuses(false)).toBe(says('refuse'));
  if (says('refuse')) return;
  const passes = masksAfter(layer, [true, true], 1)[0];
  const goesOn = ['pass', 'join', 'make', 'use it, and pass'].some(says);
  expect(passes).toBe(goesOn);
  expect(masksAfter(layer, [true, false], 1)[0]).toBe(goesOn && (!says('join') || name === 'concatenate'));
});

it('it names no layer that is not there', () => {
  const told = ['pass', 'make', 'use it, and pass', 'use and end', 'refuse'].flatMap(names);
  const words = told.filter((name) => kinds.includes(name));
  expect(words.length).toBeGreaterThan(25);
  for (const name of words) expect(made(name), name).toBeDefined();
});
