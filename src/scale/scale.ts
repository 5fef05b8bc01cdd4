/** Measures how a run scales: real runs with each number of workers, interleaved and repeated, made into one report. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg, platform, release } from 'node:os';
import { loadRunConfig, resolvedYaml } from '../config/load-config.js';
import type { RunConfig } from '../config/run-config.js';
import { processorName } from '../engine/onnx/processor.js';
import { sha256 } from '../ground/checksum.js';
import { memoryLimit } from '../ground/memory.js';
import { ownVersion } from '../ground/own-version.js';
import type { StartEvent } from '../report/events.js';
import { adviceOf } from './advice.js';
import { limitsOf } from './limits.js';
import { runOnce } from './one-run.js';
import { pointsOf } from './points.js';
import type { Kind, Mode, ScaleReport, ScaleRun } from './record.js';
import { type Choices, orderOfRuns, settingsOf, stepsFor, warmUp } from './scale-plan.js';
import { warningsOf } from './warnings.js';

export interface ScaleOptions extends Choices {
  /** File of the `lockstep` command. */
  readonly program: string;
  readonly file: string;
  readonly set: readonly string[];
  readonly kind: Kind;
  /** Ends the measurement: what is measured by then is the report. */
  readonly signal: AbortSignal;
  /** Told of each run that is over; the first one only shows how many steps make a run. */
  readonly progress: (done: number, all: number, run: ScaleRun | undefined) => void;
}

/** Steps of the run that shows how long a step takes. */
const probeSteps = 30;

/**
 * @returns undefined where it was interrupted before there was anything to report
 * @throws ConfigError for a config or a choice that cannot be, ScaleError when a run fails
 */
export async function measureScale(options: ScaleOptions): Promise<ScaleReport | undefined> {
  const { program, file, set, kind, workers, modes, repeats, signal, progress } = options;
  const config = loadRunConfig(file, set);
  const load = loadavg()[0];
  const common = { program, file, set, kind };
  const probe = await runOnce(
    { ...common, mode: modes[0], workers: workers[0], repeat: 1, steps: warmUp + probeSteps },
    signal,
  );
  if (!probe) return undefined;
  const { start } = probe;
  const steps = options.steps ?? defaultSteps(options, probe.run);
  const order = orderOfRuns(settingsOf(options, steps, start, config.training.shards === 'auto'), repeats);
  progress(0, order.length, undefined);
  const runs: ScaleRun[] = [];
  for (const setting of order) {
    const outcome = await runOnce({ ...common, ...setting }, signal);
    if (!outcome) break;
    runs.push(outcome.run);
    progress(runs.length, order.length, outcome.run);
  }
  if (runs.length === 0) return undefined;
  return reportOf({ config, start, runs, load, steps, complete: runs.length === order.length }, options);
}

/** Long enough for the fewest workers; weak runs of the most workers have a part of that. */
function defaultSteps({ modes, workers }: ScaleOptions, { step }: ScaleRun): number {
  const factor = modes.includes('weak') ? workers[workers.length - 1] / workers[0] : 1;
  return Math.max(stepsFor(step.p50), Math.ceil(factor * 3 * warmUp));
}

interface MeasuredRuns {
  readonly config: RunConfig;
  readonly start: StartEvent;
  readonly runs: readonly ScaleRun[];
  readonly load: number;
  readonly steps: number;
  readonly complete: boolean;
}

function reportOf({ config, start, runs, load, steps, complete }: MeasuredRuns, options: ScaleOptions): ScaleReport {
  const { kind, modes, workers, repeats, set } = options;
  const points = pointsOf(runs);
  const surroundings = { kind, cores: availableParallelism() };
  const ofMode = (mode: Mode) => points.filter((point) => point.mode === mode);
  const findings = modes.flatMap((mode) => {
    const [base, ...others] = ofMode(mode);
    return others.flatMap((point) => limitsOf(base, point, surroundings));
  });
  const { batchSize, shards, training, parameters, trainable, engine, backend } = start;
  const { precision } = config.cluster;
  const report = {
    ...({ format: 'lockstep-scale', version: 1, created: new Date().toISOString() } as const),
    machine: machine(load),
    config: {
      name: config.name,
      sha256: sha256(Buffer.from(resolvedYaml(config))),
      parameters,
      trainable,
      engine: backend ? `${engine} (${backend})` : engine,
      batchSize,
      shards,
      training,
    },
    plan: { kind, modes: [...modes], workers: [...workers], repeats, steps, warmUp, set: [...set], precision },
    complete,
    runs: [...runs],
    points,
    findings,
    advice: modes.filter((mode) => ofMode(mode).length > 1).map((mode) => adviceOf(mode, ofMode(mode))),
    hashesAgree: agreement(runs, kind === 'processes' && precision !== 'float32'),
    projection: null,
  };
  return { ...report, warnings: warningsOf(report) };
}

/** Whether all strong runs have the same parameters; null where there is nothing to compare. */
function agreement(runs: readonly ScaleRun[], isLossy: boolean): boolean | null {
  const hashes = runs.filter(({ mode }) => mode === 'strong').map((run) => run.sha256);
  return isLossy || hashes.length < 2 ? null : new Set(hashes).size === 1;
}

function machine(load: number): ScaleReport['machine'] {
  const require = createRequire(import.meta.url);
  const runtime = readFileSync(require.resolve('onnxruntime-node/package.json'), 'utf8');
  return {
    processor: processorName(),
    cores: availableParallelism(),
    memoryBytes: memoryLimit(),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    load,
    lockstep: ownVersion,
    onnxruntime: (JSON.parse(runtime) as { version: string }).version,
  };
}
