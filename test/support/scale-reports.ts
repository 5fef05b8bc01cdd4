/** Traces and reports of `lockstep scale`, made by hand. */
import { measureTrace, type RunShape } from '../../src/scale/measure.js';
import { pointsOf } from '../../src/scale/points.js';
import type { Kind, Mode, ScaleReport, ScaleRun } from '../../src/scale/record.js';
import { parseTrace } from '../../src/scale/trace.js';

/** Milliseconds of the phases of one worker's step. */
export type Phases = Partial<Record<'gather' | 'compute' | 'reduce' | 'exchange' | 'update' | 'wait', number>>;

const shape: RunShape = { batchSize: 100, training: 100_000, warmUp: 2 };

/** The trace of 12 steps that all take as long, one after the other. */
export function traceOf(workers: readonly Phases[], milliseconds: number): string {
  const entries: object[] = [{ ph: 'M', name: 'trace_start', pid: 0, args: { time: 1_000_000 } }];
  workers.forEach((phases, pid) => {
    entries.push({ ph: 'M', name: 'process_name', pid, args: { name: `thread ${pid}` } });
    for (let step = 1; step <= 12; step++) {
      let at = (step - 1) * milliseconds;
      for (const [name, took] of Object.entries(phases)) {
        entries.push({ ph: 'X', name, pid, ts: 1000 * at, dur: 1000 * took, args: { step } });
        at += took;
      }
    }
  });
  return JSON.stringify(entries);
}

/** A run whose workers all do this in each step. */
export function runOf(
  mode: Mode,
  workers: number,
  milliseconds: number,
  phases: readonly Phases[],
  more: Partial<ScaleRun> = {},
): ScaleRun {
  const batchSize = more.batchSize ?? shape.batchSize;
  const measured = measureTrace(parseTrace(traceOf(phases, milliseconds)), { ...shape, batchSize })!;
  return {
    mode,
    workers,
    repeat: 1,
    batchSize,
    shards: 4,
    ...measured,
    bytesPerStep: null,
    fewestBytesPerStep: null,
    peakBytes: 100e6 * workers,
    cpuSeconds: 0.5,
    loss: { examples: 1200, training: 0.5, validation: null },
    sha256: 'ab'.repeat(32),
    ...more,
  };
}

export function reportOf(
  runs: readonly ScaleRun[],
  kind: Kind = 'threads',
  more: Partial<ScaleReport> = {},
): ScaleReport {
  const workers = [...new Set(runs.map((run) => run.workers))];
  return {
    format: 'lockstep-scale',
    version: 1,
    created: '2026-01-02T03:04:05.000Z',
    machine: {
      processor: 'a processor',
      cores: 2,
      memoryBytes: 8e9,
      system: 'linux 6',
      node: '20.19.0',
      lockstep: '0.1.0',
      onnxruntime: '1.30.0',
      load: 0,
    },
    config: {
      name: 'small',
      sha256: 'cd'.repeat(32),
      parameters: 1e6,
      trainable: 1e6,
      engine: 'onnx',
      batchSize: 100,
      shards: 4,
      training: 100_000,
    },
    plan: {
      kind,
      modes: [...new Set(runs.map(({ mode }) => mode))],
      workers,
      repeats: Math.max(...runs.map(({ repeat }) => repeat)),
      steps: 12,
      warmUp: 2,
      set: [],
      precision: 'float32',
    },
    complete: true,
    runs: [...runs],
    points: pointsOf(runs),
    findings: [],
    advice: ['Do this.'],
    warnings: [],
    hashesAgree: true,
    projection: null,
    ...more,
  };
}
