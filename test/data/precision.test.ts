/** Numbers that 32 bits hold too coarsely are said, whatever the source. */
import { expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { loadDataset } from '../../src/data/load-data.js';
import { temporaryFolder } from '../support/folder.js';
import { writeModule } from '../support/modules.js';

const folder = temporaryFolder();
const splits = { validation: 0, test: 0 };

async function warningsOf(data: object): Promise<string[]> {
  const warnings: string[] = [];
  await loadDataset(dataSchema.parse({ ...data, ...splits }), 1, { warn: (message) => warnings.push(message) });
  return warnings;
}

// numpy.spacing(numpy.float32(1.7e9)) is 128, numpy.spacing(numpy.float32(2e4)) 0.001953125.
const times = Array.from({ length: 50 }, (_, i) => 1_700_000_000 + ((i * 37) % 500) * 2);
const small = times.map((time) => time - 1_700_000_000);

it.each([
  ['targets', { features: small, targets: times }],
  ['features', { features: times, targets: small }],
])('%s of 1.7e9 are told with the step to which they are rounded', async (kind, values) => {
  const said = new RegExp(`^${kind} of 1\\.70e\\+9 are rounded to steps of 128 by 32-bit numbers`);
  expect(await warningsOf({ source: 'values', ...values })).toEqual([expect.stringMatching(said)]);
  const rows = values.features.map((features, i) => ({ features: [1, features], target: values.targets[i] }));
  const file = writeModule(folder, `${kind}.mjs`, `export default ${JSON.stringify(rows)};`);
  expect(await warningsOf({ source: 'module', file })).toEqual([expect.stringContaining(`${kind} of 1.70e+9`)]);
});

it.each([
  ['around 0', small],
  ['far from 0 for their deviation, and exact enough', small.map((value) => value + 20_000)],
  ['all the same', small.map(() => 1_700_000_000)],
])('numbers %s are not', async (_, targets) => {
  expect(await warningsOf({ source: 'values', features: small, targets })).toEqual([]);
});
