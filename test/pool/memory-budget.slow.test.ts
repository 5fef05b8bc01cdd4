/** Sets that exceed their memory budget: the same bits as in memory, in the memory that the budget allows. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { afterAll, expect, it, vi } from 'vitest';
import { lcg } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { compiled, configFile } from '../support/package.js';
import { resultOf, trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { npyFile } from '../support/tables.js';

const run = promisify(execFile);
const folder = temporaryFolder();
// Where files of rows go, apart from those of other tests.
const temporary = join(folder, 'tmp');
mkdirSync(temporary);
vi.stubEnv('TMPDIR', temporary);
vi.stubEnv('TEMP', temporary);
afterAll(() => {
  vi.unstubAllEnvs();
});

it.each([
  ['an MLP', 'digits-mlp.yaml', ['data.examples=750', 'training.epochs=2', 'training.batchSize=64']],
  ['augmented images', 'digits.yaml', ['data.examples=160', 'training.epochs=2', 'augment={shift: 0.1, flip: both}']],
])('%s: read from disk, with the bits of memory', async (_, config, overrides) => {
  const file = configFile(config);
  const inMemory = await trained(file, overrides, folder);
  expect(inMemory.start.data).not.toContain('read from disk');
  const fromDisk = await trained(file, [...overrides, 'data.memory=100KB'], folder, 2);
  expect(fromDisk.start.data).toContain('read from disk');
  expect(resultOf(fromDisk)).toEqual(resultOf(inMemory));
  expect(readdirSync(temporary)).toEqual([]);
});

const megabyte = 2 ** 20;
const budget = 64;

/** Peak resident megabytes of a training process, and its result. */
async function measured(config: string, ...set: string[]): Promise<{ peak: number; sha256: string; data: string }> {
  const program = `
    const { train, loadRunConfig } = await import(${JSON.stringify(compiled('program/lockstep.js').href)});
    let data;
    const report = (event) => { if (event.event === 'start') data = event.data; };
    const { sha256 } = await train(loadRunConfig(process.argv[1], process.argv.slice(2)), { threads: 2, out: ${JSON.stringify(join(folder, 'runs'))}, report });
    const { readFileSync } = await import('node:fs');
    // Not resourceUsage().maxRSS, which starts at that of the process that forked.
    const [, kilobytes] = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
    console.log(JSON.stringify({ peak: kilobytes / 1024, sha256, data }));`;
  const { stdout } = await run(execPath, ['--input-type=module', '--eval', program, config, ...set], { cwd: folder });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}

skipIf(!existsSync('/proc/self/status') && 'the peak of memory is told by /proc').it(
  'a set three times the budget trains within 1.3 times the budget, plus what the model takes',
  async () => {
    const width = 256;
    const count = (3 * budget * megabyte) / (width * 4);
    const random = lcg(1);
    const features = new Float32Array(count * width);
    const few = 2048;
    const drawn = features.subarray(0, few * width);
    for (let i = 0; i < drawn.length; i++) drawn[i] = random() - 0.5;
    // The same again and again: to draw them takes longer than to train.
    for (let at = drawn.length; at < features.length; at += drawn.length) features.copyWithin(at, 0, drawn.length);
    writeFileSync(join(folder, 'x.npy'), npyFile('<f4', [count, width], new Uint8Array(features.buffer)));
    writeFileSync(
      join(folder, 'small.npy'),
      npyFile('<f4', [few, width], new Uint8Array(features.buffer, 0, few * width * 4)),
    );
    const targets = Int32Array.from({ length: count }, (_, i) => Number(features[i * width] > 0));
    writeFileSync(join(folder, 'y.npy'), npyFile('<i4', [count], new Uint8Array(targets.buffer)));
    writeFileSync(join(folder, 'small-y.npy'), npyFile('<i4', [few], new Uint8Array(targets.buffer, 0, few * 4)));
    const config = writeConfig(folder, 'large', {
      data: { source: 'npy', features: join(folder, 'x.npy'), targets: join(folder, 'y.npy'), memory: `${budget}MB` },
      model: { layers: [{ dense: { units: 8, activation: 'relu' } }, { dense: { units: 'classes' } }] },
      loss: 'sparseCategoricalCrossentropy',
      training: { epochs: 1, batchSize: 1024, shards: 4 },
    });
    const model = await measured(
      config,
      `data.features=${join(folder, 'small.npy')}`,
      `data.targets=${join(folder, 'small-y.npy')}`,
      // As many steps, of the same size.
      `training.epochs=${count / few}`,
    );
    const fromDisk = await measured(config);
    const inMemory = await measured(config, 'data.memory=1GB');
    expect(fromDisk.data).toContain('read from disk');
    expect(inMemory.data).not.toContain('read from disk');
    expect(fromDisk.sha256).toBe(inMemory.sha256);
    const over = fromDisk.peak - model.peak;
    process.stdout.write(
      `peak MB: the model alone ${model.peak.toFixed(0)}, a set of ${3 * budget} MB with ${budget} MB ${fromDisk.peak.toFixed(0)}, ` +
        `in memory ${inMemory.peak.toFixed(0)}\n`,
    );
    expect(over).toBeLessThan(1.3 * budget);
    // The figure means something only if holding the set would break it.
    expect(inMemory.peak - model.peak).toBeGreaterThan(1.3 * budget);
  },
);

it('leaves no file behind when a run is refused', async () => {
  const config = join(folder, 'refused.yaml');
  writeFileSync(config, readFileSync(configFile('digits.yaml')));
  const wrong = ['data.memory=100KB', 'training.batchSize=100000'];
  await expect(trained(config, wrong, join(folder, 'refused'))).rejects.toThrow('exceeds the training split');
  expect(readdirSync(temporary)).toEqual([]);
  expect(existsSync(join(folder, 'refused'))).toBe(false);
});
