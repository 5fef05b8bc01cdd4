/** A test split is opened once: looks after the run's own are counted, and a sealed one stays closed until somebody opens it. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import type { EvaluateOptions } from '../../coordinator/inference/evaluated-data.js';
import { resume } from '../../coordinator/local/train.js';
import type { LockstepError } from '../../src/errors.js';
import type { EndEvent } from '../../src/report/events.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { smallModel } from '../support/small.js';

const folder = temporaryFolder();
/** Seven examples again and again, so that all splits have the same. */
const rows = Array.from({ length: 60 }, (_, i) => i % 7);
const config = (validation: number) => ({
  ...smallModel,
  model: { layers: smallModel.model.layers.slice(1) },
  data: { source: 'values', features: rows, targets: rows, classes: 7, validation, test: 0.2 },
  training: { epochs: 1, batchSize: 32 },
  evaluation: { resamples: 0 },
});

async function trained(name: string, validation: number, ...options: string[]) {
  const file = writeConfig(folder, name, config(validation));
  const { stdout } = await lockstepServed(['train', file, '--json', '--threads', '1', ...options], folder);
  return eventOf(eventsOf(stdout), 'end');
}
const runOf = ({ model }: EndEvent): string => join(folder, model, '..', '..');

const look = (run: string, options: EvaluateOptions = {}) => evaluate(run, { threads: 1, ...options });
async function refusal(run: string, options: EvaluateOptions): Promise<string> {
  const error = await look(run, options).then(
    () => undefined,
    (reason: LockstepError) => reason,
  );
  return `${error?.code} ${error?.message}`;
}

let end: EndEvent;
let run: string;
beforeAll(async () => {
  end = await trained('sealed', 0.2, '--seal');
  run = runOf(end);
});

describe('a run', () => {
  it('has the looks at its test split counted, and no others', async () => {
    const open = await trained('open', 0.2);
    expect(open.sealed).toBeUndefined();
    const place = runOf(open);
    expect(await look(place, { split: 'validation' })).toMatchObject({ sealed: false, looks: { count: 0, times: [] } });
    expect(await look(place, { model: 'final' })).toMatchObject({ metrics: open.test!, looks: { count: 1 } });
    // A model that lies in the run, and is named itself.
    expect((await look(join(place, 'best'))).looks?.count).toBe(2);
    const { looks } = await look(place, { split: 'validation' });
    expect(looks).toEqual({ split: 'test', count: 2, times: looks!.times });
    expect(looks!.times.map((time) => Date.now() - Date.parse(time) < 60_000)).toEqual([true, true]);
    const { stdout } = await lockstepServed(['evaluate', place, '--split', 'test', '--threads', '1'], folder);
    expect(stdout.replace(/\s+/g, ' ')).toContain('looks the test split of this run has been looked at 3 times');
  });
});

/** What is said of examples that stand in two splits. */
const repeated = async (place: string, options: EvaluateOptions) =>
  (await look(place, { ...options, diagnose: true })).diagnosis?.find(({ title }) => title.includes('two splits'))
    ?.text;

describe('a sealed test split', () => {
  it('is not compared with the others', async () => {
    expect(await repeated(run, { split: 'validation' })).toMatch(
      /^By their inputs, 12 of 12 examples of validation stand in training too\.$/,
    );
    const opened = join(folder, 'compared');
    cpSync(run, opened, { recursive: true });
    expect(await repeated(opened, { unseal: true })).toMatch(
      /12 of 12 examples of test stand in training too; 11 of 12 examples of test stand in validation too\./,
    );
  });

  it('is not read by its run', async () => {
    expect(end).toMatchObject({ test: null, sealed: true });
    const { stdout } = await lockstepServed(['train', '--seal', join(folder, 'sealed.yaml'), '--threads', '1'], folder);
    expect(stdout).toMatch(/^ *test +sealed; npx lockstep evaluate \S+ --unseal opens it$/m);
  });

  it('stays closed: validation is evaluated, and test refused', async () => {
    expect(await look(run)).toMatchObject({ split: 'validation', sealed: true, looks: { count: 0 } });
    const sealed = `LOCKSTEP_CONFIG --split test: the test split of ${run} is sealed: open it for good with --unseal, or use --split validation`;
    expect(await refusal(run, { split: 'test' })).toBe(sealed);
    // Nor do other values, another config or the model by its own name open it.
    expect(await refusal(run, { split: 'test', overrides: ['evaluation.seal=false'] })).toBe(sealed);
    expect(await refusal(run, { split: 'test', config: join(folder, 'sealed.yaml') })).toBe(sealed);
    expect(await refusal(join(run, 'model'), { split: 'test' })).toBe(sealed);
    await expect(resume(run, { threads: 1, set: ['evaluation.seal=false', 'training.epochs=2'] })).rejects.toThrow(
      `evaluation.seal: the test split of ${run} is sealed: leave it so; when the run has ended, npx lockstep evaluate ${run} --unseal opens it`,
    );
    const { stdout } = await lockstepServed(['evaluate', run, '--threads', '1'], folder);
    expect(stdout).toMatch(/^test split +sealed; --unseal opens it$/m);
  });

  it('is opened by a word, once and for good, which is a look', async () => {
    const opened = join(folder, 'opened');
    cpSync(run, opened, { recursive: true });
    expect(await refusal(opened, { unseal: true, split: 'validation' })).toContain('--split validation names another');
    expect(await refusal(opened, { unseal: true, data: 'x' })).toContain('--data names other data');
    expect(await look(opened, { unseal: true })).toMatchObject({ split: 'test', sealed: false, looks: { count: 1 } });
    expect(await look(opened)).toMatchObject({ split: 'test', looks: { count: 2 } });
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    expect((await look(opened, { unseal: true, warn })).looks?.count).toBe(3);
    expect(warnings).toEqual([]);
  });

  it('leaves a run without validation nothing to evaluate by default', async () => {
    const bare = runOf(await trained('bare', 0, '--seal'));
    expect(await refusal(bare, {})).toBe(
      'LOCKSTEP_DATA the test split is sealed, and the run has no validation split: open it for good with --unseal, or use --split training',
    );
    expect(await look(bare, { split: 'training' })).toMatchObject({ split: 'training', sealed: true });
  });
});
