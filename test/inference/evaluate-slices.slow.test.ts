/** `lockstep evaluate --by` and `evaluation.group` on a run of a table: its own splits, and other data. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import type { EvaluateOptions } from '../../coordinator/inference/evaluated-data.js';
import { predict } from '../../coordinator/inference/predict.js';
import { LockstepError } from '../../src/errors.js';
import { lockstepServed } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const random = lcg(21);
const header = 'x,z,sex,age,patient,y';
const rows = Array.from({ length: 300 }, (_, i) => {
  const [x, z] = [random() - 0.5, random() - 0.5];
  const sex = ['f', 'm', ''][Math.floor(2.3 * random())];
  const y = x + 0.5 * z + (sex === 'f' ? 0.8 : 0.2) * (random() - 0.5) > 0 ? 'yes' : 'no';
  return { x, z, sex, age: 20 + Math.floor(50 * random()), patient: `p${i % 60}`, y };
});
const write = (name: string, lines: readonly object[], head = header): string => {
  const file = join(folder, name);
  const names = head.split(',');
  const cells = lines.map((row) => names.map((key) => (row as Record<string, unknown>)[key]).join(','));
  writeFileSync(file, `${[head, ...cells].join('\n')}\n`);
  return file;
};

let run = '';
beforeAll(async () => {
  const file = write('all.csv', rows);
  const config = writeConfig(folder, 'slices', {
    data: {
      ...{ source: 'csv', file, target: 'y', features: ['x', 'z'] },
      split: { validation: 0.2, test: 0.5, group: 'patient' },
    },
    ...{ model: { layers: [{ dense: { units: 'classes' } }] }, loss: 'sparseCategoricalCrossentropy' },
    ...{ metrics: ['accuracy'], training: { epochs: 2, batchSize: 16 }, optimizer: { adam: { learningRate: 0.1 } } },
    evaluation: { resamples: 100 },
  });
  run = (await trained(config, [], join(folder, 'runs'))).start.folder;
});

async function evaluated(options: EvaluateOptions) {
  const warnings: string[] = [];
  const result = await evaluate(run, { threads: 1, ...options, warn: (message) => warnings.push(message) });
  return { ...result, warnings };
}

async function refusal(options: EvaluateOptions) {
  const error = await evaluated(options).catch((reason) => reason);
  expect(error).toBeInstanceOf(LockstepError);
  return [error.problem, error.remedy];
}

describe('slices', () => {
  it('of other data are what predictions of their rows come to, by a column that the model does not read', async () => {
    const file = write('other.csv', rows.slice(0, 120));
    const { slices } = await evaluated({ data: file, by: ['sex'] });
    const isRight: number[] = [];
    for await (const { classes } of (await predict(run, file)).rows) {
      isRight.push(Number(classes![0].name === rows[isRight.length].y));
    }
    expect(slices![0].groups.map(({ value }) => value).sort()).toEqual(['(missing)', 'f', 'm']);
    for (const { value, examples, metrics } of slices![0].groups) {
      const own = isRight.filter((_, i) => (rows[i].sex || '(missing)') === value);
      expect(examples).toBe(own.length);
      expect(metrics.accuracy).toBeCloseTo(own.reduce((a, b) => a + b, 0) / own.length, 12);
    }
  });

  it('of a split draw its groups whole, and add up to all of it', async () => {
    const { groups, slices, examples, intervals, warnings } = await evaluated({ by: ['age:3', 'sex,age:2', 'class'] });
    expect(groups).toEqual({ column: 'patient', count: examples / 5 });
    expect(intervals.accuracy.method).toBe('bootstrap');
    expect(warnings).toEqual([]);
    expect((await evaluated({ split: 'validation' })).warnings).toEqual([
      'data.split.group: patient: intervals are of 12 groups; of fewer than 30 they are too narrow',
    ]);
    for (const { groups } of slices!) expect(groups.reduce((sum, each) => sum + each.examples, 0)).toBe(examples);
    expect(slices!.map(({ column }) => column)).toEqual(['age', 'sex, age', 'class']);
    expect(slices![2].groups.map(({ value }) => value).sort()).toEqual(['no', 'yes']);
    const plain = await evaluated({
      overrides: ['evaluation.group=false', 'evaluation.slices=[{ age: { edges: [40] } }]'],
    });
    expect(plain.groups).toBeUndefined();
    expect(plain.intervals.accuracy.method).toBe('wilson');
    expect(plain.slices![0].groups.map(({ value }) => value).sort()).toEqual(['< 40', '>= 40']);
    expect(plain.slices![0].edges).toEqual({ age: [40] });
  });

  it('are refused where a column is not there, has a gap, or bins cannot be', async () => {
    expect(await refusal({ by: ['six'] })).toEqual([
      expect.stringMatching(/^--by six: .*all\.csv has no column "six"$/),
      'did you mean sex?',
    ]);
    expect(await refusal({ by: ['sex:2'] })).toEqual([
      expect.stringMatching(/^--by sex:2: column sex holds "[fm]", which is no finite number$/),
      'slice by its values: sex',
    ]);
    expect(await refusal({ by: ['age:1'] })).toEqual([
      '--by age:1: 1 is no number of bins',
      'ask for 2 to 100 bins: age:4',
    ]);
    expect(await refusal({ by: ['sex,'] })).toEqual([
      '--by sex,: names no column',
      'name columns: column, column:4 or one,other',
    ]);
    expect(await refusal({ by: ['sex,sex'] })).toEqual(['--by sex,sex: names sex twice', 'name it once']);
    expect(await refusal({ by: ['sex', 'sex'] })).toEqual(['--by sex: stands there twice', 'name it once']);
    const [twice] = await refusal({ overrides: ['evaluation.slices=[sex, [sex, site, sex]]'] });
    expect(twice).toBe('evaluation.slices.1: names sex twice');
    expect((await refusal({ overrides: ['evaluation.slices=[sex, sex]'] }))[0]).toBe(
      'evaluation.slices.1: "sex" stands there twice',
    );
    expect(await refusal({ overrides: ['evaluation.group=sex'] })).toEqual([
      expect.stringMatching(/^evaluation\.group: sex: .*all\.csv, line \d+ has no value in sex$/),
      'fill it in, or name another column',
    ]);
  });

  it('of data without the groups of the split take examples for independent, with a word', async () => {
    const data = write('short.csv', rows.slice(0, 80), 'x,z,y');
    const { groups, warnings } = await evaluated({ data });
    expect(groups).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('data.split.group: patient: these data have no patient')]);
  });

  it('are printed, and in JSON', async () => {
    const served = (...args: string[]) => lockstepServed(['evaluate', run, '--threads', '1', ...args], folder);
    const { code, stdout, stderr } = await served('--by', 'sex', '--by', 'age:2');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/each with its 95 % interval, of whole groups by patient \(\d+\)\n/);
    expect(stdout).toMatch(
      /slices by sex, the worst accuracy first[\s\S]*slices by age, [\s\S]*bins of age begin or end at/,
    );
    const json = await served('--by', 'sex', '--json');
    const { slices } = JSON.parse(json.stdout.split('\n').find((line) => line.includes('"evaluation"'))!);
    expect(slices[0]).toMatchObject({ column: 'sex', by: 'accuracy', confidence: 0.95 });
  });
});
