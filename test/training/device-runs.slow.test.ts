/** Runs on a device beside those of the processor. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { resume } from '../../coordinator/local/train.js';
import type { RunEvent } from '../../src/report/events.js';
import { eventOf, groupIsAlive, startLockstep } from '../support/cli.js';
import { urlOf, withCluster } from '../support/cluster.js';
import { relativeError } from '../support/engines.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { held } from '../support/held.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const { it } = skipIf(swiftshaderMissing);
const folder = temporaryFolder();
const newPath = newPaths();

const text = join(folder, 'text.txt');
writeFileSync(text, 'the quick brown fox jumps over the lazy dog. '.repeat(8));
// The linear one is evaluated, too: for what more is evaluated, more is compiled. Layers behind each other have the others.
const unsplit = { validation: 0, test: 0 };
const digits = { source: 'digits', examples: 80, ...unsplit };
const characters = { source: 'text', file: text, window: 4, stride: 4, ...unsplit };
const steps = { epochs: 1, batchSize: 4, shards: 2, logEvery: 1 };
const common = { loss: 'sparseCategoricalCrossentropy', optimizer: 'adam', training: steps };
const dense = { dense: { units: 'classes' } };
const configs = {
  linear: {
    data: { ...digits, examples: 100, validation: 0.1, test: 0.1 },
    model: { layers: ['flatten', { dropout: { rate: 0.2 } }, dense] },
  },
  cnn: {
    data: digits,
    model: {
      layers: [
        { conv2d: { filters: 4, kernelSize: 3, strides: 2, activation: 'relu' } },
        'batchNormalization',
        { maxPooling2d: { poolSize: 2 } },
        'flatten',
        dense,
      ],
    },
    optimizer: { momentum: { learningRate: 0.01, nesterov: true } },
  },
  lstm: {
    data: characters,
    model: { layers: [{ embedding: { inputDim: 64, outputDim: 4 } }, { lstm: { units: 4 } }, dense] },
  },
  decoder: {
    data: { ...characters, targets: 'all' },
    model: {
      layers: [
        { tokenAndPositionEmbedding: { width: 8, position: 'rotary' } },
        { transformerDecoder: { repeat: 2, heads: 2, feedForward: 16, normalization: 'rms' } },
        'rmsNormalization',
        { logits: { tied: true } },
      ],
    },
    optimizer: { adamw: { learningRate: 0.002, noDecay: ['scale'] } },
    training: { ...steps, clipNorm: 1 },
  },
};

type Name = keyof typeof configs;
const fileOf = (name: Name) => writeConfig(folder, name, { ...common, ...configs[name] });

async function run(name: Name) {
  const { events, end } = await trained(fileOf(name), [], newPath());
  const losses = events.flatMap((event) => (event.event === 'step' ? [event.loss] : [])).slice(0, 20);
  const warnings = events.flatMap((event) => (event.event === 'warning' ? [event.message] : []));
  return { losses, warnings, sha256: end.sha256 };
}
const made = new Map<Name, ReturnType<typeof run>>();
/** Made once: compiling for the device takes longer than the steps. */
function onDevice(name: Name): ReturnType<typeof run> {
  if (!made.has(name))
    made.set(
      name,
      onSwiftshader(() => run(name)),
    );
  return made.get(name)!;
}

for (const name of Object.keys(configs) as Name[]) {
  it(`20 steps of ${name} have the losses of the processor, and leave nothing to it`, async () => {
    const { losses: wanted } = await run(name);
    const { losses: found, warnings } = await onDevice(name);
    expect(wanted.length).toBe(20);
    expect(warnings.filter((message) => message.includes('leaves these to the processor'))).toEqual([]);
    for (const [i, loss] of wanted.entries()) expect(relativeError([found[i]!], [loss])).toBeLessThan(1e-3);
  });
}

it('a run that is killed and goes on comes to the bits of one that was not', async () => {
  const { sha256 } = await onDevice('linear');
  const out = newPath();
  const every = ['--set', 'checkpoint.everySteps=7', '--json', '--threads', '1', '--device', 'webgpu', '--out', out];
  const life = startLockstep(['train', fileOf('linear'), ...every], folder, {
    ...swiftshader,
    ...held('"step":16').env,
  });
  await life.says('"event":"step"', 16);
  life.process.kill('SIGKILL');
  expect(await life.finished).toMatchObject({ signal: 'SIGKILL' });
  expect(groupIsAlive(life.process)).toBe(false);
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => events.push(event);
  const end = await onSwiftshader(async () => resume(join(out, readdirSync(out)[0]!), { threads: 1, report }));
  expect(eventOf(events, 'start').resumed).toMatchObject({ step: 14 });
  expect(end.sha256).toBe(sha256);
});

it('a world has workers with and without the device where that is allowed, and says so', () =>
  withCluster(async (cluster) => {
    vi.stubEnv('VK_DRIVER_FILES', swiftshader.VK_DRIVER_FILES);
    const small = { data: { ...digits, examples: 20 }, model: { layers: ['flatten', dense] } };
    const host = cluster.host({ ...common, ...small }, { allowMixedNumerics: true, minWorkers: 2 });
    const url = await urlOf(host);
    const card = cluster.worker(url, { name: 'card', args: ['--device', 'webgpu'] });
    cluster.guest(url, 'processor');
    await host.until('warning', ({ message }) => message.includes('cannot be reproduced'));
    expect(await host.until('summary')).toMatchObject({ reproducible: false });
    expect([await host.ended, await card.ended]).toEqual([0, 0]);
    vi.unstubAllEnvs();
  }));
