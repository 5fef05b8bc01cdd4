/**
 * Every place where a disk can fill while a command writes: what it says, how it ends, what is left. A disk of its own would need
 * rights that not every machine gives: the size that a process's files may have does the same to each write (EFBIG for ENOSPC).
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execPath } from 'node:process';
import { beforeAll, expect, it } from 'vitest';
import { train } from '../../coordinator/local/train.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { RunConfig } from '../../src/config/run-config.js';
import type { LockstepError } from '../../src/errors.js';
import type { RunEvent } from '../../src/report/events.js';
import { eventOf, eventsOf, type Finished, lockstepServed, startLockstep } from '../support/cli.js';
import { newFolders, temporaryFolder, writeConfig } from '../support/folder.js';
import { held } from '../support/held.js';
import { checkLedger } from '../support/ledgers.js';
import { cliFile, configFile } from '../support/package.js';
import { patience } from '../support/patience.js';
import { serving } from '../support/server.js';
import { skipIf } from '../support/skip-if.js';
import { smallModel } from '../support/small.js';

const newFolder = newFolders();
const config = {
  data: { source: 'digits', examples: 400, validation: 0.2, test: 0.1 },
  ...smallModel,
  training: { epochs: 6, batchSize: 32, shards: 2, logEvery: 1 },
  checkpoint: { everySteps: 20 },
};
const steps = 6 * 9;
const folder = temporaryFolder();
const file = writeConfig(folder, 'run', config);

const unlimited = 'unlimited:unlimited';
const limit = (pid: number, bytes: number | string) =>
  execFileSync('prlimit', [
    '--pid',
    String(pid),
    `--fsize=${typeof bytes === 'number' ? `${bytes}:unlimited` : bytes}`,
  ]);

/** Runs a command in a process whose files may have no more bytes meanwhile. */
async function servedWithin(bytes: number, args: readonly string[], out: string): Promise<Finished> {
  const pid = serving().pid!;
  limit(pid, bytes);
  try {
    return await lockstepServed(args, out);
  } finally {
    limit(pid, unlimited);
  }
}

/** Trains inside this process, to an end that is none. @param begun is called when the run has its folder */
async function failing(config: RunConfig, out: string, begun: () => void) {
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => {
    events.push(event);
    if (event.event === 'start') begun();
  };
  const ended = train(config, { threads: 1, out, report }).then(() => undefined);
  return { events, error: (await ended.catch((error: unknown) => error)) as LockstepError };
}

const training = (out: string) => ['train', file, '--threads', '1', '--out', out, '--json'];

const started = '"event":"start"';
const unwritten = 'ledger.jsonl: cannot be written';
/** A run that stands still when it has started, and where the disk of its ledger is full, till it is released. */
function begin(out: string, ...args: readonly string[]) {
  const { env, release } = held(started, unwritten);
  return { ...startLockstep([...training(out), '--ledger', ...args], out, env), release };
}
/** Files of a run may have so many bytes from now on. */
async function limitFrom(text: string, bytes: number | string, { says, process, release }: ReturnType<typeof begin>) {
  await says(text);
  limit(process.pid!, bytes);
  release();
}

const runOf = (out: string) => join(out, 'run-1');

/** The undisturbed run. */
let sha256: string;
beforeAll(async () => {
  const { stdout } = await lockstepServed(['train', file, '--threads', '1', '--json'], newFolder());
  sha256 = eventOf(eventsOf(stdout), 'end').sha256;
});

const warningsIn = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.event === 'warning' ? [event.message] : []));

/** Expects the end of a run that could not write some of what it had to. */
function expectUnwritten({ code, stderr, stdout }: Finished, names: readonly string[], run: string): RunEvent[] {
  expect(stderr).toBe('');
  const events = eventsOf(stdout);
  const error = eventOf(events, 'error');
  expect({ code, error: error.code }).toEqual({ code: 1, error: 'LOCKSTEP_UNWRITTEN' });
  expectOnlyUnwritten(events, names, run);
  return events;
}

/** Expects that the run is as it would have been, but for what it could not write and said so. */
function expectOnlyUnwritten(events: readonly RunEvent[], names: readonly string[], run: string): void {
  expect(eventOf(events, 'end').sha256).toBe(sha256);
  // Each is said once.
  const warned = warningsIn(events).map((message) =>
    basename(message.split(':')[0]).replace(/^step-\d+$/, 'checkpoints'),
  );
  expect(warned.sort()).toEqual([...names].sort());
  const left = existsSync(run) ? readdirSync(run, { recursive: true }) : [];
  expect((left as string[]).filter((name) => /partial|\.old|^lock/.test(name))).toEqual([]);
}

