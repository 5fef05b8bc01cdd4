/**
 * Whose code is imported: naming a model reads its folder and runs nothing; naming a run or a module runs what it names, but
 * not what somebody else owns or may have written.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { exportModel } from '../../coordinator/inference/export.js';
import { predict } from '../../coordinator/inference/predict.js';
import { resume } from '../../coordinator/local/train.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { loadDataset } from '../../src/data/load-data.js';
import { LockstepError } from '../../src/errors.js';
import { lockstepServed } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf } from '../support/modules.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';

const folder = temporaryFolder();
const newPath = newPaths();
/** Written by whatever module runs. */
const marker = join(folder, 'ran');
const input = join(folder, 'x.json');
writeFileSync(
  input,
  JSON.stringify([
    [0.1, 0.2],
    [0.3, 0.4],
  ]),
);

const source = `import { appendFileSync } from 'node:fs';
appendFileSync(${JSON.stringify(marker)}, 'imported ');
export default (tf, { inputShape }) => {
  const inputs = tf.input({ shape: inputShape });
  return tf.model({ inputs, outputs: tf.layers.dense({ units: 2 }).apply(inputs) });
};
export const loss = (tf, targets, outputs) => tf.sum(tf.squaredDifference(targets, outputs), -1);
export const distance = loss;
export function* rows() { yield { features: [0, 1], target: 0 }; }
`;
const config = {
  data: {
    source: 'values',
    features: [
      [0, 1],
      [1, 0],
      [1, 1],
      [0, 0],
    ],
    targets: [
      [0, 1],
      [1, 1],
      [0, 0],
      [1, 0],
    ],
    validation: 0.25,
    test: 0.25,
  },
  loss: 'meanSquaredError',
  training: { epochs: 1, batchSize: 2, shards: 1 },
};

let made: string;

beforeAll(async () => {
  const module = join(folder, 'model.mjs');
  writeFileSync(module, source);
  const file = writeConfig(folder, 'run', { ...config, model: { module } });
  const { start } = await trained(file, [], folder, 1);
  made = start.folder;
});

/** A run of its own with a module of its own, which Node has not imported yet, in folders that are the user's alone. */
function newRun(): { run: string; module: string; config: string } {
  const place = newPath();
  mkdirSync(place, { mode: 0o755 });
  const run = join(place, 'run-1');
  cpSync(made, run, { recursive: true });
  // Resuming starts over then, by whatever module the config names.
  rmSync(join(run, 'checkpoints'), { recursive: true });
  const module = join(place, 'code', 'model.mjs');
  mkdirSync(dirname(module), { mode: 0o755 });
  writeFileSync(module, source, { mode: 0o644 });
  const config = join(run, 'config.yaml');
  const text = readFileSync(config, 'utf8').replace(/module: .*/, `module: ${module}`);
  writeFileSync(config, text, { mode: 0o644 });
  chmodSync(run, 0o755);
  return { run, module, config };
}

