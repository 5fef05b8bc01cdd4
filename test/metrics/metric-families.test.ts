/**
 * Every family of metrics: the values of scikit-learn 1.9.1 (scripts/peers/metric_families.py), and the same bits however the
 * batches are spread over threads and workers. And a family that gives a table, and one that gives a curve, of one object each.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { MetricLimit } from '../../src/config/gate.js';
import { refuseIdle } from '../../src/evaluate/gate-ranges.js';
import type { MetricSpec } from '../../src/evaluate/metric-spec.js';
import { OutputMetrics } from '../../src/evaluate/output-metrics.js';
import type { EvaluatedBatch } from '../../src/metrics/evaluated-rows.js';
import { AskedMetric, families, type MetricConfig } from '../../src/metrics/families.js';
import type { MetricFamily } from '../../src/metrics/metric.js';
import { addSums } from '../../src/metrics/metric.js';
import { metricsSchema } from '../../src/metrics/schema.js';
import { figuresIn } from '../../src/report/events.js';
import { figureText } from '../../src/report/figure-text.js';
import { randomNumbers } from '../support/all-reduces.js';
import { finished, resultsOf, totalsOf } from '../support/metrics.js';
import { packageRoot } from '../support/package.js';

type Rows = Record<'scores' | 'numbers' | 'predicted' | 'bits' | 'logits' | 'bit' | 'logit', number[][]> &
  Record<'classes' | 'custom' | 'weights' | 'valid', number[]>;
const golden = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/metric-families.json'), 'utf8')) as {
  readonly rows: Rows;
  readonly expected: Readonly<Record<string, Readonly<Record<string, number>>>>;
};
const rows: Rows = {
  ...golden.rows,
  bit: golden.rows.bits.map(([first]) => [first]),
  logit: golden.rows.logits.map(([first]) => [first]),
};
const count = rows.classes.length;

interface Case {
  readonly metric: MetricConfig;
  readonly outputs: keyof Rows;
  readonly targets: keyof Rows;
  readonly binary?: boolean;
  /** Of the classes. */
  readonly names?: readonly string[];
  /** Where no library has the metric: what it is of the rows that count. */
  readonly reference?: (rows: readonly CountedRow[]) => number;
}

interface CountedRow {
  readonly output: readonly number[];
  readonly target: readonly number[];
  readonly weight: number;
}

/** Classes of 1, 2, 3 and 4 bytes. */
const letters = ['a', 'é', '猫', '😀'];

function bitsPerByteOf(counted: readonly CountedRow[]): number {
  let [bits, bytes] = [0, 0];
  for (const { output, target, weight } of counted) {
    const shares = output.map(Math.exp);
    bits -= weight * Math.log2(shares[target[0]] / shares.reduce((a, b) => a + b));
    bytes += weight * (target[0] + 1);
  }
  return bits / bytes;
}

/** Under the names of the golden values; each family has one at least. */
const cases: Readonly<Record<string, Case>> = {
  accuracy: { metric: 'accuracy', outputs: 'scores', targets: 'classes' },
  'accuracy of each output': { metric: 'accuracy', outputs: 'logits', targets: 'bits', binary: true },
  topKAccuracy: { metric: { topKAccuracy: { k: 2 } }, outputs: 'scores', targets: 'classes' },
  mae: { metric: 'mae', outputs: 'predicted', targets: 'numbers' },
  mse: { metric: 'mse', outputs: 'predicted', targets: 'numbers' },
  r2: { metric: 'r2', outputs: 'predicted', targets: 'numbers' },
  'uniform r2': { metric: { r2: { average: 'uniform' } }, outputs: 'predicted', targets: 'numbers' },
  bitsPerByte: {
    metric: 'bitsPerByte',
    outputs: 'scores',
    targets: 'classes',
    names: letters,
    reference: bitsPerByteOf,
  },
  custom: { metric: { custom: { name: 'own' } }, outputs: 'scores', targets: 'classes' },
  ...others('scores', 'classes', [
    ...['balancedAccuracy', 'mcc', 'cohenKappa', 'perClass', 'confusionMatrix', 'logLoss', 'perplexity', 'mrr'],
    ...['bitsPerPlace', 'brier', 'calibrationError', 'reliability', { ndcg: { k: 2 } }, { hitRate: { k: 2 } }],
    ...[{ map: { k: 2 } }, { ndcg: { k: 2, candidates: 2 } }],
    ...['precision', 'recall', 'f1', 'iou'].map((name) => ({ [name]: { average: 'macro' } })),
    { fBeta: { beta: 2, average: 'micro' } },
    { auc: { average: 'macro' } },
    { auc: { average: 'weighted', of: 'oneVsOne' } },
    { averagePrecision: { average: 'weighted' } },
  ] as MetricConfig[]),
  rocCurve: { metric: 'rocCurve', outputs: 'logit', targets: 'bit', binary: true },
  precisionRecallCurve: { metric: 'precisionRecallCurve', outputs: 'logit', targets: 'bit', binary: true },
  ...others('predicted', 'numbers', [
    ...[
      'rmse',
      'mape',
      'smape',
      'maxError',
      'medianAbsoluteError',
      'explainedVariance',
      { pinball: { quantile: 0.1 } },
    ],
  ] as MetricConfig[]),
};

