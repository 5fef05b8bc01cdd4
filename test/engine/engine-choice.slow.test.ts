/** Which engine trains a model: the compiled one where it can, tfjs where it must or is asked to; and what `doctor` says. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventOf, lockstep, lockstepServed, outcomesOf } from '../support/cli.js';
import { lcg, relativeError } from '../support/engines.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { configFile } from '../support/package.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const random = lcg(2);
const rows = Array.from({ length: 24 }, () => Array.from({ length: 36 }, () => Number((random() * 2 - 1).toFixed(3))));
const config = {
  data: { source: 'values', features: rows, targets: rows.map((_, i) => i % 3), classes: 3, validation: 0.25 },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  training: { epochs: 2, batchSize: 6, logEvery: 1 },
};

// The compiled engine has no complex numbers.
const module = writeModule(
  folder,
  'spectrum.mjs',
  'export const spectrum = (tf, targets, outputs) => tf.mean(tf.abs(tf.spectral.rfft(outputs)), -1);',
);
const spectral = writeConfig(folder, 'spectral', {
  ...config,
  model: { layers: [{ dense: { units: 'classes' } }] },
  metrics: ['accuracy', { custom: { name: 'spectrum', module } }],
});

describe('a model with a kernel that the compiled engine lacks', () => {
  it('trains on engine tfjs, with a warning that names the kernel', async () => {
    const { events, start, end } = await trained(spectral, [], folder);
    expect(start).toMatchObject({ engine: 'tfjs', backend: expect.stringMatching(/^(tensorflow|wasm|cpu)$/) });
    const { message } = eventOf(events, 'warning');
    expect(message).toContain('no lowering for the tfjs kernel Complex');
    expect(message).toContain('engine tfjs, which is slower');
    expect(end.validation!.loss).toBeGreaterThan(0);
  });

  it('is refused with --engine onnx', async () => {
    const current = join(folder, 'refused');
    mkdirSync(current);
    const { code, stdout } = await lockstepServed(['train', spectral, '--engine', 'onnx', '--json'], current);
    expect(code).toBe(2);
    const events = outcomesOf(stdout);
    expect(events).toHaveLength(1);
    const error = eventOf(events, 'error');
    expect(error.code).toBe('LOCKSTEP_UNSUPPORTED');
    expect(error.message).toContain('Complex');
    expect(error.remedy).toMatch(/--engine tfjs|engine: tfjs/);
    expect(snapshot(current)).toEqual([]);
  });
});

describe('engine tfjs', () => {
  const image = writeConfig(folder, 'image', {
    ...config,
    model: {
      layers: [
        { reshape: { targetShape: [6, 6, 1] } },
        // A bias before normalization has no gradient but rounding errors, which Adam would blow up.
        { conv2d: { filters: 4, kernelSize: 3, useBias: false } },
        { batchNormalization: {} },
        { activation: { activation: 'relu' } },
        { maxPooling2d: { poolSize: 2 } },
        { flatten: {} },
        { dropout: { rate: 0.25 } },
        { dense: { units: 'classes' } },
      ],
    },
  });

  it('trains with the losses of engine onnx, and the noise', async () => {
    const compiled = await trained(image, ['engine=onnx'], folder);
    const eager = await trained(image, ['engine=tfjs', 'backend=cpu'], folder);
    expect([compiled.start.engine, eager.start.engine, eager.start.backend]).toEqual(['onnx', 'tfjs', 'cpu']);
    expect(compiled.events.filter(({ event }) => event === 'warning')).toEqual([]);
    const losses = ({ events }: typeof eager) =>
      events.filter(({ event }) => event === 'step').map((e) => (e as { loss: number }).loss);
    expect(losses(eager)).toHaveLength(6);
    expect(relativeError(losses(eager), losses(compiled))).toBeLessThan(1e-4);
    expect(relativeError([eager.end.validation!.loss], [compiled.end.validation!.loss])).toBeLessThan(1e-4);
    expect(eager.end.validation!.accuracy).toBe(compiled.end.validation!.accuracy);
    const other = await trained(image, ['engine=onnx', 'seed=1'], folder);
    expect(relativeError(losses(other), losses(compiled))).toBeGreaterThan(1e-3);
  });

  it('is what asking for a backend means', async () => {
    const { start } = await trained(image, ['backend=cpu', 'training.epochs=1'], folder);
    expect(start).toMatchObject({ engine: 'tfjs', backend: 'cpu' });
  });
});

describe('where ONNX Runtime has no library for the machine', () => {
  // Who asks which machine this is gets another answer than the truth.
  const elsewhere = {
    NODE_OPTIONS: `--import data:text/javascript,Object.defineProperty(process,'arch',{value:'s390x'})`,
  };
  const short = ['--set', 'data.examples=400', '--set', 'training.epochs=1', '--out', 'elsewhere'];
  const train = (...more: string[]) =>
    lockstep(['train', configFile('digits-mlp.yaml'), ...short, ...more], folder, elsewhere);

  it('engine onnx says so, and nothing is written', async () => {
    const { code, stdout } = await train('--engine', 'onnx');
    expect(code).toBe(2);
    expect(stdout).toMatch(/^error: engine onnx: ONNX Runtime does not load on \w+ s390x \(.+\)\nremedy: reinstall/);
    expect(existsSync(join(folder, 'elsewhere'))).toBe(false);
    const worker = await lockstep(['worker', 'ws://127.0.0.1:1', '--token', 'x'], folder, elsewhere);
    expect(worker.code).toBe(2);
    expect(worker.stdout + worker.stderr).toBe(stdout);
  });

  it('engine auto trains on tfjs, with a warning', async () => {
    const { code, stdout } = await train();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warning: engine onnx: ONNX Runtime does not load on .*; using engine tfjs/);
    expect(stdout).toMatch(/engine +tfjs \(wasm\)/);
  });
});

describe('lockstep doctor', () => {
  it('lists what this machine has, with a remedy for what is missing', async () => {
    const { code, stdout, stderr } = await lockstepServed(['doctor', '--json'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { canTrain, findings } = JSON.parse(stdout);
    expect(canTrain).toBe(true);
    const found = new Map<string, { ok: boolean; detail: string; remedy?: string }>();
    for (const { name, ...finding } of findings) found.set(name, finding);
    expect([...found.keys()]).toEqual([
      ...['node', 'machine', 'kernels', 'engine onnx', 'engine onnx, device webgpu'],
      ...['tensorflow', 'wasm', 'cpu'].map((backend) => `engine tfjs, backend ${backend}`),
    ]);
    expect(found.get('node')).toMatchObject({ ok: true, detail: expect.stringContaining(process.versions.node) });
    expect(found.get('machine')!.detail).toMatch(/^\d+ cores/);
    expect(found.get('engine onnx')).toMatchObject({ ok: true, detail: expect.stringMatching(/\d+\.\d+\.\d+/) });
    expect(found.get('engine tfjs, backend cpu')!.ok).toBe(true);
    expect(found.get('engine tfjs, backend wasm')!.ok).toBe(true);
    const tensorflow = found.get('engine tfjs, backend tensorflow')!;
    expect(tensorflow.detail).toMatch(/^@tensorflow\/tfjs-node (\d|is not installed$)/);
    for (const { ok, remedy } of found.values()) expect(remedy === undefined).toBe(ok);
  });

  it('says the same in words', async () => {
    const { code, stdout, stderr } = await lockstepServed(['doctor'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ok {7}node: \d+/m);
    expect(stdout).toMatch(/^ok {7}engine onnx: onnxruntime-node \d+/m);
    expect(stdout).toMatch(/^(ok {5}|missing) {2}engine tfjs, backend tensorflow: /m);
    expect(stdout).toMatch(/\nReady to train\.\n$/);
  });
});