/** Whether a module ran while `act` did. */
async function ran(act: () => Promise<unknown>): Promise<{ code: boolean; refusal?: LockstepError }> {
  writeFileSync(marker, '');
  let refusal: LockstepError | undefined;
  try {
    await act();
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    refusal = error;
  }
  return { code: readFileSync(marker, 'utf8') !== '', refusal };
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

type Options = { readonly module?: string };
/** Every command that takes a run or a model. */
const commands: Readonly<Record<string, (place: string, options?: Options) => Promise<unknown>>> = {
  predict: async (place, options) => all((await predict(place, input, options)).rows),
  tfjs: (place, options) => exportModel(place, { format: 'tfjs', output: newPath(), ...options }),
  onnx: (place, options) => exportModel(place, { format: 'onnx', output: newPath(), ...options }),
  safetensors: (place, options) => exportModel(place, { format: 'safetensors', output: newPath(), ...options }),
  evaluate: (place, options) => evaluate(place, { threads: 1, ...options }),
};

describe.each(Object.entries(commands))('%s', (name, command) => {
  it.each(['model', 'best', 'model/model.json'])('of a model by its path (%s) runs nothing', async (path) => {
    const { run, config } = newRun();
    // Not even read: a file that is no config is no matter.
    if (path === 'best') writeFileSync(config, '{');
    const { code, refusal } = await ran(() => command(join(run, path)));
    expect(code).toBe(false);
    if (name !== 'evaluate') return expect(refusal).toBeUndefined();
    if (path === 'best') return expect(refusal?.message).toContain(config);
    expect(refusal?.problem).toContain('a model was named, not the run');
    expect(refusal?.remedy).toContain(`${run} --model final`);
  });

  it('of a run, or with the module named, runs it', async () => {
    expect(await ran(() => command(newRun().run))).toEqual({ code: true });
    const { run, module } = newRun();
    expect(await ran(() => command(join(run, 'model'), { module }))).toEqual({ code: true });
  });
});

/** What makes files of a run somebody else's, and whether the remedy is to take a right away. */
type Harm = (run: ReturnType<typeof newRun>) => void;
const isRoot = process.geteuid?.() === 0;
const harms: Record<string, Harm> = {
  'a config that others may write': ({ config }) => chmodSync(config, 0o646),
  'a config that a group may write': ({ config }) => chmodSync(config, 0o664),
  'a run that others may write into': ({ run }) => chmodSync(run, 0o777),
  'a run that a group may write into': ({ run }) => chmodSync(run, 0o775),
  'a module that others may write': ({ module }) => chmodSync(module, 0o666),
  'a module in a folder that others may write into': ({ module }) => chmodSync(dirname(module), 0o757),
  'a module by a link, whose own folder others may write into': ({ module }) => {
    const real = `${dirname(module)}-real`;
    mkdirSync(real);
    renameSync(module, join(real, 'm.mjs'));
    chmodSync(real, 0o777);
    symlinkSync(join(real, 'm.mjs'), module);
  },
  'a module by a link from a folder that others may write into': ({ module }) => {
    const real = `${dirname(module)}-real`;
    mkdirSync(real);
    renameSync(module, join(real, 'm.mjs'));
    symlinkSync(join(real, 'm.mjs'), module);
    chmodSync(dirname(module), 0o777);
  },
};
const foreign: Record<string, Harm> = {
  'a config of another user': ({ config }) => chownSync(config, 12345, 12345),
  'a run of another user': ({ run }) => chownSync(run, 12345, 12345),
  'a module of another user': ({ module }) => chownSync(module, 12345, 12345),
  'a module in a folder of another user': ({ module }) => chownSync(dirname(module), 12345, 12345),
};
/** The one after which each command is tried again. */
const [followed] = Object.keys(harms);
const everyHarm = { ...harms, ...(isRoot ? foreign : {}) };

skipIf(process.platform === 'win32' && 'Windows tells no modes of files').describe.each(Object.entries(everyHarm))(
  '%s',
  (name, harm) => {
    const tries = {
      ...commands,
      'train --resume': (run: string) => resume(run, { threads: 1 }),
    };

    it.each(Object.entries(tries))('is refused by %s, with what to do', async (_, command) => {
      const run = newRun();
      harm(run);
      const { code, refusal } = await ran(() => command(run.run));
      expect(code).toBe(false);
      expect(refusal).toMatchObject({
        exitCode: 2,
        problem: expect.stringMatching(/is not imported, because .* (may be written by others|belongs to user 12345)/),
      });
      const [, place] = /chmod go-w '(.*)'$/.exec(refusal!.remedy) ?? [];
      if (place === undefined) return expect(refusal!.remedy).toContain('copy it into a folder of your own');
      chmodSync(place, statSync(place).mode & 0o7755);
      // Every command asks the same: each goes on by itself after one of the harms, where others take time for what they do.
      const again = name === followed ? command : commands.predict;
      expect(await ran(() => again(run.run))).toEqual({ code: true });
    });
  },
);

it('a module in a folder like /tmp, where each may change only what is theirs, is imported', async () => {
  const run = newRun();
  chmodSync(dirname(run.module), 0o1777);
  expect(await ran(() => commands.predict(run.run))).toEqual({ code: true });
});

it('every key that names a module makes a config code', async () => {
  const { module } = newRun();
  const models = { layers: [{ dense: { units: 2 } }] };
  const custom = { custom: { name: 'loss', module } };
  const configs = {
    model: { ...config, model: { module } },
    data: { ...config, data: { source: 'module', file: module }, model: models },
    loss: { ...config, model: models, loss: custom },
    metric: { ...config, model: models, metrics: [{ custom: { name: 'distance', module } }] },
  };
  for (const [name, written] of Object.entries(configs)) {
    const place = newPath();
    mkdirSync(place);
    const file = writeConfig(place, name, written);
    chmodSync(place, 0o755);
    expect(loadRunConfig(file, []), name).toBeTruthy();
    if (process.platform === 'win32') continue;
    chmodSync(place, 0o777);
    expect(() => loadRunConfig(file, []), name).toThrow('is not imported');
  }
  // What names none is read from anywhere.
  const place = newPath();
  mkdirSync(place);
  chmodSync(place, 0o777);
  expect(loadRunConfig(writeConfig(place, 'plain', { ...config, model: models }), []).name).toBe('plain');
});

skipIf(process.platform === 'win32' && 'Windows tells no modes of files').it(
  'a module of data that others may write is refused',
  async () => {
    const { module } = newRun();
    chmodSync(module, 0o666);
    const data = { source: 'module', file: module, validation: 0, test: 0 } as never;
    const { message } = await refusalOf(loadDataset(data, 1));
    expect(message).toContain('may be written by others (mode 666)');
  },
);

it('the commands take --module', async () => {
  const { run, module } = newRun();
  const { code, stdout, stderr } = await lockstepServed(
    ['predict', join(run, 'model'), input, '--module', module, '--json'],
    folder,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.split('\n')).toHaveLength(3);
});

afterAll(() => expect(existsSync(marker)).toBe(true));
