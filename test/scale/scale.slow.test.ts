/** `lockstep scale` over real threads and real processes: what it writes, what it refuses, and Ctrl-C. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseReport } from '../../src/scale/record.js';
import { lockstepServed, startLockstep } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { held } from '../support/held.js';

const folder = temporaryFolder();
const file = writeConfig(folder, 'small', {
  data: { source: 'digits', examples: 600, validation: 0.2, test: 0 },
  model: { layers: [{ flatten: {} }, { dense: { units: 64, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: { learningRate: 0.001 } },
  training: { epochs: 2, batchSize: 32, shards: 4, earlyStopping: { patience: 1 } },
  cluster: { allReduce: 'butterfly' },
});

// Other tests, and other checkouts, measure too.
const temporary = join(folder, 'tmp');
mkdirSync(temporary);
const inTemporary = { TMPDIR: temporary, TEMP: temporary };

function reportIn(out: string) {
  const run = join(folder, out, 'small-scale-1');
  expect(readdirSync(run).sort()).toEqual(['config.yaml', 'scale.html', 'scale.json', 'scale.md']);
  return parseReport('scale.json', readFileSync(join(run, 'scale.json'), 'utf8'));
}

it('measures threads, in both modes', async () => {
  const args = ['scale', file, '--workers', '2,1', '--repeats', '1', '--steps', '40', '--out', 'threads'];
  const { code, stdout } = await lockstepServed(args, folder, inTemporary);
  expect(code).toBe(0);
  const { runs, points, hashesAgree, complete, plan } = reportIn('threads');
  expect(runs.map(({ mode, workers, repeat }) => `${repeat} ${mode} ${workers}`)).toEqual([
    ...['1 strong 1', '1 strong 2', '1 weak 1', '1 weak 2'],
  ]);
  expect([complete, hashesAgree, plan.steps]).toEqual([true, true, 40]);
  for (const { steps, step, perWorker, workers, seconds, examples, cpuSeconds, peakBytes, batchSize } of runs) {
    // 40 steps of 32 and 21 of 64 are 1,280 of 480 examples: the last step of an epoch has 32 then.
    expect(steps).toBe((batchSize === 32 ? 40 : 21) - 10);
    expect(perWorker.map(({ computes }) => computes)).toEqual(Array(workers).fill(true));
    expect(examples).toBeLessThanOrEqual(steps * batchSize);
    for (const { split, validation } of perWorker) {
      const sum = Object.values(split).reduce((total, part) => total + part, 0);
      // What no phase accounts for is waiting; a thread that ends the warm-up before the others has a little more.
      expect(sum / ((1000 * seconds) / steps)).toBeGreaterThan(0.999);
      expect(validation).toBeGreaterThan(0);
    }
    expect(step.p99).toBeGreaterThanOrEqual(step.p50);
    if (process.platform === 'linux') {
      expect(peakBytes).toBeGreaterThan(50e6);
      expect(cpuSeconds).toBeLessThanOrEqual(2 * seconds + 0.1);
    }
  }
  // As many examples, and in strong mode the same ones: the loss tells.
  const [strong1, strong2, weak1, weak2] = points;
  expect(strong2.loss).toEqual(strong1.loss);
  expect([weak1, weak2].map(({ loss }) => loss.examples)).toEqual([1280, 1280]);
  expect(strong2.speedup).toBeCloseTo(strong2.examplesPerSecond.median / strong1.examplesPerSecond.median, 9);
  expect(weak1.hashes).toEqual(strong1.hashes);
  expect(weak2.hashes).not.toEqual(strong1.hashes);
  expect(stdout).toContain('All strong runs ended with the same parameters, bit for bit.');
  expect(readdirSync(temporary)).toEqual([]);
});

it('measures processes, and compares and projects what it has measured', async () => {
  const args = ['scale', file, '--workers', '1,2', '--repeats', '1', '--steps', '30', '--kind', 'processes'];
  const more = [
    '--mode',
    'strong',
    '--project',
    'workers=4..8,bandwidth=1Gbps,latency=1ms',
    '--json',
    '--out',
    'processes',
  ];
  const against = ['--against', join('threads', 'small-scale-1', 'scale.json')];
  const { code, stdout } = await lockstepServed([...args, ...more, ...against], folder);
  expect(code).toBe(0);
  const { points, hashesAgree, projection, warnings } = reportIn('processes');
  expect(hashesAgree).toBe(true);
  const [one, two] = points;
  expect([one.bytesPerStep, one.fewestBytesPerStep]).toEqual([0, 0]);
  // 784 x 64 + 64 + 64 x 10 + 10 floats, each way for each worker.
  expect(two.bytesPerStep).toBeGreaterThanOrEqual(2 * 4 * 50_890);
  // Until the workers have a link, the coordinator adds up.
  expect(two.bytesPerStep).toBeLessThan(2 * two.fewestBytesPerStep!);
  expect(two.perWorker.filter(({ computes }) => computes).length).toBe(2);
  expect(two.split.exchange).toBeGreaterThan(0);
  expect(projection!.rows.map(({ workers }) => workers)).toContain(8);
  expect(warnings.join('\n')).toMatch(/talked over loopback/);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; words?: string[] });
  expect(events.map(({ event }) => event)).toEqual(['run', 'run', 'run', 'report']);
  expect(events.at(-1)!.words!.join('\n')).toMatch(/The kind of workers was threads before and is processes now/);
});

it('Ctrl-C ends it with a report of what is measured, and leaves no process', async () => {
  const args = [
    'scale',
    file,
    '--workers',
    '1',
    '--mode',
    'strong',
    '--repeats',
    '5',
    '--steps',
    '40',
    '--out',
    'stopped',
  ];
  const hold = held('1/5');
  const run = startLockstep(args, folder, { ...hold.env, ...inTemporary });
  await run.says('1/5');
  run.process.kill('SIGINT');
  hold.release();
  const { code, stdout } = await run.finished;
  expect(code).toBe(130);
  expect(stdout).toContain('stopping');
  const { runs, complete, warnings } = reportIn('stopped');
  expect(complete).toBe(false);
  expect(runs.length).toBeGreaterThanOrEqual(1);
  expect(runs.length).toBeLessThan(5);
  expect(warnings.join('\n')).toContain('interrupted');
  expect(readdirSync(temporary)).toEqual([]);
});

describe('bad input is refused before anything runs', () => {
  it.each([
    [['--workers', '0'], /--workers 0 is not a whole number from 1 to 256/],
    [['--workers', '2,x'], /--workers x is not a whole number/],
    [['--workers', '2,1,2'], /names one twice/],
    [['--workers', '1,2', '--repeats', '0'], /--repeats 0 is not/],
    [['--workers', '1,2', '--steps', '12'], /--steps 12 is not a whole number from 20/],
    [['--workers', '1,2', '--against', 'nowhere.json'], /--against nowhere.json: no such file/],
    [['--workers', '1,2', '--against', file], /is no report of lockstep scale/],
    [['--workers', '1,2', '--project', 'workers=8'], /bandwidth is missing/],
    [['--workers', '2', '--project', 'workers=8,bandwidth=1Gbps,latency=1ms'], /use two numbers of workers/],
    [['--workers', '1,2', '--set', 'training.epochs=none'], /training.epochs/],
    [['--workers', '1,2', '--kind', 'fibres'], /Allowed choices are threads, processes/],
  ])('%j', async (args, problem) => {
    const { code, stdout, stderr } = await lockstepServed(['scale', file, ...args, '--out', 'refused'], folder);
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(problem);
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });

  it('and a TMPDIR that is not there or is a file, in each kind of measurement', async () => {
    const args = ['scale', file, '--workers', '1', '--repeats', '1', '--mode', 'strong', '--out', 'nowhere'];
    writeFileSync(join(folder, 'plain'), '');
    const missing = await lockstepServed(args, folder, { TMPDIR: join(folder, 'missing') });
    const plain = await lockstepServed([...args, '--kind', 'processes'], folder, { TMPDIR: join(folder, 'plain') });
    for (const { code, stderr } of [missing, plain]) {
      expect(code).toBe(2);
      expect(stderr).toMatch(/takes no folder for the runs \(E[A-Z]+\)\nremedy: .*TMPDIR\nLOCKSTEP_OUTPUT\n$/);
    }
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  it('and a batch beyond the data as soon as the data are known', async () => {
    const args = ['scale', file, '--workers', '1,32', '--mode', 'weak', '--out', 'refused'];
    const { code, stderr, stdout } = await lockstepServed(args, folder);
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(/32 workers would have a batch of 1024, more than the 480 training examples/);
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });
});
