/** What `--resume` refuses, with the difference shown; what may change; Ctrl-C; the ledger. */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { resume } from '../../coordinator/local/train.js';
import { eventOf, eventsOf, lockstep, lockstepServed, startLockstep } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { held } from '../support/held.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const values = (targets: number[]) => ({ source: 'values', features: [1, 2, 3, 4, 5, 6], targets, validation: 0.2 });
const config = {
  data: values([2, 4, 6, 8, 10, 12]),
  model: { layers: [{ dense: { units: 1 } }] },
  loss: 'meanSquaredError',
  optimizer: { momentum: { learningRate: 0.001 } },
  training: { epochs: 4, batchSize: 2 },
  checkpoint: { everyEpochs: 1 },
};
let run: string;
let sha256: string;

beforeAll(async () => {
  const whole = await trained(writeConfig(folder, 'line', config), [], join(folder, 'runs'));
  run = whole.start.folder;
  sha256 = whole.end.sha256;
});

async function refused(...flags: string[]): Promise<string> {
  const before = snapshot(run);
  const { code, stdout, stderr } = await lockstepServed(['train', '--resume', run, ...flags], folder);
  expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  expect(stdout).not.toMatch(/\n\s+at /);
  expect(snapshot(run)).toEqual(before);
  return stdout;
}

it('refuses a config that the steps so far were not made with', async () => {
  const changes = ['--set', 'optimizer.momentum.learningRate=0.01', '--set', 'training.epochs=9', '--set', 'seed=7'];
  const message = await refused(...changes);
  expect(message).toContain('step-00000012 does not fit the config: ');
  expect(message).toContain('optimizer.momentum.learningRate: 0.001 in the checkpoint, 0.01 now');
  expect(message).toContain('seed: 0 in the checkpoint, 7 now');
  expect(message).not.toContain('training.epochs');
  expect(message).toContain('undo the change, or start a new run');
});

it('goes on where defaults are written out, whatever says so: the schema, other keys or the layer', async () => {
  const file = writeConfig(folder, 'short', { ...config, optimizer: 'muon' });
  const { start } = await trained(file, [], join(folder, 'runs'));
  const set = (...changes: string[]) =>
    lockstepServed(['train', '--resume', start.folder, ...changes.flatMap((change) => ['--set', change])], folder);
  const layer = (options: string) => `model={ layers: [{ dense: { units: 1, ${options} } }] }`;
  const changed = await set('training.epochs=5', layer('useBias: true, activation: tanh'));
  expect(changed).toMatchObject({ code: 2, stdout: expect.stringContaining('compile to another step') });
  const more = await set('training.epochs=5', layer('activation: relu, name: other'));
  expect(more).toMatchObject({ code: 2, stdout: expect.stringContaining('model.layers.0.dense.name: not set in the') });
  const same = [layer('useBias: true, activation: linear'), 'training.groupByLength=false'];
  const spelled = ['optimizer.muon.adamw.learningRate=0.001', 'training.l1=0'];
  const { code, stdout } = await set('training.epochs=5', ...same, ...spelled);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('parameters sha256') });
});

it('refuses other data, and says in what they differ', async () => {
  const more = ['--set', 'training.epochs=9'];
  expect(await refused(...more, '--set', 'data.targets.0=3')).toMatch(
    /the data are not those of .*: as many examples, but other values \(sha256 [0-9a-f]{12}, now [0-9a-f]{12}\)/,
  );
  expect(await refused(...more, '--set', 'data.validation=0.4')).toMatch(
    /training: 5 in the checkpoint, 4 now; validation: 1 in the checkpoint, 2 now/,
  );
});

it('refuses what is no run, and flags that make no sense', async () => {
  expect(await refused()).toContain('the run is complete: it has 4 of 4 epochs');
  expect(await refused('--out', 'x')).toContain('--out names another');
  expect(await refused('--ledger', '--set', 'training.epochs=9')).toContain('no ledger of the 12 steps');
  const elsewhere = await lockstepServed(['train', '--resume', 'nowhere'], folder);
  expect(elsewhere).toMatchObject({ code: 2, stdout: expect.stringContaining('nowhere: is no run (no such folder)') });
  await expect(resume('nowhere'.repeat(50))).rejects.toThrow(/nowhere: is no run \(no such folder\)/);
  const parent = await lockstepServed(['train', '--resume', 'runs'], folder);
  expect(parent).toMatchObject({ code: 2, stdout: expect.stringContaining('runs: is no run (it has no config.yaml)') });
});

it('refuses a model, loss or module that has changed behind the same config', async () => {
  const module = join(folder, 'loss.mjs');
  const write = (factor: number) =>
    writeFileSync(module, `export const loss = (tf, t, o) => tf.mul(${factor}, tf.mean(tf.square(tf.sub(o, t)), -1));`);
  write(1);
  const file = writeConfig(folder, 'custom', { ...config, loss: { custom: { name: 'loss', module } } });
  const { start } = await trained(file, [], join(folder, 'runs'));
  const on = ['train', '--resume', start.folder, '--set', 'training.epochs=5'];
  write(2);
  const changed = await lockstep(on, folder);
  expect(changed.code).toBe(2);
  expect(changed.stdout).toContain('the model and its loss compile to another step than that of');
  write(1);
  expect((await lockstep(on, folder)).code).toBe(0);
});