/** Does what the remedy says. */
async function follow(remedy: string, out: string): Promise<void> {
  const [, run] = /npx lockstep train --resume (\S+):/.exec(remedy)!;
  const { code, stdout } = await lockstepServed(['train', '--resume', run, '--threads', '1', '--json'], out);
  const end = eventOf(eventsOf(stdout), 'end');
  expect({ code, sha256: end.sha256 }).toEqual({ code: 0, sha256 });
  expect(readdirSync(run)).toEqual(expect.arrayContaining(['checkpoints', 'config.yaml', 'metrics.jsonl', 'model']));
}

skipIf(process.platform !== 'linux' && 'limits and /dev/full are those of Linux').describe(
  'a run on a disk that is full',
  () => {
    it('from its first step on goes on to its end, and is made good by its remedy', async () => {
      const out = newFolder();
      const trace = join(out, 'trace.json');
      const run = begin(out, '--trace', trace);
      await limitFrom(started, 1, run);
      run.release();
      const names = ['best', 'checkpoints', 'events.jsonl', 'ledger.jsonl', 'metrics.jsonl', 'model', 'trace.json'];
      const events = expectUnwritten(await run.finished, names, runOf(out));
      expect(eventOf(events, 'end')).toMatchObject({ model: '', best: null });
      await follow(eventOf(events, 'error').remedy, out);
    });

    it('for a while loses nothing', async () => {
      const out = newFolder();
      const run = begin(out);
      await limitFrom(started, 1, run);
      await limitFrom(unwritten, unlimited, run);
      const { code, stdout } = await run.finished;
      const end = eventOf(eventsOf(stdout), 'end');
      expect({ code, sha256: end.sha256 }).toEqual({ code: 0, sha256 });
      await checkLedger(runOf(out), steps);
      const lines = readFileSync(join(runOf(out), 'metrics.jsonl'), 'utf8')
        .trimEnd()
        .split('\n');
      const logged = lines.map((line) => JSON.parse(line) as RunEvent).filter(({ event }) => event === 'step');
      expect(logged).toHaveLength(steps);
      expect(existsSync(join(out, end.model.slice(out.length)))).toBe(true);
    });

    const obstacles = ['checkpoints', 'best', 'model'];
    it.each(obstacles)('under %s alone has all the rest', async (name) => {
      const out = newFolder();
      const place = join(runOf(out), name);
      const { events, error } = await failing(loadRunConfig(file, []), out, () => {
        rmSync(place, { recursive: true, force: true });
        writeFileSync(place, '');
      });
      expect(error).toMatchObject({ code: 'LOCKSTEP_UNWRITTEN', exitCode: 1 });
      expectOnlyUnwritten(events, [name], runOf(out));
      rmSync(place);
      const { remedy } = error;
      if (name === 'best') expect(remedy).toContain('the model and the newest checkpoint are whole');
      else await follow(remedy, out);
      expect(existsSync(join(runOf(out), 'model', 'model.json'))).toBe(true);
    });

    it('under a trace that cannot be written says so', async () => {
      const out = newFolder();
      const finished = await lockstepServed([...training(out), '--trace', '/dev/full'], out);
      const events = expectUnwritten(finished, ['full'], runOf(out));
      expect(eventOf(events, 'error').remedy).toContain('are whole');
      expect(existsSync('/dev/full')).toBe(true);
    });

    it('under its logs alone ends them with a whole line', async () => {
      const out = newFolder();
      const linear = ['model.layers=[flatten, {dense: {units: classes}}]', 'optimizer={sgd: {learningRate: 0.1}}'];
      // Enough of them for logs that are larger than the model.
      const small = [...linear, 'training.epochs=40', 'checkpoint.everySteps=50'];
      const run = begin(out, ...small.flatMap((value) => ['--set', value]));
      // More than checkpoint and model of this one take, less than the logs of its steps.
      await limitFrom(started, 40_000, run);
      run.release();
      const { code, stdout } = await run.finished;
      expect(code).toBe(1);
      const warnings = warningsIn(eventsOf(stdout)).map((message) => basename(message.split(':')[0]));
      expect(warnings).toContain('ledger.jsonl');
      for (const name of warnings) expect(readFileSync(join(runOf(out), name), 'utf8')).toMatch(/\}\n$/);
      const resumed = await lockstepServed(
        ['train', '--resume', runOf(out), '--set', 'training.epochs=41', '--threads', '1', '--json'],
        out,
      );
      expect(resumed.code).toBe(0);
      expect(warningsIn(eventsOf(resumed.stdout)).join()).toMatch(/ledger.jsonl does not have the steps \d+ to 360/);
    });

    it('does not hide that it has diverged', async () => {
      const out = newFolder();
      const steep = loadRunConfig(configFile('linear-regression.yaml'), ['optimizer.sgd.learningRate=0.1']);
      const { error } = await failing(steep, out, () => {
        writeFileSync(join(out, 'linear-regression-1', 'last-good'), '');
      });
      expect(error).toMatchObject({ code: 'LOCKSTEP_DIVERGED', exitCode: 1 });
      expect(error.remedy).toContain('could not be saved');
    });

    it('before it begins leaves nothing', async () => {
      const out = newFolder();
      const { code, stdout } = await servedWithin(1, training(join(out, 'runs')), out);
      expect({ code, error: eventOf(eventsOf(stdout), 'error').code }).toEqual({ code: 2, error: 'LOCKSTEP_OUTPUT' });
      expect(readdirSync(out)).toEqual([]);
    });
  },
);

