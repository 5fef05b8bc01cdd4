/** Ctrl-C, SIGTERM and SIGHUP at any moment of any command: real processes, what they say, how they end, what they leave. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishedSets } from '../../src/download/sets.js';
import { eventOf, eventsOf, groupIsAlive, lockstepServed, type Running, startLockstep } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { newFolders, temporaryFolder, writeConfig } from '../support/folder.js';
import { skipIf } from '../support/skip-if.js';
import { smallModel } from '../support/small.js';

const newFolder = newFolders();
const folder = temporaryFolder();

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof signals;
const names = Object.keys(signals) as Signal[];

const config = {
  data: { source: 'digits', examples: 400, validation: 0.2, test: 0.1 },
  ...smallModel,
  training: { epochs: 100_000, batchSize: 32, shards: 2, logEvery: 1 },
  checkpoint: { everySteps: 3 },
};

/** What a module of data gives when it is asked: line 2 is what it does first. */
function moduleRun(out: string, before: string, batchSize: number | string = 8): string {
  const module = join(out, 'data.mjs');
  writeFileSync(
    module,
    `export default async function* () {
  ${before}
  for (let i = 0; i < 4000; i++) yield { features: [i % 7, i % 5], target: i % 5 };
}\n`,
  );
  return writeConfig(out, 'run', {
    data: { source: 'module', file: module, validation: 0.5 },
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    optimizer: { sgd: { learningRate: 0.001 } },
    training: { epochs: 100_000, batchSize },
  });
}

const table = (rows: number): string => `a,b,c\n${'0.25,0.5,1.5\n0.75,0.125,2.25\n'.repeat(rows / 2)}`;

interface Moment {
  /** Starts a command; resolves when the moment has come. */
  readonly start: (out: string) => Promise<Running>;
  /** How it ends: with a code of its own, which for a worker is 0; or by the signal. */
  readonly ends: 'in order' | 'with 0' | 'at once';
  /** What it leaves below `out` besides what it was given; runs end with a checkpoint unless they had not begun. */
  readonly leaves?: readonly string[];
}

const said = async (running: Running, text: string): Promise<Running> => {
  await running.says(text);
  return running;
};
const train = (out: string, text: string, ...more: readonly string[]) => {
  const file = writeConfig(out, 'run', config);
  return said(
    startLockstep(['train', file, '--threads', '1', '--out', join(out, 'runs'), '--json', ...more], out),
    text,
  );
};

/** A command that uses a trained model, while that is made. */
const loading = (out: string, command: string, args: readonly string[]) => {
  const module = join(out, 'slow.mjs');
  writeFileSync(module, "console.log('loading'); await new Promise((go) => setTimeout(go, 60_000));\n");
  const run = join(folder, 'runs', 'table-1');
  return said(startLockstep([command, run, '--module', module, ...args], out), 'loading');
};