it('trains a complete run on with more epochs, as if they had been planned', async () => {
  const planned = await trained(join(folder, 'line.yaml'), ['training.epochs=6'], join(folder, 'planned'));
  const flags = ['--set', 'training.epochs=6', '--set', 'training.logEvery=1', '--json'];
  const { code, stdout } = await lockstepServed(['train', '--resume', run, ...flags], folder);
  expect(code).toBe(0);
  const events = eventsOf(stdout);
  expect(eventOf(events, 'start')).toMatchObject({ resumed: { step: 12 }, epochs: 6 });
  expect(eventOf(events, 'end').sha256).toBe(planned.end.sha256);
  expect(planned.end.sha256).not.toBe(sha256);
  expect(readFileSync(join(run, 'config.yaml'), 'utf8')).toContain('epochs: 6');
});

it('refuses more epochs under a schedule that counts on their number', async () => {
  const file = writeConfig(folder, 'cosine', { ...config, schedule: 'cosine' });
  const { start } = await trained(file, [], join(folder, 'runs'));
  const { code, stdout } = await lockstepServed(
    ['train', '--resume', start.folder, '--set', 'training.epochs=5'],
    folder,
  );
  expect(code).toBe(2);
  expect(stdout).toContain('training.epochs: 4 in the checkpoint, 5 now');
  expect(stdout).toContain('under schedule cosine every step depends on how many there will be');
});

it('Ctrl-C writes a checkpoint, names the command that goes on, and that ends as an undisturbed run', async () => {
  const long = { ...config, data: { source: 'digits', examples: 1000 }, loss: 'sparseCategoricalCrossentropy' };
  const model = { layers: ['flatten', { dense: { units: 'classes' } }] };
  const file = writeConfig(folder, 'stopped', {
    ...long,
    model,
    training: { epochs: 5, batchSize: 50 },
    checkpoint: {},
  });
  const undisturbed = await trained(file, [], join(folder, 'whole'));
  const hold = held('3/5');
  const life = startLockstep(
    ['train', file, '--ledger', '--threads', '2', '--set', 'checkpoint.keep=9'],
    folder,
    hold.env,
  );
  await life.says('3/5');
  life.process.kill('SIGINT');
  hold.release();
  const { code, stdout } = await life.finished;
  expect(code).toBe(130);
  expect(stdout).toMatch(/\n {2}interrupted +the model is that of step \d+, the last that was finished\n/);
  const [, command] = /\ngo on with: npx lockstep (train --resume .+)\n$/.exec(stdout)!;
  // What the run keeps is not said again.
  expect(command).toBe(`train --resume ${join('runs', 'stopped-1')} --threads 2`);
  const stopped = join(folder, 'runs', 'stopped-1');
  // Who looks at the folder later reads it there.
  expect(readFileSync(join(stopped, 'events.jsonl'), 'utf8')).toContain(`"goOn":"npx lockstep ${command}"`);
  expect(readdirSync(join(stopped, 'checkpoints'))).toHaveLength(1);
  expect(readFileSync(join(stopped, 'metrics.jsonl'), 'utf8')).toContain('"interrupted":true');
  const again = await lockstepServed([...command.split(' '), '--json', '--threads', '1'], folder);
  const end = eventOf(eventsOf(again.stdout), 'end');
  expect(end).toMatchObject({ sha256: undisturbed.end.sha256, interrupted: false, resume: null });
  expect(readFileSync(join(stopped, 'metrics.jsonl'), 'utf8')).not.toContain('"interrupted":true');
  const ledger = readFileSync(join(stopped, 'ledger.jsonl'), 'utf8').trimEnd().split('\n');
  expect(ledger).toHaveLength(undisturbed.start.steps);
});

it('a run that was killed before its first checkpoint starts over in its folder', async () => {
  const { start, end } = await trained(join(folder, 'line.yaml'), [], join(folder, 'runs'));
  const bare = join(folder, 'runs', 'bare');
  const flags = ['--json', '--threads', '1'];
  writeFileSync(join(folder, 'copy.yaml'), readFileSync(join(start.folder, 'config.yaml')));
  const { code } = await lockstepServed(['train', 'copy.yaml', '--set', 'name=bare', ...flags], folder);
  expect(code).toBe(0);
  // As if nothing but the folder had been made.
  renameSync(`${bare}-1`, bare);
  for (const name of readdirSync(bare)) if (name !== 'config.yaml') rmSync(join(bare, name), { recursive: true });
  const again = await lockstepServed(['train', '--resume', bare, ...flags, '--ledger'], folder);
  const events = eventsOf(again.stdout);
  expect(eventOf(events, 'start').resumed).toEqual({ step: 0, checkpoint: null });
  expect(eventOf(events, 'end').sha256).toBe(end.sha256);
});
