/** A device without float16: a run that needs it is refused before anything is computed. */
import { expect, vi } from 'vitest';
import { checkPrecision } from '../../coordinator/prepare/check-precision.js';
import { eventsOf, lockstep } from '../support/cli.js';
import { urlOf, withCluster } from '../support/cluster.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const { it } = skipIf(swiftshaderMissing);
const newFolder = newFolders();

it('is refused by name, with what to do', () =>
  onSwiftshader(async () => {
    expect(() => checkPrecision('float16', () => {})).toThrow(
      expect.objectContaining({
        problem: 'training.precision: float16: the device that WebGPU computes on has no float16',
        remedy: expect.stringContaining('--set training.precision=float32'),
      }),
    );
    expect(() => checkPrecision('float32', () => {})).not.toThrow();
  }));

const config = {
  data: { source: 'digits', examples: 20, validation: 0, test: 0 },
  model: { layers: ['flatten', { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: 'sgd',
  training: { epochs: 1, batchSize: 10, precision: 'float16' },
};

it('has --device auto take the processor, which is said', async () => {
  const folder = newFolder();
  const args = ['train', writeConfig(folder, 'digits', config), '--json', '--device', 'auto', '--steps', '1'];
  const { code, stdout } = await lockstep(args, folder, swiftshader);
  expect(code).toBe(0);
  const message = expect.stringMatching(/^--device auto takes the processor: .* has no float16; --set /);
  expect(eventsOf(stdout)).toContainEqual({ event: 'warning', message });
});

it('ends a worker as it joins, and the run goes on without it', () =>
  withCluster(async (cluster) => {
    vi.stubEnv('VK_DRIVER_FILES', swiftshader.VK_DRIVER_FILES);
    const host = cluster.host(config, { allowMixedNumerics: true, minWorkers: 1 });
    const url = await urlOf(host);
    const card = cluster.worker(url, { name: 'card', args: ['--device', 'webgpu'] });
    expect(await card.ended).toBe(2);
    expect(card.of('error')).toMatchObject([{ remedy: expect.stringContaining('--device cpu') }]);
    const lost = await host.until('worker', ({ change }) => change === 'lost');
    expect(lost).toMatchObject({ name: 'card', reason: expect.stringContaining('WebGPU computes on has no float16') });
    cluster.guest(url, 'processor');
    expect(await host.ended).toBe(0);
    vi.unstubAllEnvs();
  }));
