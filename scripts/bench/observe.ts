/** Runs the real system, a coordinator and its workers as processes of their own, and measures what the cost model learns from. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayerConfig } from '../../src/config/model.js';
import type { Program } from '../../src/programs/program.js';
import type { Observation } from '../../src/projection/observation.js';
import type { RunEvent } from '../../src/report/events.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { MeasurementError, median } from './measurement.js';
import { lockstep } from './program.js';
import { type Limits, Throttle } from './throttle.js';

export interface ObservedCase {
  readonly workers: number;
  readonly reduction: 'star' | 'butterfly';
  /** Units of the hidden layers between 784 features and 10 classes. */
  readonly hidden: readonly number[];
  /** Examples of a worker. */
  readonly batch: number;
  readonly limits?: Limits;
}

/** A span of the run's trace. */
interface Span {
  readonly name: string;
  readonly pid: number;
  /** Microseconds. */
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly step?: number };
}

const stepsPerEpoch = 20;
const epochs = 3;
/** Steps that are not counted. */
const warmUp = 10;
const token = 'projection';
/** Seconds that a run may take. */
const limit = 180;

/** @throws MeasurementError when the run does not come to its end */
export async function observe(observed: ObservedCase): Promise<Observation> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-projection-'));
  const clear = () => rmSync(folder, { recursive: true, force: true });
  process.on('exit', clear);
  try {
    const parameters = await run(observed, folder);
    const { traceEvents } = JSON.parse(`{"traceEvents":${readFileSync(join(folder, 'trace.json'), 'utf8')}}`) as {
      traceEvents: Span[];
    };
    return observationOf(observed, 4 * parameters, traceEvents);
  } finally {
    process.off('exit', clear);
    clear();
  }
}

/** Trains, and returns the number of parameters. */
async function run(observed: ObservedCase, folder: string): Promise<number> {
  const { workers, limits } = observed;
  const config = join(folder, 'config.yaml');
  writeFileSync(config, JSON.stringify(configOf(observed)));
  const programs: Program<never>[] = [];
  let throttle: Throttle | undefined;
  let parameters = 0;
  const begin = async (url: string) => {
    if (limits) throttle = await Throttle.start(Number(new URL(url).port), limits);
    const address = throttle ? `ws://127.0.0.1:${throttle.port}` : url;
    for (let i = 0; i < workers; i++) {
      const args = ['worker', address, '--token', token, '--threads', '1', '--name', `w${i}`];
      programs.push(lockstep<WorkerProgramEvent>([...args, '--cache', join(folder, 'cache')], folder));
    }
  };
  const told = (event: RunEvent) => {
    if (event.event === 'listening') void begin(event.url);
    if (event.event === 'start') parameters = event.parameters;
  };
  const args = ['--threads', '0', '--port', '0', '--token', token, '--min-workers', String(workers)];
  const coordinator = lockstep<RunEvent>(
    ['coordinator', config, ...args, '--trace', join(folder, 'trace.json')],
    folder,
    told,
  );
  programs.push(coordinator);
  const late = setTimeout(() => {
    for (const program of programs) program.signal('SIGKILL');
  }, limit * 1000);
  try {
    const { code, signal, errors } = await coordinator.ended;
    if (code !== 0)
      throw new MeasurementError(`the coordinator ended with ${signal ?? `exit code ${code}`}: ${errors}`);
    for (const { ended } of programs) await ended;
    return parameters;
  } finally {
    clearTimeout(late);
    for (const program of programs) program.signal('SIGKILL');
    throttle?.close();
  }
}

function configOf({ workers, reduction, hidden, batch }: ObservedCase): object {
  const dense = (units: number): LayerConfig => ({ dense: { units, activation: 'relu' } });
  const batchSize = workers * batch;
  return {
    name: 'projection',
    data: { source: 'digits', examples: stepsPerEpoch * batchSize, validation: 0, test: 0 },
    model: { layers: [{ flatten: {} }, ...hidden.map(dense), { dense: { units: 10 } }] },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: 'adam',
    training: { epochs, batchSize, shards: workers },
    checkpoint: { everyMinutes: 1e6 },
    cluster: { allReduce: reduction },
  };
}

function observationOf({ workers, reduction, batch, limits }: ObservedCase, bytes: number, spans: readonly Span[]) {
  const byStep = new Map<number, Span[]>();
  for (const span of spans) {
    const step = span.args.step ?? 0;
    if (step > warmUp && ['compute', 'exchange', 'update'].includes(span.name)) {
      byStep.set(step, [...(byStep.get(step) ?? []), span]);
    }
  }
  const ends = new Map([...byStep].map(([step, of]) => [step, Math.max(...named(of, 'exchange').map(endOf))]));
  const steps: number[] = [];
  for (const [step, end] of ends) {
    // Between epochs there is more to do.
    if (ends.has(step - 1) && (step - 1) % stepsPerEpoch !== 0) steps.push((end - ends.get(step - 1)!) / 1000);
  }
  const each = (of: (spans: readonly Span[]) => number) => median([...byStep.values()].map(of)) / 1000;
  const took = (name: string) => each((of) => mean(workersOf(of, name).map(({ dur }) => dur)));
  const observation: Observation = {
    workers,
    reduction,
    bytes,
    coordinatorComputes: false,
    batchSize: workers * batch,
    ...limits,
    cores: availableParallelism(),
    step: median(steps),
    compute: took('compute'),
    exchange: took('exchange'),
    update: took('update'),
    wait: each((of) => {
      const computed = workersOf(of, 'compute').map(endOf);
      return Math.max(...computed) - mean(computed);
    }),
  };
  return observation;
}

const endOf = ({ ts, dur }: Span): number => ts + dur;
const named = (spans: readonly Span[], name: string): Span[] => spans.filter((span) => span.name === name);
/** The coordinator has number 0. */
const workersOf = (spans: readonly Span[], name: string): Span[] => named(spans, name).filter(({ pid }) => pid > 0);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
