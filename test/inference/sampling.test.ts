/** How the next token is chosenToken: what transformers 5.24.0 makes of the same logits (scripts/peers/sampling.py); and what is refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkSampling,
  chosenToken,
  processedLogits,
  type SamplingOptions,
} from '../../coordinator/inference/sampling.js';
import { packageRoot } from '../support/package.js';
import { refusal } from '../support/predictions.js';

interface Case {
  logits: number[];
  seen: number[];
  options: { temperature?: number; top_k?: number; top_p?: number; repetition_penalty?: number };
  /** null where a token is not drawn. */
  expected: (number | null)[];
}
const { cases, greedy } = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/sampling.json'), 'utf8')) as {
  cases: Case[];
  greedy: { prompt: number[]; penalty: number; logits: number[][]; taken: number[] }[];
};
const never = () => {
  throw new Error('nothing is drawn');
};

describe('logits', () => {
  it('come to what they do in transformers', () => {
    for (const { logits, seen, options, expected } of cases) {
      const { temperature, top_k: topK, top_p: topP, repetition_penalty: repetitionPenalty } = options;
      const own = { temperature, topK, topP, repetitionPenalty };
      const found = processedLogits(Float64Array.from(logits), new Set(seen), own);
      const told = JSON.stringify({ logits, ...own });
      expect([told, ...found].map((value) => value === Number.NEGATIVE_INFINITY)).toEqual([
        false,
        ...expected.map((value) => value === null),
      ]);
      expected.forEach((value, id) => {
        if (value !== null) expect(Math.abs(found[id] / value - 1) < 1e-6 || found[id] === value, told).toBe(true);
      });
    }
    expect(cases.length).toBeGreaterThan(30);
  });

  it.each(greedy.map((each) => [each.penalty, each] as const))(
    'are the greatest where none is drawn, of penalty %s',
    (penalty, { prompt, logits, taken }) => {
      const seen = new Set(prompt);
      const options = { temperature: 0, repetitionPenalty: penalty };
      const found = logits.map((step) => {
        const token = chosenToken(processedLogits(Float64Array.from(step), seen, options), options, never);
        seen.add(token);
        return token;
      });
      expect(found).toEqual(taken);
    },
  );
});

it('a token is drawn as often as its probability says, and never one that was left out', () => {
  const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
  const options: SamplingOptions = { topP: 0.81 };
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 950; i++) {
    counts[chosenToken(processedLogits(Float64Array.from(logits), [], options), options, () => (i + 0.5) / 950)]++;
  }
  expect(counts).toEqual([500, 300, 150, 0]);
});

describe('options', () => {
  const refused = (options: SamplingOptions) => refusal((async () => checkSampling(options, never))());

  it.each([
    [{ temperature: -1 }, '--temperature -1 is not a number of at least 0'],
    [{ temperature: Number.NaN }, '--temperature NaN is not'],
    [{ temperature: Number.POSITIVE_INFINITY }, '--temperature Infinity is not'],
    [{ topK: 0 }, '--top-k 0 is not a whole number of at least 1'],
    [{ topK: 1.5 }, '--top-k 1.5 is not'],
    [{ topP: 0 }, '--top-p 0 is not a number above 0 and up to 1'],
    [{ topP: 1.01 }, '--top-p 1.01 is not'],
    [{ repetitionPenalty: 0 }, '--repetition-penalty 0 is not a number above 0'],
  ])('%j are refused', async (options, message) => {
    expect(await refused(options)).toContain(message);
  });

  it('that have no effect are told', () => {
    const told: string[] = [];
    checkSampling({ temperature: 0, topP: 0.5 }, (message) => told.push(message));
    checkSampling({ temperature: 0, repetitionPenalty: 2 }, never);
    checkSampling({ temperature: 1e-9, topK: 1, topP: 1, repetitionPenalty: 1e9 }, never);
    expect(told).toEqual(['--top-p has no effect at --temperature 0, which takes the likeliest token']);
  });
});
