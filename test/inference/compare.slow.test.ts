/** `lockstep compare` and `lockstep check`: runs on the same examples, and what a gate says of them. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CheckResult } from '../../coordinator/inference/check.js';
import { type ComparisonResult, compare } from '../../coordinator/inference/compare-models.js';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import type { LockstepError } from '../../src/errors.js';
import type { Metrics } from '../../src/report/events.js';
import { looksAt } from '../../src/report/looks.js';
import { lockstepServed } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const out = join(folder, 'runs');
const runs = { good: '', poor: '', other: '' };
/** What the runs themselves say of their test splits. */
let told: (Metrics | null)[] = [];

beforeAll(async () => {
  const random = lcg(4);
  const lines = Array.from({ length: 500 }, (_, i) => {
    const angle = (Math.PI * (i % 10)) / 5 + random() / 2;
    return `${Math.sin(angle)},${Math.cos(angle)},${i % 10}`;
  });
  const table = join(folder, 'clock.csv');
  writeFileSync(table, ['x,y,hour', ...lines].join('\n'));
  const file = writeConfig(folder, 'clock', {
    data: { source: 'csv', file: table, target: 'hour', targetType: 'class', validation: 0, test: 0.4 },
    model: { layers: [{ dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy', 'logLoss', 'confusionMatrix'],
    evaluation: { resamples: 400 },
    optimizer: { adam: { learningRate: 0.2 } },
    training: { epochs: 4, batchSize: 50 },
  });
  const good = await trained(file, [], out);
  const poor = await trained(file, ['training.epochs=1', 'optimizer.adam.learningRate=0.0005'], out);
  told = [good, poor].map(({ end }) => end.test);
  Object.assign(runs, { good: good.start.folder, poor: poor.start.folder });
  runs.other = join(out, 'other');
  cpSync(runs.good, runs.other, { recursive: true });
  const config = join(runs.other, 'config.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replace('seed: 0', 'seed: 5').replace('test: 0.4', 'test: 0.3'));
});

// Threads take longer to start than all the rest.
const served = (command: string, ...args: readonly string[]) =>
  lockstepServed([command, '--threads', '1', ...args], folder);

describe('runs are compared', () => {
  const compared = async (...args: readonly string[]): Promise<ComparisonResult> => {
    const { code, stdout, stderr } = await served('compare', ...args, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  };

  it('with a worse one and with themselves', async () => {
    const { models, ...whole } = await compared(runs.good, runs.poor, runs.good, '--threads', '2');
    expect(whole).toMatchObject({ event: 'comparison', split: 'test', examples: 200, resamples: 400 });
    const [poor, itself] = models.map(({ differences }) => differences);
    expect(poor.map(({ metric, verdict }) => [metric, verdict])).toEqual([
      ['loss', 'worse'],
      ['accuracy', 'worse'],
      ['logLoss', 'worse'],
    ]);
    for (const { metric, baseline, value, interval, corrected } of poor) {
      expect([baseline, value]).toEqual(told.map((metrics) => metrics![metric]));
      expect(interval!.low * interval!.high).toBeGreaterThan(0);
      expect(corrected).toBeLessThan(0.05);
    }
    for (const each of itself) expect(each).toMatchObject({ difference: 0, p: 1, corrected: 1 });
    const again = await compare([runs.poor, runs.good, runs.good], { baseline: runs.good, threads: 1 });
    expect(again.models).toEqual(models);
  });

  it('in words', async () => {
    const { stdout } = await served('compare', runs.good, runs.poor, runs.good, '--metric', 'accuracy');
    expect(stdout).toMatch(/^ {10}baseline +this +difference +95 % interval +p$/m);
    expect(stdout).toMatch(/^accuracy +0\.\d{4} +0\.\d{4} +-0\.\d{4} +-0\.\d{4} to -0\.\d{4} +\S+ {2}worse$/m);
    expect(stdout).toMatch(/^accuracy .* 1\.000 {2}no difference$/m);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('p is corrected for 2 comparisons (Holm)');
    expect(stdout).not.toContain('logLoss');
  });

  it('by metrics and losses that are the same alone', async () => {
    const set = (file: string, text: string) => {
      const run = join(out, file);
      cpSync(runs.good, run, { recursive: true });
      const config = join(run, 'config.yaml');
      writeFileSync(config, readFileSync(config, 'utf8').replace(/^loss: .*$/m, text));
      return run;
    };
    const ignoring = set('ignoring', 'loss: { sparseCategoricalCrossentropy: { ignoreClass: 77 } }');
    const { models } = await compare([runs.good, ignoring], { threads: 1 });
    expect(models[0].differences.map(({ metric }) => metric)).toEqual(['accuracy', 'logLoss']);
  });

  it('with a warning where resamples are too few for so many comparisons', async () => {
    const warned = async (resamples: number): Promise<string[]> => {
      const warnings: string[] = [];
      const options = { overrides: [`evaluation.resamples=${resamples}`], threads: 1 };
      await compare([runs.good, runs.poor], { ...options, warn: (message) => warnings.push(message) });
      return warnings;
    };
    const words = 'cannot show any difference among 3 comparisons: add --set evaluation.resamples=120, or name fewer';
    expect(await warned(60)).toEqual([`60 resamples ${words} with --metric`]);
    expect(await warned(1)).toEqual([`1 resample ${words} with --metric`]);
    expect(await warned(120)).toEqual([]);
  });
});

describe('runs are not compared', () => {
  const refusal = async (places: readonly string[], options: Parameters<typeof compare>[1] = {}) => {
    const error: LockstepError = await compare(places, { threads: 1, ...options }).then(
      () => undefined,
      (reason) => reason,
    );
    return [error?.code, error?.problem, error?.remedy];
  };

  it('on other examples, which the message tells apart', async () => {
    const looks = () => [runs.good, runs.other].map((run) => looksAt(run).count);
    const before = looks();
    const { code, stderr } = await served('compare', runs.good, runs.other);
    expect(code).toBe(2);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(
      `error: the test examples of ${runs.other} are not those of ${runs.good}: ${runs.good} has 200 of them, ${runs.other} 150; ` +
        `seed is 0 in ${runs.good} and 5 in ${runs.other}; data.test is 0.4 in ${runs.good} and 0.3 in ${runs.other} ` +
        `remedy: train ${runs.other} again with --set seed=0 --set data.test=0.4`,
    );
    const overrides = ['data.test=0.4'];
    const [, problem] = await refusal([runs.good, runs.other], { overrides });
    expect(problem).toContain(' of the first that differs is ');
    // Nobody has seen anything.
    expect(looks()).toEqual(before);
    // As the remedy says.
    expect((await compare([runs.good, runs.other], { overrides: [...overrides, 'seed=0'], threads: 1 })).examples).toBe(
      200,
    );
    expect(looks()).toEqual(before.map((count) => count + 1));
    // Each word that stands for a missing value has another place then.
    const listed = join(out, 'listed');
    cpSync(runs.good, listed, { recursive: true });
    const file = join(listed, 'config.yaml');
    const text = readFileSync(file, 'utf8').replace('seed: 0', 'seed: 5');
    writeFileSync(file, text.replace(/( +)missingValues:\n/, '$&$1  - odd\n'));
    const [, most, remedy] = await refusal([runs.good, listed]);
    expect(most).toMatch(/; seed is .*; \d+ more$/);
    expect(most.split('; ')).toHaveLength(6);
    expect(remedy).toMatch(/ again with seed and data as in \S+config\.yaml, or /);
  });

  it('where there is nothing to compare', async () => {
    expect(await refusal([runs.good])).toEqual([
      'LOCKSTEP_CONFIG',
      `compare: ${runs.good} alone is not enough`,
      'name two runs or more, the one to compare with first',
    ]);
    expect(await refusal([runs.good, runs.poor], { metrics: ['acuracy'] })).toEqual([
      'LOCKSTEP_CONFIG',
      `--metric acuracy: ${runs.good} has loss, accuracy, logLoss`,
      'did you mean accuracy?',
    ]);
    const [code, problem, remedy] = await refusal([runs.good, runs.poor], { overrides: ['evaluation.resamples=0'] });
    expect([code, problem, remedy]).toEqual([
      'LOCKSTEP_CONFIG',
      `evaluation.resamples: 0 leaves ${runs.good} nothing to be compared by`,
      'add --set evaluation.resamples=2000',
    ]);
  });
});

describe('a gate', () => {
  const gate = (name: string, text: string): string => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, text);
    return file;
  };
  const checked = async (run: string, file: string, ...more: readonly string[]) => {
    const { code, stdout } = await served('check', run, '--gate', file, '--json', ...more);
    const { event, ...result } = JSON.parse(stdout) as CheckResult & { event: string };
    return { code, event, ...result };
  };
  const usual = () =>
    gate(
      'usual',
      `split: test
metrics: { accuracy: { min: 0.5, bound: low }, logLoss: { max: 3, min: 0 } }
baseline: { run: ${runs.good}, metrics: { accuracy: { worse: 0.01 }, logLoss: { worse: significantly } } }`,
    );

  it('is passed, or not', async () => {
    const passed = await checked(runs.good, usual());
    expect(passed).toMatchObject({ code: 0, event: 'check', passed: true, split: 'test', examples: 200 });
    expect(passed.lines.map(({ about, metric, rule, limit, passed }) => [about, metric, rule, limit, passed])).toEqual([
      ['metric', 'accuracy', 'at least 0.5, the low end of the interval too', 0.5, true],
      ['metric', 'logLoss', 'at least 0', 0, true],
      ['metric', 'logLoss', 'at most 3', 3, true],
      ['baseline', 'accuracy', 'worse by at most 0.01', 0.01, true],
      ['baseline', 'logLoss', 'not worse by more than chance', undefined, true],
    ]);
    const { code, stdout } = await served('check', runs.poor, '--gate', usual());
    expect([code, stdout.split('\n').at(-2)]).toEqual([3, 'not passed: 3 of 5 failed']);
    expect(stdout.match(/^(FAILED|passed)(?= )/gm)).toEqual(['FAILED', 'passed', 'passed', 'FAILED', 'FAILED']);
    expect(stdout).toMatch(/^FAILED {2}accuracy +0\.\d{4} +0\.\d{4} to 0\.\d{4} +at least 0\.5, the low end/m);
    expect(stdout).toMatch(
      /^FAILED {2}accuracy less the baseline's +-0\.\d{4} +-0\.\d{4} to -0\.\d{4} +worse by at most 0\.01$/m,
    );
  });

  it('is of slices too, and of the gaps between them', async () => {
    const file = gate('slices', 'slices: { class: { accuracy: { min: 0, gap: 0 } } }');
    const { code, lines, passed } = await checked(runs.poor, file);
    expect([code, lines.length, passed]).toEqual([3, 11, false]);
    expect(
      lines.slice(0, 10).every(({ about, passed, slice }) => about === 'slice' && passed && /^class \d$/.test(slice!)),
    ).toBe(true);
    const whole = await evaluate(runs.poor, { by: ['class'], threads: 1 });
    const gap = whole.slices![0].gaps.find(({ metric }) => metric === 'accuracy');
    const last = {
      about: 'gap',
      slice: 'class',
      metric: 'accuracy',
      rule: 'slices at most 0 apart',
      limit: 0,
      passed: false,
    };
    expect(lines[10]).toMatchObject(gap ? { ...last, value: gap.gap } : { ...last, value: 'NaN' });
    const [problem] = [
      await served('check', runs.good, '--gate', gate('bad', 'slices: { sex: { accuracy: { min: 0 } } }')),
    ];
    expect(problem.code).toBe(2);
  });

  it('has metrics computed that the run does not name', async () => {
    const file = gate('more', 'metrics: { mcc: { min: 0.1 } }');
    expect(await checked(runs.good, file, '--set', 'metrics=[mcc]')).toMatchObject({ code: 0 });
  });

  it.each([
    [
      'metrics: { acuracy: { min: 0.9 } }',
      'FILE: metrics.acuracy: "acuracy" is no metric of RUN, which has loss, accuracy, logLoss',
      'did you mean accuracy?',
    ],
    [
      'metrics: { confusionMatrix: { min: 0.9 } }',
      'FILE: metrics.confusionMatrix: "confusionMatrix" is a table or a curve of RUN, and no number',
      'use one of those',
    ],
    [
      'baseline: { run: RUN, metrics: { f1: { worse: 0 } } }',
      'FILE: baseline.metrics.f1: "f1" is no metric of RUN',
      'use one of those',
    ],
    [
      'baseline: { run: OTHER, metrics: { accuracy: { worse: 0 } } }',
      'the test examples of RUN are not those of ',
      ' again with --set ',
    ],
    [
      'metrics: { accuracy: { min: 95 } }',
      'FILE: metrics.accuracy.min: 95 is no value that it can have: accuracy is from 0 to 1',
      'write 0.95 for 95 %',
    ],
    [
      'metrics: { loss: { max: -1 } }',
      'FILE: metrics.loss.max: -1 is no value that it can have: loss is at least 0',
      '',
    ],
    [
      'slices: { class: { accuracy: { gap: 1 } } }',
      'FILE: slices.class.accuracy.gap: 1 is always kept, as accuracy is from 0 to 1',
      'write a number inside that range',
    ],
    ['slices: { "sex,sex": { accuracy: { min: 0.5 } } }', 'FILE: slices.sex,sex: names sex twice', 'name it once'],
    ['slices: { sex: { accuracy: { min: 0.5 } } }', 'FILE: slices.sex: ', 'it has x, y, hour'],
    ['metrics: { accuracy: { min: high } }', 'metrics.accuracy.min: "high" is not a number', 'correct it (FILE:1)'],
    ['metrics: { accuracy: {} }', 'metrics.accuracy: says no limit', 'add min or max (FILE:1)'],
    [
      'metrics: { accuracy: { min: 1, max: 0 } }',
      'metrics.accuracy: nothing is at least 1 and at most 0',
      'correct one of them',
    ],
    ['metrics: { accuracy: { max: 1, bound: low } }', 'bound: low is of min, and there is none', 'write bound: high'],
    ['metrics: { accuracy: { min: 1, minn: 1 } }', 'metrics.accuracy.minn: unknown key', 'did you mean min?'],
    ['metric: { accuracy: { min: 1 } }', 'metric: unknown key', 'did you mean metrics?'],
    ['baseline: { metrics: {} }', 'baseline.run is missing', 'add one such as runs/old (FILE:1)'],
    ['metrics: {}', 'FILE: has nothing to check', 'write keys such as metrics: { accuracy: { min: 0.9 } }'],
    ['', 'FILE: is empty', 'write keys such as metrics: { accuracy: { min: 0.9 } }'],
    ['metrics: [accuracy', 'FILE:1:19: ', 'correct the YAML there'],
  ])('%j is bad input', async (text, problem, remedy) => {
    const file = gate('bad', text.replace('RUN', runs.good).replace('OTHER', runs.other));
    const before = [runs.good, runs.other].map(snapshot);
    const { code, stdout } = await served('check', runs.good, '--gate', file, '--json');
    const event = JSON.parse(stdout) as { message: string; remedy: string };
    expect([code, event.message, event.remedy]).toEqual([
      2,
      expect.stringContaining(problem.replace('RUN', runs.good).replace('FILE', file)),
      expect.stringContaining(remedy.replace('FILE', file)),
    ]);
    // Not even a look at the test split.
    expect([runs.good, runs.other].map(snapshot)).toEqual(before);
  });

  it('that is not there is bad input', async () => {
    const { code, stderr } = await served('check', runs.good, '--gate', join(folder, 'usal.yaml'));
    expect([code, stderr.replaceAll(/\s+/g, ' ')]).toEqual([2, expect.stringContaining('usal.yaml: no such file')]);
  });
});
