/** `--device` of commands: what trains on it, what is said of it, and what goes on elsewhere. */
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { threadsOf } from '../../src/pool/thread-count.js';
import { eventOf, eventsOf, lockstep, lockstepServed } from '../support/cli.js';
import { newFolders } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';
import { swiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const newFolder = newFolders();
const config = join(packageRoot, 'configs/linear-regression.yaml');
const training = ['train', config, '--json', '--set', 'training.epochs=3'];
const noDriver = { VK_DRIVER_FILES: '/no/driver.json', VK_ICD_FILENAMES: '/no/driver.json' };

skipIf(process.platform !== 'linux' && 'what drivers there are is told to Vulkan, which Linux has').it(
  'ends a command where there is none, and auto takes the processor',
  async () => {
    const folder = newFolder();
    const refused = await lockstep([...training, '--device', 'webgpu'], folder, noDriver);
    expect(refused.code).toBe(2);
    const { message, remedy } = eventOf(eventsOf(refused.stdout), 'error');
    expect(message).toMatch(/^execution provider WebGPU does not load here \(/);
    expect(remedy).toContain('--device cpu');
    const taken = await lockstep([...training, '--device', 'auto', '--steps', '1'], folder, noDriver);
    expect(taken.code).toBe(0);
    expect(eventsOf(taken.stdout)).toContainEqual(
      expect.objectContaining({
        event: 'warning',
        message: expect.stringContaining('--device auto takes the processor'),
      }),
    );
  },
);

it('has a name that is known', async () => {
  const { code, stdout } = await lockstepServed([...training, '--device', 'webgpo'], newFolder());
  expect(code).toBe(2);
  expect(eventOf(eventsOf(stdout), 'error')).toMatchObject({
    message: '--device: there is no device "webgpo"',
    remedy: expect.stringContaining('webgpu'),
  });
});

it('is no number of a card', async () => {
  const { code, stdout } = await lockstepServed([...training, '--device', 'webgpu:1'], newFolder());
  expect(code).toBe(2);
  expect(eventOf(eventsOf(stdout), 'error')).toMatchObject({
    message: expect.stringMatching(/^--device: webgpu:1 asks for one of several cards/),
    remedy: expect.stringContaining('use webgpu'),
  });
});

it('has one thread', async () => {
  const { code, stdout } = await lockstepServed([...training, '--threads', '2'], newFolder(), {
    LOCKSTEP_DEVICE: 'webgpu',
  });
  expect(code).toBe(2);
  expect(eventOf(eventsOf(stdout), 'error')).toMatchObject({
    message: '--threads 2: a device has one rank, and WebGPU gets all its work from one thread',
    remedy: expect.stringMatching(/^leave it out; .*--device cpu/),
  });
  vi.stubEnv('LOCKSTEP_DEVICE', 'webgpu');
  expect(() => threadsOf(2)).toThrow('threads: 2: a device has one rank');
  expect(threadsOf(undefined)).toBe(1);
  vi.unstubAllEnvs();
});

it('is looked for by the ranks that are launched, not where they are launched from', async () => {
  const args = ['launch', 'slurm', config, '--nodes', '2', '--dry-run', '--device', 'webgpu'];
  const { code, stdout } = await lockstepServed(args, newFolder(), noDriver);
  expect(code).toBe(0);
  expect(stdout).toMatch(/ join \S+ --device webgpu$/m);
});

it('is not ignored in silence by engine tfjs', async () => {
  const eager = ['--set', 'engine=tfjs', '--set', 'backend=cpu'];
  const run = await lockstepServed([...training, ...eager], newFolder(), { LOCKSTEP_DEVICE: 'webgpu' });
  expect(run.code).toBe(0);
  const message = expect.stringMatching(/^engine tfjs computes on the processor: WebGPU, /);
  expect(eventsOf(run.stdout)).toContainEqual(expect.objectContaining({ event: 'warning', message }));
});

skipIf(swiftshaderMissing).it(
  'trains to the same bits twice, and its run goes on where there is no device',
  async () => {
    const ends: string[] = [];
    for (const folder of [newFolder(), newFolder()]) {
      const { stdout } = await lockstep([...training, '--device', 'webgpu', '--steps', '1'], folder, swiftshader);
      ends.push(eventOf(eventsOf(stdout), 'end').sha256);
      const run = join(folder, 'runs/linear-regression-1');
      const { code } = await lockstepServed(['train', '--resume', run, '--json', '--device', 'cpu'], folder);
      expect(code).toBe(0);
    }
    expect(ends[1]).toBe(ends[0]);
  },
);

skipIf(swiftshaderMissing).it('is told by doctor, with its name and limits, or what is missing', async () => {
  const looked = async (environment: NodeJS.ProcessEnv) => {
    const { stdout } = await lockstep(['doctor', '--json', '--only-device', 'webgpu'], newFolder(), environment);
    return JSON.parse(stdout);
  };
  const told = /; SwiftShader Device \(.*\) \(Vulkan 1\.\d+\.\d+, memory [\d.]+ GB, largest tensor 1\.07 GB\)$/;
  expect(await looked(swiftshader)).toMatchObject({ ok: true, detail: expect.stringMatching(told) });
  const missing = { ok: false, detail: expect.stringMatching(/; VK_DRIVER_FILES=\/no\/driver\.json names no driver$/) };
  expect(await looked(noDriver)).toMatchObject(missing);
});
