/** Thresholds and calibrations of a run: fitted at its end or later, the same everywhere, and used by all that reads the model. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { calibrate } from '../../coordinator/inference/calibrate-model.js';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { exportModel } from '../../coordinator/inference/export.js';
import { evaluationReport } from '../../coordinator/inference/make-report.js';
import type { Encoding } from '../../src/data/encoding.js';
import type { LockstepError } from '../../src/errors.js';
import { eventsOf, lockstepServed } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { predictedRows } from '../support/predictions.js';
import { type Trained, trained } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const runs = join(folder, 'runs');
const random = lcg(5);
const rows = Array.from({ length: 240 }, () => {
  const x = [4 * random() - 2, 4 * random() - 2];
  const score = x[0] + 0.5 * x[1] + 3 * (random() - 0.5);
  return { x, two: score > 0.6 ? 'ill' : 'healthy', three: score > 1 ? 'c' : score > -1 ? 'b' : 'a' };
});
const table = (pick: (row: (typeof rows)[number]) => (string | number)[]) =>
  rows.map((row) => pick(row).join(',')).join('\n');
writeFileSync(join(folder, 'two.csv'), `x1,x2,y\n${table(({ x, two }) => [...x, two])}\n`);
writeFileSync(join(folder, 'three.csv'), `x1,x2,y\n${table(({ x, three }) => [...x, three])}\n`);
writeFileSync(join(folder, 'numbers.csv'), `x1,x2,y\n${table(({ x }) => [...x, x[0]])}\n`);
writeFileSync(join(folder, 'inputs.csv'), `x1,x2\n${table(({ x }) => x)}\n`);

const config = (file: string, units: number, evaluation: object, more: object = {}) => ({
  data: { source: 'csv', file: join(folder, file), target: 'y', validation: 0.4, test: 0.3, standardize: false },
  model: { layers: [{ dense: { units: 4, activation: 'tanh' } }, { dense: { units } }] },
  loss: units === 1 ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
  metrics: ['accuracy', { f1: { average: 'macro' } }, 'logLoss', 'brier', 'calibrationError', 'confusionMatrix'],
  optimizer: { adam: { learningRate: 0.02 } },
  training: { epochs: 3, batchSize: 24, shards: 3 },
  evaluation: { resamples: 20, ...evaluation },
  ...more,
});
const both = { calibration: 'temperature', threshold: { cost: { falsePositive: 1, falseNegative: 4 } } };

const encodingOf = (model: string): Encoding => JSON.parse(readFileSync(join(model, '..', 'encoding.json'), 'utf8'));
const told = ({ end: { sha256, validation, test, decisions } }: Trained) => ({ sha256, validation, test, decisions });

let two: Trained;
let three: Trained;
beforeAll(async () => {
  two = await trained(writeConfig(folder, 'two', config('two.csv', 1, both)), [], runs);
  three = await trained(writeConfig(folder, 'three', config('three.csv', 3, { calibration: 'isotonic' })), [], runs);
});

it('a report shows how far probabilities can be taken at their word, before and after', async () => {
  for (const { start, end } of [two, three]) {
    const options = { model: 'final', split: 'validation', threads: 1 } as const;
    const { calibration, metrics, intervals } = await evaluationReport(start.folder, options, false);
    const [{ fitted, readings }] = calibration!;
    const { decision } = encodingOf(end.model);
    expect(fitted!.threshold).toBe(decision!.threshold);
    expect(fitted!.method).toBe(decision!.calibration!.method);
    const { before, after } = end.decisions!.final![0];
    expect(readings.map(({ error }) => error)).toEqual([before, after].map(({ calibrationError }) => calibrationError));
    // The calibration error that the config asks for is that of calibrated probabilities, from the same draws.
    expect(readings[1]).toMatchObject({ error: metrics.calibrationError, interval: intervals.calibrationError });
    expect(readings[0].interval!.low).toBeLessThan(readings[0].interval!.high);
    for (const { curve } of readings) expect(curve.x.values.length).toBe(curve.y.values.length);
    expect(readings[0].curve).not.toEqual(readings[1].curve);
  }
});

describe('the end of a run', () => {
  it('says what was fitted, and saves it with both models', () => {
    const { end } = two;
    const [decision] = end.decisions!.final!;
    expect(decision.before).toHaveProperty('logLoss');
    expect(decision.after.logLoss).toBeLessThan(decision.before.logLoss);
    expect(decision.after.cost).toBeLessThanOrEqual(decision.before.cost);
    const saved = {
      calibration: { method: 'temperature', temperature: decision.temperature },
      threshold: decision.threshold,
    };
    expect(encodingOf(end.model).decision).toEqual(saved);
    expect(encodingOf(end.best!).decision).toBeDefined();
    // The validation that is reported is read by it, and its log loss is that which the temperature was fitted for.
    expect(end.validation!.logLoss).toBeCloseTo(decision.after.logLoss, 12);
  });

  it('is the same for 2 threads, and over a world', async () => {
    const more = await trained(writeConfig(folder, 'more', config('two.csv', 1, both)), [], runs, 2);
    expect(told(more)).toEqual(told(two));
    expect(encodingOf(more.end.model)).toEqual(encodingOf(two.end.model));
    const workers = [{ threads: 1 }, { threads: 1 }];
    const world = await trainedInWorld(join(folder, 'two.yaml'), [], runs, join(folder, 'cache'), { workers });
    expect(told(world)).toEqual(told(two));
  });

  it('is that of calibrate, to the last bit', async () => {
    const before = readFileSync(join(two.end.model, '..', 'encoding.json'), 'utf8');
    const { decisions } = await calibrate(two.start.folder, { model: 'final', threads: 1 });
    expect(decisions).toEqual(two.end.decisions!.final);
    expect(readFileSync(join(two.end.model, '..', 'encoding.json'), 'utf8')).toBe(before);
  });

  it('reports what evaluate does', async () => {
    for (const { start, end } of [two, three]) {
      const { metrics, decisions } = await evaluate(start.folder, { model: 'final', threads: 1 });
      expect(metrics).toEqual(end.test);
      expect(Object.values(decisions!)[0]).toEqual(encodingOf(end.model).decision);
    }
  });
});

describe('what reads the model', () => {
  it.each([
    ['two.csv', () => two, 'y'],
    ['three.csv', () => three, 'y'],
  ])('agrees, of %s', async (file, run, target) => {
    const { start, end } = run();
    const inputs = join(folder, file);
    const predicted = await predictedRows(start.folder, inputs, 3);
    const { classes = [], decision } = encodingOf(end.model);
    // Their accuracy and log loss over everything are those of evaluate, which evaluates everything.
    const metrics = await metricsOf(start.folder, { model: 'final', data: inputs, threads: 1 });
    const truths = readFileSync(inputs, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[2]);
    const scores = predicted.map(({ classes }) => new Map(classes!.map(({ name, score }) => [name, score])));
    const right = predicted.filter(({ classes }, i) => classes![0].name === truths[i]).length;
    expect(right / truths.length, target).toBe(metrics.accuracy);
    const lost = scores.reduce((sum, each, i) => sum - Math.log(Math.max(Number.EPSILON, each.get(truths[i])!)), 0);
    expect(Math.abs(lost / truths.length - metrics.logLoss)).toBeLessThan(1e-9);
    if (decision!.threshold !== undefined) {
      expect(predicted.map(({ classes }) => classes![0].name)).toEqual(
        scores.map((each) => classes[Number(each.get(classes[1])! > decision!.threshold!)]),
      );
    }

    const output = join(folder, `${file}.onnx`);
    await exportModel(start.folder, { format: 'onnx', model: 'final', output });
    const session = await InferenceSession.create(output);
    const input = new Tensor('float32', Float32Array.from(rows.flatMap(({ x }) => x)), [rows.length, 2]);
    const { probabilities, label } = await session.run({ input });
    await session.release();
    expect(Array.from(label.data as BigInt64Array, (which) => classes[Number(which)])).toEqual(
      predicted.map(({ classes }) => classes![0].name),
    );
    const given = probabilities.data as Float32Array;
    scores.forEach((each, row) => {
      for (const [i, name] of classes.entries()) {
        expect(Math.abs(given[row * classes.length + i] - each.get(name)!)).toBeLessThan(1e-6);
      }
    });
  });

  it('has all outputs of ONNX that it had before', async () => {
    const before = join(folder, 'before.onnx');
    const plain = await trained(writeConfig(folder, 'plain', config('two.csv', 1, {})), [], runs);
    expect(plain.end).not.toHaveProperty('decisions');
    expect(plain.end.sha256).toBe(two.end.sha256);
    await exportModel(plain.start.folder, { format: 'onnx', model: 'final', output: before });
    const [without, within] = await Promise.all(
      [before, join(folder, 'two.csv.onnx')].map((file) => InferenceSession.create(file)),
    );
    expect(without.outputNames).toEqual(['output']);
    expect(within.outputNames).toEqual(['output', 'probabilities', 'label']);
    const input = new Tensor('float32', Float32Array.of(1, 2), [1, 2]);
    expect((await within.run({ input })).output.data).toEqual((await without.run({ input })).output.data);
    await Promise.all([without.release(), within.release()]);
  });
});

describe('lockstep calibrate', () => {
  const served = (command: string, ...args: string[]) => lockstepServed([command, '--threads', '1', ...args], folder);
  const said = async (...args: string[]) => {
    const { code, stdout } = await served('calibrate', ...args, '--json');
    return { code, events: eventsOf(stdout) as unknown as Record<string, unknown>[] };
  };

  it('fits what it is told, and takes it out again', async () => {
    const best = join(two.start.folder, 'best');
    const { code, stdout } = await served('calibrate', best, '--threshold', 'f1', '--method', 'none');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^model +.*best\nexamples +96 validation\nthreshold +[\d.]+ \(validation f1 [\d.]+ -> [\d.]+\)\n$/,
    );
    expect(Object.keys(encodingOf(join(best, 'model.json')).decision!)).toEqual(['threshold']);
    const evaluated = await served('evaluate', best, '--set', 'evaluation.resamples=0');
    expect(evaluated.stdout).toMatch(/^decision +threshold [\d.]+$/m);
    const rule = '{ maximize: recall, precision: 0.8 }';
    expect((await said(best, '--threshold', rule, '--method', 'isotonic')).code).toBe(0);
    expect(Object.keys(encodingOf(join(best, 'model.json')).decision!)).toEqual(['calibration', 'threshold']);
  });

  it('refuses what it cannot fit by name, and writes nothing', async () => {
    const before = snapshot(runs);
    const plain = [two.start.folder, '--model', 'final'];
    const refused = async (...args: string[]) => {
      const { code, events } = await said(...args);
      const { message, remedy } = events.at(-1)!;
      return [code, message, remedy];
    };
    expect(await refused(...plain, '--threshold', 'none', '--method', 'none')).toEqual([
      2,
      'nothing says what to fit',
      'add --threshold f1 or --method temperature, or set evaluation.threshold or evaluation.calibration',
    ]);
    expect(await refused(...plain, '--threshold', '{ maximize: precision, recall: 1.5 }')).toEqual([
      2,
      expect.stringContaining('evaluation.threshold'),
      expect.any(String),
    ]);
    expect(await refused(three.start.folder, '--threshold', 'f1')).toEqual([
      2,
      'evaluation.threshold: a threshold is between two classes, and there are 3',
      'remove evaluation.threshold',
    ]);
    expect(await refused(...plain, '--set', 'data.validation=0')).toEqual([
      2,
      'the run has no validation split',
      'train a run with data.validation: what is fitted on training examples does not hold',
    ]);
    expect(snapshot(runs)).toEqual(before);
  });
});

describe('a run', () => {
  const refusal = async (given: object) => {
    const error = await trained(writeConfig(folder, 'bad', given), [], join(folder, 'none')).then(
      () => undefined,
      (reason: LockstepError) => reason,
    );
    return [error?.problem, error?.remedy];
  };

  it('refuses at its beginning what cannot be fitted', async () => {
    const numbers = {
      ...config('numbers.csv', 1, { calibration: 'temperature' }),
      loss: 'meanSquaredError',
      metrics: [],
    };
    expect(await refusal(numbers)).toEqual([
      'evaluation.calibration: counts classes, and the targets are numbers, not -1 and 1 (loss meanSquaredError)',
      'remove evaluation.calibration',
    ]);
    const data = { ...config('two.csv', 1, {}).data, validation: 0 };
    expect(await refusal(config('two.csv', 1, { threshold: { maximize: 'f1' } }, { data }))).toEqual([
      'evaluation.threshold: is fitted on the validation split, and there is none',
      'set data.validation, or remove evaluation.threshold',
    ]);
    rmSync(join(folder, 'none'), { recursive: true, force: true });
  });
});
