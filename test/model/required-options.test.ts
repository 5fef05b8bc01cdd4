/** Layers without an option that they need: each is told what to write, and what is told makes a layer. */
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { createLayer } from '../../src/model/build/create-layer.js';
import { requiredOptions } from '../../src/model/build/required-options.js';

const { layers } = createRequire(import.meta.url)('@tensorflow/tfjs-layers') as { layers: Record<string, unknown> };
const names = Object.keys(layers).filter((name) => /^[a-z]/.test(name) && !/^input(Layer)?$/.test(name));
const words = { classes: 3, categories: 5 };

/** What a layer without these options is answered with; undefined where it is made. */
function answered(name: string, options: Record<string, unknown>): { problem: string; remedy: string } | undefined {
  try {
    createLayer(name, options, words, 'model.layers[0]');
    return undefined;
  } catch (error) {
    return error as { problem: string; remedy: string };
  }
}

it('each layer of tfjs is made without options, or says what it needs', () => {
  expect(names.length).toBeGreaterThan(70);
  const refused = names.flatMap((name) => {
    const answer = answered(name, {});
    return answer === undefined ? [] : [[name, answer.problem]];
  });
  // One that is refused whatever it is given.
  const others = refused.filter(([name, problem]) => !problem.startsWith(`model.layers[0]: ${name} needs `));
  expect(others.map(([name]) => name)).toEqual(['randomWidth']);
  expect(refused.map(([name]) => name).sort()).toEqual([...Object.keys(requiredOptions), 'randomWidth'].sort());
});

it.each(Object.entries(requiredOptions))(
  '%s needs each of its options, and is made with what is told',
  (name, told) => {
    const all = Object.fromEntries(Object.entries(told).map(([key, value]) => [key, parse(value)]));
    expect(answered(name, all)).toBeUndefined();
    for (const [key, value] of Object.entries(told)) {
      const answer = answered(name, { ...all, [key]: undefined });
      expect(answer?.problem).toBe(`model.layers[0]: ${name} needs ${key}`);
      expect(answer?.remedy).toContain(`${key}: ${value}`);
    }
  },
);

it('an embedding of texts is told of classes', () => {
  expect(answered('embedding', { outputDim: 65 })?.remedy).toContain(
    'inputDim: classes for characters and tokens of a text',
  );
});
