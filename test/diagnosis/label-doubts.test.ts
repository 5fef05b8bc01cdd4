/** Labels in doubt are those that cleanlab finds; see scripts/peers/label_doubts.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doubtfulLabels } from '../../src/diagnosis/label-doubts.js';
import { packageRoot } from '../support/package.js';

interface Fixture {
  by: string;
  cases: { labels: number[]; probabilities: number[][]; found: number[] }[];
}
const { by, cases } = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/label-doubts.json'), 'utf8')) as Fixture;

const found = (labels: readonly number[], probabilities: readonly (readonly number[])[]) =>
  doubtfulLabels([...labels.keys()], probabilities[0].length, {
    label: (example) => labels[example],
    probability: (example, index) => probabilities[example][index],
  });

describe(by, () => {
  it.each(cases.map((one, i) => [i, one] as const))(
    'agrees on case %i',
    (_, { labels, probabilities, found: wanted }) => {
      const doubts = found(labels, probabilities);
      expect(wanted.length).toBeGreaterThan(2);
      expect(doubts.toSorted((a, b) => a - b)).toEqual(wanted);
      const own = doubts.map((example) => probabilities[example][labels[example]]);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    },
  );
});

it('are none where no class is likelier than its mean, nor of a class without labels', () => {
  expect(
    found(
      [0, 0, 1, 1],
      [
        [0.9, 0.1],
        [0.6, 0.4],
        [0.4, 0.6],
        [0.1, 0.9],
      ],
    ),
  ).toEqual([]);
  expect(
    found(
      [0, 0],
      [
        [0.9, 0.1],
        [0.2, 0.8],
      ],
    ),
  ).toEqual([]);
});
