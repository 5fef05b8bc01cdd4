/** What is said of a run follows rules: each is met by facts made for it, and by nothing else; remedies are what the config takes. */
import { describe, expect, it } from 'vitest';
import type { EvaluatedExamples } from '../../coordinator/inference/evaluate-examples.js';
import { repeatedFacts } from '../../coordinator/inference/repeated-facts.js';
import { defineConfig } from '../../src/config/define.js';
import type { RunConfigInput } from '../../src/config/input.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { Column } from '../../src/data/examples.js';
import { diagnoseRun } from '../../src/diagnosis/diagnose-run.js';
import { costOf, lossOf } from '../../src/diagnosis/estimate.js';
import type { RunFacts } from '../../src/diagnosis/facts.js';
import { leakFindings } from '../../src/diagnosis/leak-rules.js';
import { priorOf } from '../../src/diagnosis/prior.js';
import type { KeptExamples } from '../../src/evaluate/kept-examples.js';
import { type HeadMetrics, RunMetrics } from '../../src/evaluate/run-metrics.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';

const folder = temporaryFolder();

const head = (more: Partial<HeadMetrics> = {}): HeadMetrics => ({
  target: 'target',
  factor: 1,
  metrics: [],
  keepsAll: true,
  outputs: 2,
  places: 1,
  classes: true,
  threshold: 0,
  binary: false,
  weighted: false,
  kind: 'logits',
  ...more,
});

/** Examples of two classes with the losses that are given, right where a loss is below ln 2. */
const kept = (targets: readonly number[], losses: readonly number[], more?: Partial<HeadMetrics>): KeptExamples => {
  const outputs = targets.flatMap((target, i) => {
    const margin = losses[i] < Math.LN2 ? 1 : -1;
    return target === 0 ? [margin, 0] : [0, margin];
  });
  const one = { targets: Float32Array.from(targets), outputs: Float32Array.from(outputs), customs: [] };
  const own = { ...one, examples: targets.length, losses: Float32Array.from(losses) };
  return { heads: [head(more)], examples: targets.length, outputs: [own] };
};

const classes = Array.from({ length: 200 }, (_, i) => i % 2);
const around = (mean: number) => classes.map((_, i) => mean * (1 + 0.2 * Math.sin(i)));
const falling = (epochs: number, rate = 0.5) => Array.from({ length: epochs }, (_, i) => 0.1 + 0.6 * rate ** i);

interface Case {
  readonly training: number;
  readonly validation?: number;
  readonly course?: readonly number[];
  readonly held?: readonly number[];
  readonly config?: Partial<RunConfigInput>;
}

const base = {
  data: { source: 'digits', examples: 100 },
  model: { layers: ['flatten', { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  training: { epochs: 10, batchSize: 10 },
} as const satisfies RunConfigInput;

function facts({ training, validation, course = falling(20), held = course, config = {} }: Case): RunFacts {
  const epochs = course.map((loss, i) => ({
    epoch: i + 1,
    step: i,
    loss,
    validation: validation === undefined ? null : { loss: held[i] },
  }));
  return {
    config: defineConfig({ ...base, ...config } as RunConfigInput),
    folder: 'runs/x-1',
    log: { epochs },
    isLast: true,
    hasPicture: true,
    losses: [{ name: 'sparseCategoricalCrossentropy' }],
    training: kept(classes, around(training)),
    ...(validation !== undefined && { validation: kept(classes, around(validation)) }),
  };
}

const titles = (one: Case) => diagnoseRun(facts(one)).map(({ title }) => title);
const rising = [...falling(6), ...Array.from({ length: 14 }, (_, i) => 0.12 + 0.03 * i)];
const swinging = Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? 0.5 : 0.2));

const cases: Record<string, Case> = {
  fine: { training: 0.1, validation: 0.12 },
  overfitting: { training: 0.01, validation: 0.3 },
  underfitting: { training: 0.6, validation: 0.61 },
  nothing: { training: 0.75, validation: 0.75 },
  sure: { training: 0.1, validation: 0.9 },
  long: { training: 0.05, validation: 0.1, held: rising },
  short: { training: 0.1, validation: 0.12, course: falling(8, 0.9) },
  swinging: { training: 0.3, validation: 0.3, course: swinging },
  unheld: { training: 0.1 },
  broken: { training: Number.NaN, validation: Number.NaN },
};

it.each([
  ['fine', []],
  ['overfitting', ['Overfitting']],
  ['underfitting', ['Underfitting']],
  ['nothing', ['The model has learned nothing']],
  ['sure', ["Worse than predicting the classes' shares"]],
  ['long', ['Trained too long']],
  ['short', ['Still improving at the end']],
  ['swinging', ['The learning rate is too high']],
  ['unheld', ['No validation split']],
  ['broken', ['The model gives no numbers']],
])('of a run that is %s: %j', (name, found) => {
  const own = titles(cases[name]);
  expect(own.filter((title) => title !== 'No better than the most frequent class')).toEqual(found);
});

it('advises the rest of a run that was stopped, and no other model', () => {
  const { log, ...one } = facts({ ...cases.nothing, course: [] });
  const end = { bestEpoch: null, stoppedEarly: false, restored: false, interrupted: true };
  const [{ title, remedies }] = diagnoseRun({ ...one, log: { ...log, end } });
  expect(title).toBe('The model has learned nothing');
  expect(remedies).toEqual([
    'npx lockstep train --resume runs/x-1 goes on with the run, which was stopped before its end',
  ]);
});

it('is nothing where a difference is small, or may be chance', () => {
  // The validation loss is 30 times that of training, which of 0.69 that could be learned is little.
  expect(titles({ training: 0.001, validation: 0.03 })).toEqual([]);
  const few = { ...facts({ training: 0.1 }), validation: kept([0, 1, 0], [0.01, 0.9, 0.01]) };
  expect(diagnoseRun(few)).toEqual([]);
  // Losses near 0 go up and down, by far more than by half.
  const course = [0.6, 0.2, 0.05, 0.01, ...Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? 0.002 : 0.006))];
  expect(titles({ training: 0.005, validation: 0.02, course })).toEqual([]);
});