let silent: ReturnType<typeof createServer>;
let mirror: string;
beforeAll(async () => {
  writeFileSync(join(folder, 'table.csv'), table(400));
  const data = { source: 'csv', file: 'table.csv', target: 'c' };
  const file = writeConfig(folder, 'table', {
    data,
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    training: { epochs: 1, batchSize: 32 },
  });
  const { stdout, code } = await lockstepServed(
    ['train', file, '--threads', '1', '--set', 'data.targetType=number'],
    folder,
  );
  expect({ code, stdout }).toMatchObject({ code: 0 });
  writeFileSync(join(folder, 'many.csv'), table(300_000));
  const sizes = new Map(publishedSets.get('mnist')!.files.map(({ name, size }) => [name, size]));
  silent = createServer(({ url }, response) => {
    response.writeHead(200, { 'content-length': sizes.get(basename(url!)) }).write('x');
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  mirror = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
});
afterAll(() => {
  silent.closeAllConnections();
  silent.close();
});

const moments: Record<string, Moment> = {
  'while data are read': {
    start: (out) => {
      const file = moduleRun(out, "console.log('reading'); await new Promise((go) => setTimeout(go, 60_000));");
      return said(startLockstep(['train', file, '--threads', '1', '--out', join(out, 'runs')], out), 'reading');
    },
    ends: 'at once',
    leaves: [],
  },
  'while the model is made': {
    start: (out) => {
      const build = "console.log('building'); await new Promise((go) => setTimeout(go, 60_000));";
      writeFileSync(join(out, 'model.mjs'), `export default async () => { ${build} };\n`);
      const file = writeConfig(out, 'run', { ...config, model: { module: join(out, 'model.mjs') } });
      return said(startLockstep(['train', file, '--threads', '1', '--out', join(out, 'runs')], out), 'building');
    },
    ends: 'at once',
    leaves: [],
  },
  'at the first step': { start: (out) => train(out, '"event":"start"'), ends: 'in order' },
  'in the middle of an epoch': { start: (out) => train(out, '"event":"step"'), ends: 'in order' },
  'while it validates': {
    start: (out) => {
      const file = moduleRun(out, '', 'all');
      return said(
        startLockstep(['train', file, '--threads', '1', '--out', join(out, 'runs'), '--json'], out),
        '"event":"epoch"',
      );
    },
    ends: 'in order',
  },
  'while it writes checkpoints': { start: (out) => train(out, '"event":"checkpoint"'), ends: 'in order' },
  'of a run that is traced': {
    start: (out) => train(out, '"event":"epoch"', '--trace', join(out, 'trace.json'), '--ledger'),
    ends: 'in order',
  },
  'of a run that was resumed': {
    start: async (out) => {
      const file = writeConfig(out, 'run', config);
      const first = ['train', file, '--threads', '1', '--out', join(out, 'runs'), '--steps', '4'];
      expect(await lockstepServed(first, out)).toMatchObject({ code: 0 });
      const run = join(out, 'runs', 'run-1');
      return said(startLockstep(['train', '--resume', run, '--threads', '1', '--json'], out), '"event":"step"');
    },
    ends: 'in order',
  },
  'of a coordinator that waits': {
    start: (out) => {
      const args = ['--out', join(out, 'runs'), '--port', '0', '--threads', '0', '--json'];
      return said(startLockstep(['coordinator', writeConfig(out, 'run', config), ...args], out), '"event":"waiting"');
    },
    ends: 'in order',
  },
  'of a coordinator that trains': {
    start: (out) => {
      const args = ['--out', join(out, 'runs'), '--port', '0', '--threads', '1', '--min-workers', '0', '--json'];
      return said(startLockstep(['coordinator', writeConfig(out, 'run', config), ...args], out), '"event":"step"');
    },
    ends: 'in order',
  },
  'of a worker that waits': {
    start: (out) =>
      said(startLockstep(['worker', 'ws://127.0.0.1:9', '--threads', '1', '--json'], out), '"event":"connecting"'),
    ends: 'with 0',
    leaves: [],
  },
  'of a download': {
    start: (out) =>
      said(
        startLockstep(['data', 'mnist', '--dir', join(out, 'data'), '--mirror', mirror, '--json'], out),
        '"request"',
      ),
    ends: 'in order',
    leaves: ['data', 'data/t10k-labels-idx1-ubyte.gz.partial'],
  },
  'of predictions into a file': {
    start: async (out) => {
      const args = ['predict', join(folder, 'runs', 'table-1'), join(folder, 'many.csv'), '--output', join(out, 'p')];
      const running = startLockstep(args, out);
      const ended = () => running.process.exitCode !== null;
      await eventually('predictions', () => existsSync(join(out, 'p.partial')) || ended());
      return running;
    },
    ends: 'at once',
    leaves: [],
  },
  'of an evaluation': {
    start: (out) => loading(out, 'evaluate', ['--set', `data.file=${join(folder, 'table.csv')}`]),
    ends: 'at once',
    leaves: [],
  },
  'of an export': {
    start: (out) => loading(out, 'export', ['--format', 'onnx', '--output', join(out, 'model.onnx')]),
    ends: 'at once',
    leaves: [],
  },
  'of an explanation of all inputs': {
    start: (out) => {
      const data = ['--set', `data.file=${join(folder, 'table.csv')}`];
      return loading(out, 'explain', [...data, '--html', join(out, 'why.html')]);
    },
    ends: 'at once',
    leaves: [],
  },
  'of a measurement': {
    start: (out) => {
      const args = ['scale', writeConfig(out, 'run', config), '--workers', '1', '--mode', 'strong', '--json'];
      return said(startLockstep([...args, '--steps', '5000'], out, { TMPDIR: out }), '"event":"run"');
    },
    ends: 'in order',
    leaves: [],
  },
};

skipIf(process.platform === 'win32' && 'Windows has no signals').describe.each(Object.entries(moments))(
  'a signal %s',
  (name, moment) => {
    // Each signal at every third moment.
    const signal = names[Object.keys(moments).indexOf(name) % 3];

    it(`${signal} ends it in good order`, async () => {
      const out = newFolder();
      const before = readdirSync(out);
      const running = await moment.start(out);
      running.process.kill(signal);
      const { code, signal: by, stdout, stderr } = await running.finished;
      expect(stderr).toBe('');
      expect(groupIsAlive(running.process)).toBe(false);
      const left = (readdirSync(out, { recursive: true }) as string[]).filter((file) => !/\.(yaml|mjs)$/.test(file));
      expect(left.filter((file) => /(^|\/)lock$|step-\d+\.partial|\.removing/.test(file))).toEqual([]);
      if (moment.leaves) expect(left.filter((file) => !before.includes(file))).toEqual(moment.leaves);
      if (moment.ends === 'at once') {
        expect({ code, by }).toEqual({ code: null, by: signal });
        return;
      }
      expect({ code, by }).toEqual({ code: moment.ends === 'with 0' ? 0 : signals[signal], by: null });
      const run = join(out, 'runs', 'run-1');
      if (!existsSync(run)) return;
      const end = eventOf(eventsOf(stdout), 'end');
      expect(end).toMatchObject({ interrupted: true, resume: run });
      expect(existsSync(join(run, 'model', 'model.json'))).toBe(true);
      if (stdout.includes('"event":"step"')) expect(readdirSync(join(run, 'checkpoints')).length).toBeGreaterThan(0);
    });
  },
);

skipIf(process.platform === 'win32' && 'Windows has no signals').describe('a second signal, or a third', () => {
  it('ends the run at once, without damage', async () => {
    const out = newFolder();
    const running = await train(out, '"event":"checkpoint"');
    running.process.kill('SIGTERM');
    await running.says('press Ctrl-C again');
    for (let more = 0; more < 2; more++) running.process.kill('SIGINT');
    const { code, signal } = await running.finished;
    // It may have come to its end in that moment.
    expect([signal, code]).toEqual(code === null ? ['SIGINT', null] : [null, 143]);
    const run = join(out, 'runs', 'run-1');
    expect(existsSync(join(run, 'lock'))).toBe(false);
    const again = await lockstepServed(['train', '--resume', run, '--threads', '1', '--steps', '2', '--json'], out);
    expect(again.code).toBe(0);
    expect(eventOf(eventsOf(again.stdout), 'start').resumed!.step).toBeGreaterThanOrEqual(3);
  });

  it('of a terminal that closes, and of the shell in it, are one', async () => {
    const out = newFolder();
    const running = await train(out, '"event":"step"');
    running.process.kill('SIGHUP');
    await running.says('press Ctrl-C again');
    running.process.kill('SIGHUP');
    const { code, signal, stdout } = await running.finished;
    expect({ code, signal }).toEqual({ code: 129, signal: null });
    expect(eventOf(eventsOf(stdout), 'end').interrupted).toBe(true);
  });
});
