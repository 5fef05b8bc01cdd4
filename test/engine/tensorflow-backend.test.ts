/** Backend `tensorflow`, where it is installed: threads start and stop without a crash, and bits do not depend on them. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { eventOf, eventsOf, lockstep } from '../support/cli.js';
import { relativeError } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { compiled, configFile } from '../support/package.js';
import { resultOf, type Trained, trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { tensorflowMissing } from '../support/tensorflow.js';

const folder = temporaryFolder();
const file = writeConfig(folder, 'normalized', {
  data: { source: 'digits', examples: 300, validation: 0.3, test: 0.2, stratify: true },
  model: {
    layers: [
      { conv2d: { filters: 4, kernelSize: 3, strides: 2, useBias: false } },
      { batchNormalization: {} },
      { activation: { activation: 'relu' } },
      { conv2d: { filters: 6, kernelSize: 3, activation: 'relu' } },
      { maxPooling2d: { poolSize: 2 } },
      { flatten: {} },
      { dropout: { rate: 0.3 } },
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: { momentum: { learningRate: 0.05 } },
  // 150 examples for training: a smaller last batch, with a smaller last shard.
  training: { epochs: 1, batchSize: 64, shards: 4, logEvery: 1 },
  backend: 'tensorflow',
});

const program = fileURLToPath(compiled('test/support/tensorflow-cycles.js'));
const cycles = 50;

/** In a process of its own, which a crash ends. */
function trainInCycles(): Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, String(cycles), file, folder]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output }));
  });
}

skipIf(await tensorflowMissing()).describe('backend tensorflow', () => {
  it('comes to the same bits on any number of threads', async () => {
    const first = await trained(file, [], folder, 1);
    expect(first.start).toMatchObject({ engine: 'tfjs', backend: 'tensorflow', threads: 1 });
    for (const threads of [2, 3]) expect(resultOf(await trained(file, [], folder, threads))).toEqual(resultOf(first));
    // Equal bits prove something only if they could differ.
    expect((await trained(file, ['seed=43'], folder)).end.sha256).not.toBe(first.end.sha256);
  });

  it('trains with the losses of engine onnx', async () => {
    const losses = ({ events }: Trained) => events.flatMap((event) => (event.event === 'step' ? [event.loss] : []));
    const eager = await trained(file, [], folder);
    const compiled = await trained(file, ['engine=onnx', 'backend=null'], folder);
    expect([eager.start.backend, compiled.start.engine]).toEqual(['tensorflow', 'onnx']);
    expect(losses(eager)).toHaveLength(3);
    expect(relativeError(losses(eager), losses(compiled))).toBeLessThan(1e-4);
  });

  it('trains a config from the command line, and prints nothing of its own', async () => {
    const flags = ['--threads', '2', '--set', 'data.examples=600', '--set', 'training.epochs=1', '--out', folder];
    const args = ['train', configFile('digits-mlp.yaml'), '--backend', 'tensorflow', '--json', ...flags];
    const { code, stdout, stderr } = await lockstep(args, folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(eventOf(eventsOf(stdout), 'start')).toMatchObject({ engine: 'tfjs', backend: 'tensorflow' });
  });

  it(`starts two threads, trains and stops them ${cycles} times in a process`, { timeout: 400_000 }, async () => {
    const { code, signal, output } = await trainInCycles();
    const { end } = await trained(file, [], folder, 1);
    expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: `${end.sha256}\n`.repeat(cycles) });
  });
});