/** Runs a program to its end. */
const command = (program: string, args: readonly string[], cwd: string) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(program, args, { cwd, timeout: patience }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

skipIf(process.platform !== 'linux' && 'limits and /dev/full are those of Linux').describe(
  'a command whose output is not taken',
  () => {
    const trainedRun = join(folder, 'trained');
    const input = join(folder, 'input.json');
    beforeAll(async () => {
      await lockstepServed(['train', file, '--threads', '1', '--out', trainedRun, '--steps', '1'], folder);
      writeFileSync(input, JSON.stringify([Array.from({ length: 28 }, () => Array.from({ length: 28 }, () => [0]))]));
    });
    const model = join(trainedRun, 'run-1');

    const outputs: [name: string, args: (output: string) => string[]][] = [
      ['predict', (output) => ['predict', model, input, '--output', output]],
      ...['onnx', 'safetensors', 'tfjs'].map((format): [string, (output: string) => string[]] => [
        `export to ${format}`,
        (output) => ['export', model, '--format', format, '--output', output],
      ]),
    ];
    it.each(outputs)('%s leaves nothing of a file', async (_, args) => {
      const out = newFolder();
      const { code, stderr } = await servedWithin(1, args(join(out, 'output')), out);
      expect(code).toBe(2);
      expect(stderr).toMatch(/output: cannot be written .*EFBIG[\s\S]*remedy: free some space/);
      expect(readdirSync(out)).toEqual([]);
    });

    it('scale says so where its report finds no place, and prints it', async () => {
      const out = newFolder();
      const place = join(out, 'runs');
      const args = [
        'scale',
        configFile('linear-regression.yaml'),
        '--workers',
        '1',
        '--mode',
        'strong',
        '--repeats',
        '1',
      ];
      const hold = held('"event":"run"');
      const running = startLockstep([...args, '--steps', '20', '--out', place, '--json'], out, {
        TMPDIR: out,
        ...hold.env,
      });
      await running.says('"event":"run"');
      writeFileSync(place, '');
      hold.release();
      const { code, stdout, stderr } = await running.finished;
      expect(stderr).toBe('');
      const events = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(events.find(({ event }) => event === 'report')).toMatchObject({
        folder: null,
        report: { format: 'lockstep-scale' },
      });
      const { code: name, message, remedy } = events.at(-1);
      expect({ code, name }).toEqual({ code: 1, name: 'LOCKSTEP_UNWRITTEN' });
      expect(message).toContain(place);
      expect(remedy).toMatch(/^keep what is printed above; free some space/);
    });

    const commands: [name: string, args: string[], code: number][] = [
      ['train', ['train', file, '--threads', '1', '--out', join(folder, 'full'), '--steps', '1'], 1],
      ['train --json', ['train', file, '--threads', '1', '--out', join(folder, 'full'), '--json'], 1],
      ['train of what is no config', ['train', join(folder, 'none.yaml')], 2],
      ['evaluate', ['evaluate', model], 1],
      ['predict', ['predict', model, input], 1],
      ['predict --json', ['predict', model, input, '--json'], 1],
      ['doctor', ['doctor'], 1],
      ['--help', ['--help'], 1],
    ];
    it.each(commands)('%s says so where standard output is full', async (name, args, expected) => {
      const words = [execPath, cliFile, ...args].map((word) => `'${word}'`).join(' ');
      const { code, stderr } = await command('bash', ['-c', `${words} > /dev/full`], folder);
      expect(code).toBe(expected);
      expect(stderr).toContain('warning: standard output cannot be written (ENOSPC');
      expect(stderr).not.toMatch(/^ +at /m);
      if (expected === 2) expect(stderr).toMatch(/error: .*none.yaml[\s\S]*remedy: /);
      if (name !== 'train --json') return;
      const run = join(folder, 'full', 'run-2');
      expect(readdirSync(run).sort()).toEqual([
        'best',
        'checkpoints',
        'config.yaml',
        'events.jsonl',
        'metrics.jsonl',
        'model',
      ]);
      const log = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!;
      expect(JSON.parse(log)).toMatchObject({ event: 'end', sha256 });
    });

    it('goes on where standard error is full as well', async () => {
      mkdirSync(join(folder, 'both'));
      const args = ['train', file, '--threads', '1', '--out', join(folder, 'both'), '--steps', '1'];
      const words = [execPath, cliFile, ...args].join(' ');
      expect((await command('bash', ['-c', `${words} > /dev/full 2> /dev/full`], folder)).code).toBe(1);
      expect(existsSync(join(folder, 'both', 'run-1', 'model', 'model.json'))).toBe(true);
    });
  },
);