/** Whose values are tested in metric-cases.slow.test.ts, and in rankings.test.ts. */
function others(outputs: keyof Rows, targets: keyof Rows, metrics: readonly MetricConfig[]): Record<string, Case> {
  return Object.fromEntries(metrics.map((metric) => [new AskedMetric(metric).label, { metric, outputs, targets }]));
}

function specOf({ metric, outputs, targets, binary = false, names }: Case, weighted: boolean): MetricSpec {
  const width = (rows[outputs][0] as number[]).length;
  const classes = targets === 'classes';
  const facts = { outputs: width, places: 1, classes, threshold: 0, binary, weighted, names };
  return { ...facts, metrics: [metric], kind: 'logits' };
}

/** The rows of some examples as an engine gives them. */
function batchOf({ outputs, targets }: Case, mode: string, examples: readonly number[]): EvaluatedBatch {
  const part = (name: keyof Rows) => Float32Array.from(examples.flatMap((row) => rows[name][row]));
  return {
    outputs: part(outputs),
    targets: targets === 'classes' ? Int32Array.from(part(targets)) : part(targets),
    losses: part('custom'),
    divisor: examples.length,
    metrics: [part('custom')],
    ...(mode !== 'alike' && { valid: part('valid') }),
    ...(mode === 'weighted' && { weights: part('weights') }),
  };
}

/** The rows of a mode whose weight is not 0. */
function countedRows({ outputs, targets }: Case, mode: string): CountedRow[] {
  const weightOf = (row: number) =>
    mode === 'alike' ? 1 : rows.valid[row] * (mode === 'weighted' ? rows.weights[row] : 1);
  return all
    .filter((row) => weightOf(row) !== 0)
    .map((row) => ({
      output: [rows[outputs][row]].flat(),
      target: [rows[targets][row]].flat(),
      weight: weightOf(row),
    }));
}

/** scikit-learn's value, or that of the reference. */
const expectedOf = (name: string, mode: string): number => {
  const { reference } = cases[name];
  return reference ? reference(countedRows(cases[name], mode)) : golden.expected[mode][name];
};

const all = Array.from({ length: count }, (_, i) => i);
const modes = Object.keys(golden.expected);

it('are all in this test', () => {
  const named = Object.values(cases).map(({ metric }) =>
    typeof metric === 'string' ? metric : Object.keys(metric)[0],
  );
  expect(new Set(named)).toEqual(new Set(families.map(({ name }) => name)));
});

describe.each(Object.entries(cases))('%s', (name, example) => {
  const { reference } = example;
  const known = modes.filter((mode) => reference !== undefined || golden.expected[mode][name] !== undefined);

  it.each(known)('of rows %s has the value of scikit-learn, or of a reference', (mode) => {
    const spec = specOf(example, mode === 'weighted');
    const { scalars } = resultsOf(spec, [batchOf(example, mode, all)]);
    // Outputs and targets are 32-bit numbers here.
    expect(Object.values(scalars)[1]).toBeCloseTo(expectedOf(name, mode), 6);
  });

  it.each(modes)('of rows %s has the same bits, whoever evaluates which batch', (mode) => {
    const spec = specOf(example, mode === 'weighted');
    const metrics = new OutputMetrics(spec);
    // Batches of 1 to 4 rows, many more than there are threads.
    const random = randomNumbers(7);
    const batches = Array.from({ length: 40 }, () =>
      batchOf(
        example,
        mode,
        Array.from({ length: 1 + random(4) }, () => random(count)),
      ),
    );
    const alone = totalsOf(spec, batches);
    const starts = batches.map((_, i) => batches.slice(0, i).reduce((sum, { losses }) => sum + losses.length, 0));
    for (const threads of [2, 3, 7]) {
      const sums = new Float64Array(batches.length * metrics.width);
      const kept = new Float32Array(alone.kept.length);
      const own = Array.from({ length: threads }, () => new Float64Array(metrics.counts));
      // In any order, each on any thread.
      for (const [i] of [...batches.entries()].sort(() => random(3) - 1)) {
        metrics.add(batches[i], sums.subarray(i * metrics.width, (i + 1) * metrics.width), own[random(threads)]);
        metrics.keeper.keep(batches[i], kept.subarray(starts[i] * metrics.keeper.width), metrics.keeper.width);
      }
      const counts = alone.counts.map((_, i) => own.reduce((sum, each) => sum + each[i], 0));
      expect(counts).toEqual(alone.counts);
      expect(new Uint8Array(sums.buffer)).toEqual(new Uint8Array(alone.sums.buffer));
      const spread = finished(metrics, { sums: metrics.merged(sums), counts, kept });
      expect(spread).toEqual(finished(metrics, { ...alone, sums: metrics.merged(alone.sums) }));
    }
    expect(alone.counts.every((value) => Number.isSafeInteger(value) && value >= 0)).toBe(true);
  });

  it('does not depend on what else is asked for', () => {
    const [spec, batch] = [specOf(example, true), batchOf(example, 'weighted', all)];
    const label = (metric: MetricConfig) => new AskedMetric(metric).label;
    const others = new Map(
      Object.values(cases)
        .filter(({ outputs, binary, metric }) => {
          return outputs === example.outputs && binary === example.binary && label(metric) !== label(example.metric);
        })
        .map(({ metric }) => [label(metric), metric]),
    );
    const last = (metrics: MetricConfig[]) => {
      const { scalars, figures } = resultsOf({ ...spec, metrics }, [batch, batch]);
      return scalars[label(example.metric)] ?? figures[label(example.metric)];
    };
    expect(last([...others.values(), example.metric])).toEqual(last([example.metric]));
  });
});

