/** MLflow's own server and client: what a run sends is there, and its model is loaded and predicts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { resume, train } from '../../coordinator/local/train.js';
import type { RunConfigInput } from '../../src/config/input.js';
import { temporaryFolder } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import { namedRows, numbersOf } from '../support/predictions.js';
import { pythonWith } from '../support/python.js';
import { skipIf } from '../support/skip-if.js';

const python = pythonWith('mlflow.onnx', 'sqlalchemy', 'alembic', 'flask_cors', 'graphene', 'aiohttp', 'onnxruntime');
const { it } = skipIf(!python && "MLflow's server needs mlflow-skinny and what it imports, of test/requirements.txt");
const folder = temporaryFolder();

interface Found {
  readonly runs: {
    readonly name: string;
    readonly status: string;
    readonly parameters: Record<string, string>;
    readonly metrics: Record<string, [step: number, value: number, milliseconds: number][]>;
    readonly files: string[];
    readonly models: string[];
  }[];
  readonly models: { readonly id: string; readonly name: string; readonly status: string }[];
  readonly versions: [number, string][];
  /** The registered model's newest version, loaded. */
  readonly newest: {
    readonly signature: string;
    readonly nodes: number;
    readonly predicted: Record<string, number[][]>;
  };
}

it('has the points of the log once, with their times, and a model for each end of the run', async () => {
  const beside = spawn(python!, [join(packageRoot, 'scripts/peers/mlflow_beside.py'), join(folder, 'server')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const said = createInterface(beside.stdout)[Symbol.asyncIterator]();
  const uri = (await said.next()).value as string;
  const config = {
    name: 'sent',
    data: { source: 'values', features: [1, 2, 3, 4, 5, 6], targets: [2, 4, 6, 8, 10, 12], validation: 0.4 },
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    metrics: ['mae'],
    training: { epochs: 2, batchSize: 2, logEvery: 1 },
    track: { mlflow: { uri, experiment: 'tests of/all', registeredModel: 'doubles' } },
  } as RunConfigInput;
  onTestFinished(() => void beside.kill());
  await train(config, { threads: 1, out: folder });
  const run = join(folder, 'sent-1');
  await resume(run, { threads: 1, set: ['training.epochs=3'] });
  beside.stdin.end('[[7], [-1]]\n');
  const found = JSON.parse((await said.next()).value as string) as Found;
  await once(beside, 'exit');

  const [{ name, status, parameters, metrics, files, models }] = found.runs;
  expect([found.runs.length, name, status]).toEqual([1, 'sent-1', 'FINISHED']);
  expect(parameters).toMatchObject({ 'training.batchSize': '2', loss: 'meanSquaredError' });
  expect(files.sort()).toEqual(['best', 'config.yaml', 'model']);
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'step');
  expect(steps.length).toBe(6);
  expect(metrics['step/loss']).toEqual(steps.map(({ step, loss, time }) => [step, loss, Math.round(time * 1000)]));
  expect(metrics['validation/mae'].map(([step]) => step)).toEqual([2, 4, 6]);

  expect(models.length).toBe(2);
  expect(found.models.map(({ id, status }) => [id, status]).sort()).toEqual(models.sort().map((id) => [id, 'READY']));
  expect(found.versions).toEqual([
    [1, 'doubles'],
    [2, 'doubles'],
  ]);
  const { signature, nodes, predicted } = found.newest;
  expect(signature).toMatch(/float32.*\(-1, 1\)/);
  expect(nodes).toBeGreaterThan(0);
  const expected = await namedRows(run, [[7], [-1]], { model: 'best', top: undefined });
  expect(predicted.output).toEqual(expected.map((row) => [expect.closeTo(numbersOf(row)[0], 5)]));
});
