/** `lockstep predict` with a model of text: it continues a prompt, greedily or by chance. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { continueText } from '../../coordinator/inference/continue-text.js';
import { predict } from '../../coordinator/inference/predict.js';
import { lockstepServed } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { linesOf, predictionOutput, refusal } from '../support/predictions.js';
import { type Trained, trained } from '../support/runs.js';

const folder = temporaryFolder();
const train = (name: string, config: object) => trained(writeConfig(folder, name, config), [], join(folder, 'runs'));

const output = (...args: string[]) => predictionOutput(args, folder);

describe('a text', () => {
  const text = 'one two three four. '.repeat(60);
  let chant: Trained;
  beforeAll(async () => {
    writeFileSync(join(folder, 'chant.txt'), text);
    chant = await train('chant', {
      data: { source: 'text', file: join(folder, 'chant.txt'), window: 6, validation: 0 },
      model: {
        layers: [{ embedding: { inputDim: 'classes', outputDim: 8 } }, 'flatten', { dense: { units: 'classes' } }],
      },
      loss: 'sparseCategoricalCrossentropy',
      optimizer: { adam: { learningRate: 0.05 } },
      training: { epochs: 6, batchSize: 64 },
    });
  });
  it('goes on from the last place of a model of every place', async () => {
    const each = await train('each', {
      data: { source: 'text', file: join(folder, 'chant.txt'), window: 8, targets: 'all', validation: 0 },
      model: {
        layers: [
          { tokenAndPositionEmbedding: { width: 16 } },
          { transformerDecoder: { heads: 2, feedForward: 32 } },
          { dense: { units: 'classes', activation: 'softmax' } },
        ],
      },
      loss: 'sparseCategoricalCrossentropy',
      optimizer: { adam: { learningRate: 0.03 } },
      training: { epochs: 5, batchSize: 64 },
    });
    const flags = ['--length', '16', '--temperature', '0'];
    // A short text stands where texts start in training: nothing that nobody wrote is before it.
    for (const prompt of ['three four. one ', 'one ']) {
      expect(await output(each.start.folder, '--text', prompt, ...flags)).toBe('two three four. \n');
    }
  });

  const said = async (prompt: string, options: object) => {
    let all = '';
    for await (const character of await continueText(chant.start.folder, prompt, options)) all += character;
    return all;
  };

  it('goes on by what was learnt', async () => {
    const wanted = 'two three four. one two three four. one ';
    const flags = ['--length', '40', '--temperature', '0'];
    expect(await output(chant.start.folder, '--text', 'three four. one ', ...flags)).toBe(`${wanted}\n`);
    writeFileSync(join(folder, 'prompt.txt'), 'three four. one ');
    const json = await output(chant.start.folder, join(folder, 'prompt.txt'), ...flags, '--json');
    expect(JSON.parse(json)).toEqual({ text: wanted });
  });

  it('is drawn by seed and temperature', async () => {
    const warm = { temperature: 4, length: 60 };
    const first = await said('one ', { ...warm, seed: 1 });
    expect(first).toHaveLength(60);
    expect(await said('one ', { ...warm, seed: 1 })).toBe(first);
    expect(await said('one ', { ...warm, seed: 2 })).not.toBe(first);
    // Nearly no heat is nearly no choice, and so is one token.
    const learnt = 'two three four. one ';
    expect(await said('three four. one ', { temperature: 0.01, length: 20, seed: 3 })).toBe(learnt);
    expect(await said('three four. one ', { ...warm, topK: 1, length: 20 })).toBe(learnt);
    expect(await said('three four. one ', { ...warm, topP: 1e-6, length: 20 })).toBe(learnt);
    // What was there is not said again: of 13 characters, 7 are left.
    const fresh = await said('one ', { temperature: 0, repetitionPenalty: 1e6, length: 7 });
    expect(new Set(`one ${fresh}`).size).toBe(11);
  });

  it('is had several times, of seeds one after the other', async () => {
    const flags = ['--text', 'one ', '--length', '12', '--temperature', '4'];
    const text = await output(chant.start.folder, ...flags, '--seed', '5', '--samples', '2');
    const [first, second] = await Promise.all([5, 6].map((seed) => said('one ', { temperature: 4, length: 12, seed })));
    expect(text).toBe(`--- seed 5\n${first}\n--- seed 6\n${second}\n`);
    const lines = await output(chant.start.folder, ...flags, '--seed', '5', '--samples', '2', '--json');
    const objects = linesOf(lines).map((line) => JSON.parse(line));
    expect(objects).toEqual([first, second].map((each, i) => ({ seed: 5 + i, text: each })));
  });

  it('must be one, of known characters', async () => {
    expect(await refusal(said('ONE', {}))).toContain('character 1, "O" (U+004F), is not among');
    const refused = async (...args: string[]) => {
      const { code, stdout, stderr } = await lockstepServed(['predict', chant.start.folder, ...args], folder);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      return stderr;
    };
    expect(await refused()).toContain('no text is given');
    expect(await refused('--text', 'one', '--temperature', '-1')).toContain('--temperature -1 is not');
    expect(await refused('--text', 'one', '--top-p', 'x')).toContain('--top-p x is not a number');
    expect(await refused('--text', 'one', '--samples', '0')).toContain('--samples 0 is not a whole number');
    expect(await refused('--text', 'one', '--csv')).toContain('is a model of text');
    expect(await refusal(predict(chant.start.folder, 'x'))).toContain('is a model of text');
    const digits = await train('digits', {
      data: { source: 'digits', examples: 100, validation: 0, test: 0 },
      model: { layers: ['flatten', { dense: { units: 'classes' } }] },
      loss: 'sparseCategoricalCrossentropy',
      training: { epochs: 1, batchSize: 100 },
    });
    expect(await refusal(continueText(digits.start.folder, 'one'))).toContain('is no model of text');
    const { stderr } = await lockstepServed(['predict', digits.start.folder, '--top-k', '3'], folder);
    expect(stderr).toContain(`--top-k: ${digits.start.folder} is no model of text`);
  });
});