it('names rare classes that are missed, and answers that are no better than always the same', () => {
  const targets = Array.from({ length: 200 }, (_, i) => Number(i % 10 === 0));
  const trained = kept(
    targets,
    targets.map(() => 0.1),
  );
  const missed = kept(
    targets,
    targets.map((target, i) => (target === 1 && i % 20 !== 0 ? 0.8 : 0.1)),
  );
  const found = (validation: KeptExamples) => diagnoseRun({ ...facts(cases.fine), training: trained, validation });
  expect(found(missed).map(({ title }) => title)).toEqual(['Rare classes are missed']);
  expect(found(missed)[0].text).toBe(
    '95 % of the examples of validation are told rightly, but only 50 % of "1", which is rare in training.',
  );
  const never = kept(
    targets,
    targets.map((target) => (target === 1 ? 1.5 : 0.05)),
  );
  const [{ title, text }] = diagnoseRun({ ...facts(cases.fine), training: never, validation: never });
  expect(title).toBe('No better than the most frequent class');
  expect(text).toBe(
    '90 % of the examples of validation are told rightly; always saying "0", the most frequent class, is right for 90 %.',
  );
  expect(found(trained)).toEqual([]);
});

/** All that may follow `--set` in the remedies of a config. */
const settings = (one: Case): string[] =>
  diagnoseRun(facts(one)).flatMap(({ remedies }) =>
    remedies.flatMap((remedy) => {
      const [, quoted, bare] = /--set (?:"([^"]+)"|(\S+))/.exec(remedy) ?? [];
      return quoted ?? bare ?? [];
    }),
  );

it('gives remedies that the config takes, whatever its optimizer and splits', () => {
  const optimizers = ['sgd', 'momentum', 'adagrad', 'rmsprop', 'adam', 'adamw'] as const;
  const given: Partial<RunConfigInput>[] = [
    ...optimizers.map((optimizer) => ({ optimizer })),
    { training: { ...base.training, l1: 0.1, l2: 0.1, clipNorm: 1 }, schedule: 'cosine' },
    { model: { layers: ['flatten', { dropout: { rate: 0.3 } }, { dense: { units: 'classes' } }] } },
    { data: { source: 'digits', examples: 100, split: { validation: 0, test: 0.2 } } },
  ];
  const seen = new Set<string>();
  for (const config of given) {
    const file = writeConfig(folder, 'config', { ...base, ...config });
    for (const setting of new Set(Object.values(cases).flatMap((one) => settings({ ...one, config })))) {
      expect(() => loadRunConfig(file, [setting])).not.toThrow();
      seen.add(setting.split('=')[0]);
    }
  }
  expect([...seen].sort()).toEqual(
    [
      'augment',
      'data.split.validation',
      'data.validation',
      ...optimizers.slice(2, 3).map((name) => `optimizer.${name}.learningRate`),
      'optimizer.adam.learningRate',
      'optimizer.adamw.learningRate',
      'optimizer.adamw.weightDecay',
      'optimizer.momentum.learningRate',
      'optimizer.rmsprop.learningRate',
      'optimizer.sgd.learningRate',
      'optimizer',
      'schedule',
      'training.classWeights',
      'training.clipNorm',
      'training.earlyStopping',
      'training.epochs',
      'training.l1',
      'training.l2',
      'training.restoreBest',
    ].sort(),
  );
});

