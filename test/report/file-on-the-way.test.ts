/** Folders that commands are to make where a file is: which file it is, what helps, and nothing is written. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { unwritten } from '../../src/ground/write-failure.js';
import { lockstepServed } from '../support/cli.js';
import { newFolders, snapshot, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { smallJob } from '../support/small.js';

const folder = newFolders()();
beforeAll(async () => {
  const file = writeConfig(folder, 'run', { ...smallJob, training: { epochs: 1, batchSize: 40, shards: 4 } });
  await trained(file, [], join(folder, 'runs'));
  writeFileSync(join(folder, 'in.json'), JSON.stringify([Array(28).fill(Array(28).fill([0]))]));
  writeFileSync(join(folder, 'taken'), '');
});

const run = 'runs/job-1';
const ranks = ['join', 'run.yaml', '--size=2', '--job=a', '--timeout=60'];

const commands = [
  ['train', 'run.yaml', '--out='],
  ['join', 'run.yaml', '--rank=0', '--size=1', '--out='],
  [...ranks, '--rank=0', '--out='],
  [...ranks, '--rank=1', '--out='],
  ['coordinator', 'run.yaml', '--port=0', '--out='],
  ['scale', 'run.yaml', '--workers=1', '--out='],
  ['launch', 'slurm', 'run.yaml', '--nodes=2', '--dry-run', '--out='],
  ['data', 'mnist', '--dir='],
  ['export', run, '--format=tfjs', '--output='],
  ['export', run, '--format=onnx', '--output='],
  ['predict', run, 'in.json', '--output='],
  ['predict', run, 'in.json', '--images='],
  ['explain', run, 'in.json', '--images='],
  ['evaluate', run, '--html='],
  ['evaluate', run, '--markdown='],
];

it.each(commands.map((words) => [words.join(' '), words] as const))('%staken/x', async (_, words) => {
  const before = snapshot(folder);
  const { code, stdout, stderr } = await lockstepServed([...words.slice(0, -1), `${words.at(-1)}taken/x`], folder);
  const said = stdout + stderr;
  expect(said).toMatch(/error: .*taken\/x.*taken is a file, not a folder/);
  expect(said).toMatch(/remedy: choose another /);
  expect(code).toBe(2);
  expect(snapshot(folder)).toEqual(before);
});

it('room helps where there is none, and not elsewhere', () => {
  const remedyOf = (code: string) =>
    unwritten('x/y', Object.assign(new Error(code), { code }), 'choose another').remedy;
  expect(['ENOSPC', 'EDQUOT', 'EFBIG'].map(remedyOf)).toEqual(Array(3).fill('free some space, or choose another'));
  expect(['EACCES', 'EROFS', 'EISDIR'].map(remedyOf)).toEqual(Array(3).fill('choose another'));
});