// A function of the user's own may have any value.
describe.each(families.filter(({ better, name }) => better !== undefined && name !== 'custom'))(
  'a gate of $name',
  ({ name, range }) => {
    const refusal = (limit: object): string => {
      try {
        refuseIdle('metrics.m', 'm', limit as MetricLimit, range);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };

    it('is refused where no value keeps it, or every value does, and by nothing else', () => {
      const [least, most] = range!;
      const values = Object.values(cases).flatMap((example) => {
        if (new AskedMetric(example.metric).family.name !== name) return [];
        return modes.map(
          (mode) =>
            Object.values(resultsOf(specOf(example, mode === 'weighted'), [batchOf(example, mode, all)]).scalars)[1],
        );
      });
      expect(values.length).toBeGreaterThan(0);
      for (const value of values) {
        expect(value >= least && value <= most).toBe(true);
        expect([refusal({ min: value }), refusal({ max: value }), refusal({ min: least, max: value })]).toEqual([
          '',
          '',
          '',
        ]);
      }
      const known = Number.isFinite(least)
        ? Number.isFinite(most)
          ? `m is from ${least} to ${most}`
          : `m is at least ${least}`
        : `m is at most ${most}`;
      for (const end of [least, most].filter(Number.isFinite)) {
        const outside = end === least ? end - 1 : end + 1;
        for (const key of ['min', 'max'])
          expect(refusal({ [key]: outside })).toContain(
            `metrics.m.${key}: ${outside} is no value that it can have: ${known}: `,
          );
        // The end itself may be asked for, but not as what all values are.
        expect(refusal({ [end === least ? 'min' : 'max']: end })).toContain(`${end} is always kept, as ${known}`);
        expect(refusal({ [end === least ? 'max' : 'min']: end })).toBe('');
      }
      const width = most - least;
      const some = Number.isFinite(width) ? width - 1e-3 : 1e9;
      expect([refusal({ worse: some }), refusal({ gap: some }), refusal({ worse: 'significantly' })]).toEqual([
        '',
        '',
        '',
      ]);
      for (const key of Number.isFinite(width) ? ['worse', 'gap'] : [])
        expect(refusal({ [key]: width })).toContain(`metrics.m.${key}: ${width} is always kept`);
    });
  },
);

it('a number that was meant in percent is told as a part', () => {
  expect(() => refuseIdle('metrics.accuracy', 'accuracy', { min: 95 }, [0, 1])).toThrow(
    'metrics.accuracy.min: 95 is no value that it can have: accuracy is from 0 to 1: write 0.95 for 95 %',
  );
});

it('bitsPerByte is refused where nobody knows what a class stands for, with a remedy that is not', () => {
  const misfit = (metric: MetricConfig, names?: readonly string[]) =>
    new AskedMetric(metric).misfit({ ...specOf(cases.accuracy, false), names }, 'sparseCategoricalCrossentropy');
  for (const names of [undefined, ['0', '1', '2', '3']]) {
    expect(misfit('bitsPerByte', names)).toMatchObject({
      problem: expect.stringContaining('do not say which text a class stands for'),
      remedy: expect.stringMatching(/^use bitsPerPlace/),
    });
  }
  expect([misfit('bitsPerPlace'), misfit('bitsPerByte', letters)]).toEqual([undefined, undefined]);
});

describe('what is counted', () => {
  it('needs no sums of its own where rows count alike, and no integers where they do not', () => {
    const shared = 3;
    for (const name of ['accuracy', 'topKAccuracy']) {
      const [alike, weighted] = [false, true].map((weighted) => new OutputMetrics(specOf(cases[name], weighted)));
      expect([alike.width, alike.counts]).toEqual([shared, 1]);
      expect([weighted.width, weighted.counts]).toEqual([shared + 1, 0]);
    }
  });
});

describe('a new family', () => {
  // Other test files of the process read the same list.
  afterAll(() => {
    (families as MetricFamily[]).length -= 2;
  });

  const confusion: MetricFamily = {
    name: 'confusion',
    bare: {},
    create: (_, { outputs }) => ({
      width: 0,
      counts: outputs ** 2,
      merge: addSums,
      add({ values, outputs: scores, count }, _sums, counts) {
        const best = (of: ArrayLike<number>, row: number) => {
          const each = Array.from({ length: outputs }, (_, i) => of[row * outputs + i]);
          return each.indexOf(Math.max(...each));
        };
        for (let row = 0; row < count; row++) counts[best(values, row) * outputs + best(scores, row)]++;
      },
      result(_total, counts) {
        const names = Array.from({ length: outputs }, (_, i) => `class ${i}`);
        const values = names.map((_, i) => [...counts.subarray(i * outputs, (i + 1) * outputs)]);
        return { kind: 'table', rows: names, columns: names, values };
      },
    }),
  };
  const lossCurve: MetricFamily = {
    name: 'errorCurve',
    bare: {},
    create: () => ({
      width: 2,
      counts: 0,
      merge: addSums,
      add({ errors }, sums) {
        for (const error of errors) sums[error < 0 ? 0 : 1] += Math.abs(error);
      },
      result: ({ sums }) => ({
        kind: 'curve',
        x: { name: 'sign', values: [-1, 1] },
        y: { name: 'error', values: [...sums] },
      }),
    }),
  };

  it('may give a table or a curve, which events and reports tell', () => {
    (families as MetricFamily[]).push(confusion, lossCurve);
    const metrics = ['confusion', 'accuracy', 'errorCurve'] as unknown as MetricConfig[];
    const spec = { ...specOf(cases.accuracy, false), metrics };
    const batches = [all.slice(0, 5), all.slice(5)].map((part) => batchOf(cases.accuracy, 'alike', part));
    const results = resultsOf(spec, batches);
    expect(Object.keys(results.scalars)).toEqual(['loss', 'accuracy']);
    const { confusion: table, errorCurve: curve } = results.figures;
    if (table.kind !== 'table' || curve.kind !== 'curve') throw new Error('not a table and a curve');
    const right = table.values.reduce((sum, row, i) => sum + row[i], 0);
    expect(right / count).toBe(results.scalars.accuracy);
    expect(table.values.flat().reduce((a, b) => a + b)).toBe(count);
    expect(curve.y.values.every((value) => value > 0)).toBe(true);

    expect(figuresIn({ validation: results, test: null })).toEqual({ figures: { validation: results.figures } });
    expect(figuresIn({ validation: { figures: {} } })).toEqual({});
    const text = figureText('test confusion', table, String, 80);
    expect(text.split('\n').slice(0, 2)).toEqual(['test confusion', '           class 0  class 1  class 2  class 3']);
    expect(figureText('errorCurve', curve, String, 80)).toBe(
      'errorCurve: a curve of 2 points, error over sign (with --json)\n',
    );
    const names = Array.from({ length: 40 }, String);
    const large = { kind: 'table', rows: names, columns: names, values: [] } as const;
    expect(figureText('confusion', large, String, 80)).toBe('confusion: a table of 40 x 40 (with --json)\n');
  });
});

it('each checks its own options, and is named once where it has options', () => {
  const refused = [
    [{ topKAccuracy: { k: 0 } }],
    [{ topKAccuracy: {} }],
    [{ r2: { average: 'mean' } }],
    [{ accuracy: {} }],
    [{ custom: { name: '' } }],
    ['custom'],
    ['topKAccuracy', { topKAccuracy: { k: 2 } }],
    ['r2', { r2: { average: 'uniform' } }],
    [{ custom: { name: 'loss' } }],
    [{ custom: { name: 'mae' } }],
    [{ custom: { name: 'own' } }, { custom: { name: 'own' } }],
  ];
  for (const metrics of refused) expect(metricsSchema.safeParse(metrics).success, JSON.stringify(metrics)).toBe(false);
  const taken = Object.values(cases).map(({ metric }) => [metric]);
  for (const metrics of taken) expect(metricsSchema.parse(metrics)).toEqual(metrics);
});