describe('examples in two splits', () => {
  // Rows 0 to 5 of one number: validation has 2 of training, once with another target; test has 1 of training.
  const number = (values: number[], role: 'input' | 'target', more = {}): Column => ({
    ...{ name: role, role, type: 'int32', shape: role === 'input' ? [1] : [], values: Int32Array.from(values) },
    ...more,
  });
  const examples = { count: 6, columns: [number([1, 2, 1, 2, 5, 1], 'input'), number([0, 1, 0, 0, 1, 0], 'target')] };
  const splits = { training: Int32Array.of(0, 1), validation: Int32Array.of(2, 3, 4), test: Int32Array.of(5) };
  const overlapping = async (config: Partial<RunConfigInput>, isSealed = false) => {
    const found = facts({ ...cases.fine, config });
    // Of validation, the two that training has are right, and the other is not.
    const made = kept([0, 0, 1], [0.1, 0.1, 1.9], { metrics: [{ accuracy: {} }] as never });
    const own = { ...made, outputs: made.outputs.map((each) => ({ ...each, divisors: Float32Array.of(1, 1, 1) })) };
    const { scalars } = new RunMetrics(own.heads).ofKept(own.outputs);
    const located = { path: 'runs/x-1/model', name: 'x-1' };
    const evaluated = {
      located,
      config: found.config,
      dataset: { examples, splits },
      split: 'validation',
      rows: splits.validation,
    };
    const repeated = await repeatedFacts(
      { ...evaluated, isSealed, kept: own, results: { scalars, figures: {} } } as unknown as EvaluatedExamples,
      () => {},
    );
    return leakFindings({ ...found, repeated });
  };

  it('are counted by pairs of splits, with the metrics without them; label conflicts are named', async () => {
    const [shared, conflicts, ...others] = await overlapping({});
    expect(others).toEqual([]);
    expect(shared.title).toBe('The same examples in two splits');
    expect(shared.text).toBe(
      'By their inputs, 2 of 3 examples of validation stand in training too; 1 of 1 example of test stands in training too; ' +
        '1 of 1 example of test stands in validation too. ' +
        'Of validation without those of training: loss 1.9000 (with them 0.7000), accuracy 0.0000 (with them 0.6667).',
    );
    expect(conflicts.title).toBe('Label conflicts');
    expect(conflicts.text).toContain('1 of 6 examples has the inputs of another and a different target');
  });

  it('of a sealed test split are not looked for', async () => {
    const [{ text }] = await overlapping({}, true);
    expect(text).not.toContain('test');
  });
});

it('knows what the best constant costs', () => {
  const cost = (loss: string, targets: readonly number[], more?: Partial<HeadMetrics>) => {
    const examples = kept(
      targets,
      targets.map(() => 0),
      more,
    );
    return costOf(examples, priorOf(examples, [{ name: loss as 'hinge', delta: 1 }])!(examples));
  };
  // Shares of 0 and 1 with one example more of each: 4 of 6, and 2 of 6.
  const entropy = -(3 * Math.log(4 / 6) + Math.log(2 / 6)) / 4;
  expect(cost('sparseCategoricalCrossentropy', [0, 0, 0, 1])).toBeCloseTo(entropy, 12);
  const number = { classes: false, outputs: 1 };
  expect(cost('binaryCrossentropy', [0, 0, 0, 1], { ...number, binary: true })).toBeCloseTo(entropy, 12);
  // Around the mean 4: 9, 4, 1, 36. Around the median 2.5: 1.5, 0.5, 0.5, 7.5.
  expect(cost('meanSquaredError', [1, 2, 3, 10], number)).toBe(50 / 4);
  expect(cost('meanAbsoluteError', [1, 2, 3, 10], number)).toBe(10 / 4);
  expect(cost('huber', [1, 2, 3, 10], number)).toBe((2.5 + 1.5 + 0.5 + 5.5) / 4);
  expect(priorOf(kept([0], [0]), [{ name: 'hinge' }])).toBeUndefined();
  // numpy: mean and std(ddof=1) / sqrt(4) of [1, 2, 3, 10].
  expect(lossOf(kept([0, 0, 0, 0], [1, 2, 3, 10]))).toEqual({ mean: 4, error: expect.closeTo(2.0412414523193152, 12) });
});
