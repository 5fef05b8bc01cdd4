/** `--steps` ends a run that goes on later with the same bits; `--trace` says what each thread did in each step, and changes none. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { resume, train } from '../../coordinator/local/train.js';
import type { RunConfigInput } from '../../src/config/input.js';
import { phaseNames } from '../../src/pool/pool-options.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';

const folder = temporaryFolder();
const config: RunConfigInput = {
  data: { source: 'digits', examples: 200, validation: 0.2, test: 0.2 },
  model: { layers: [{ flatten: {} }, { dense: { units: 8 } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: { learningRate: 0.01 } },
  training: { epochs: 3, batchSize: 32, shards: 4 },
};
/** 120 examples. */
const stepsPerEpoch = 4;
let sha256: string;

beforeAll(async () => {
  sha256 = (await train({ ...config, name: 'whole' }, { out: folder, threads: 2 })).sha256;
});

describe('--steps', () => {
  it('ends with exit code 0 after so many, and the run goes on with the same bits', async () => {
    const file = writeConfig(folder, 'pieces', config);
    const first = await lockstepServed(['train', file, '--steps', '5', '--threads', '2', '--json'], folder);
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    const { folder: run } = eventOf(eventsOf(first.stdout), 'start');
    expect(readdirSync(join(folder, run, 'checkpoints'))).toContain('step-00000005');
    const more = await lockstepServed(['train', '--resume', run, '--steps', '3', '--threads', '1', '--json'], folder);
    expect(more.code).toBe(0);
    expect(readdirSync(join(folder, run, 'checkpoints'))).toContain('step-00000008');
    const end = await resume(join(folder, run), { steps: 1000 });
    expect(end).toMatchObject({ sha256, interrupted: false });
  });

  it('says how to go on', async () => {
    const file = writeConfig(folder, 'told', config);
    const { code, stdout } = await lockstepServed(['train', file, '--steps', '1', '--threads', '1'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/go on with: npx lockstep train --resume runs\/told-1 --threads 1\n$/);
  });

  it('refuses what is no number of steps, and writes nothing', async () => {
    const file = writeConfig(folder, 'wrong', config);
    const before = snapshot(folder);
    for (const steps of ['0', '1.5', 'some']) {
      const { code, stdout } = await lockstepServed(['train', file, '--steps', steps], folder);
      expect({ code, stdout }).toEqual({ code: 2, stdout: expect.stringMatching(/--steps.*\n.*use 100/) });
    }
    await expect(train(config, { steps: 0, out: folder })).rejects.toThrow(/steps: 0 is not a positive whole number/);
    expect(snapshot(folder)).toEqual(before);
  });
});

interface Span {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly step?: number };
}

describe('--trace', () => {
  it('has the phases of every step of every thread, one behind the other, and changes no bit', async () => {
    const trace = join(folder, 'trace.json');
    const end = await train({ ...config, name: 'traced' }, { out: folder, threads: 2, trace });
    expect(end.sha256).toBe(sha256);
    const events = JSON.parse(readFileSync(trace, 'utf8')) as Span[];
    const spans = events.filter(({ ph }) => ph === 'X');
    for (const thread of [0, 1]) {
      const own = spans.filter(({ pid, args }) => pid === thread && args.step !== undefined);
      expect(new Set(own.map(({ args }) => args.step)).size).toBe(3 * stepsPerEpoch);
      for (let step = 1; step <= 3 * stepsPerEpoch; step++) {
        const phases = own.filter(({ args }) => args.step === step).map(({ name }) => name);
        expect(phaseNames).toEqual(expect.arrayContaining(phases));
        expect(phases).toEqual(expect.arrayContaining(['gather', 'compute', 'reduce', 'update']));
      }
      for (let i = 1; i < own.length; i++) {
        // Microseconds; the clock of a thread is converted to that of another.
        expect(own[i].ts).toBeGreaterThan(own[i - 1].ts + own[i - 1].dur - 100);
      }
    }
    expect(spans.filter(({ name }) => name === 'validate').length).toBeGreaterThan(0);
  });

  it('is refused where it cannot be written, before anything is', async () => {
    const trace = join(folder, 'missing', 'trace.json');
    const out = join(folder, 'untouched');
    await expect(train(config, { out, trace })).rejects.toThrow(/trace\.json: cannot be written/);
    expect(existsSync(out)).toBe(false);
  });
});
