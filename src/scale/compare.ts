/** Two reports side by side: what has become faster or slower, and whether the difference means anything. */
import { percent } from '../ground/units.js';
import type { Mode, ScalePoint, ScaleReport } from './record.js';
import { workersText } from './scale-text.js';

export interface ComparedPoint {
  readonly mode: Mode;
  readonly workers: number;
  /** Now over before; null where one of them does not know. */
  readonly throughput: number;
  readonly step: number;
  readonly memory: number | null;
  readonly cost: number | null;
  /** Whether there are runs enough to tell, and every one now is on the same side of every one before. */
  readonly clear: boolean;
}

export interface Comparison {
  /** When the other one was measured. */
  readonly before: string;
  readonly rows: readonly ComparedPoint[];
  /** In words: first what makes the two hard to compare, then what is slower, then what is faster. */
  readonly words: readonly string[];
}

/** Of both reports, for a difference to be more than chance. */
const fewestRepeats = 3;

/** @param before the earlier report */
export function compareReports(now: ScaleReport, before: ScaleReport): Comparison {
  const rows = now.points.flatMap((point) => {
    const same = before.points.find(({ mode, workers }) => mode === point.mode && workers === point.workers);
    return same ? [compare(point, same)] : [];
  });
  const clear = rows.filter((row) => row.clear).toSorted((a, b) => a.throughput - b.throughput);
  const changes = clear.map(({ mode, workers, throughput }) => {
    const change = throughput < 1 ? `${percent(1 - throughput)} slower` : `${percent(throughput - 1)} faster`;
    return `${mode}, ${workersText(workers)}: ${change} than before.`;
  });
  const within = rows.length - clear.length;
  const repeats = Math.min(now.plan.repeats, before.plan.repeats);
  const few = `With ${repeats === 1 ? 'one run' : 'two runs'} of each kind nothing can be told from chance: use --repeats 5.`;
  const noise = `${within === rows.length ? 'All' : within} ${within === 1 ? 'difference is' : 'differences are'} within what repeats differ by.`;
  const words = [
    ...differences(now, before),
    ...(rows.length === 0 ? ['The reports have no number of workers in common: nothing can be compared.'] : changes),
    ...(rows.length > 0 && repeats < fewestRepeats ? [few] : within > 0 ? [noise] : []),
    ...hashes(now, before),
  ];
  return { before: before.created, rows, words };
}

function compare(now: ScalePoint, before: ScalePoint): ComparedPoint {
  const ratio = (a: number | null, b: number | null) => (a === null || b === null || b === 0 ? null : a / b);
  const [a, b] = [now.examplesPerSecond, before.examplesPerSecond];
  return {
    mode: now.mode,
    workers: now.workers,
    throughput: a.median / b.median,
    step: now.step.p50 / before.step.p50,
    memory: ratio(now.peakBytes, before.peakBytes),
    cost: ratio(now.cpuSecondsPerExample, before.cpuSecondsPerExample),
    clear: Math.min(now.repeats, before.repeats) >= fewestRepeats && (a.min > b.max || a.max < b.min),
  };
}

/** What differs besides the program, and what that forbids to conclude. */
function differences(now: ScaleReport, before: ScaleReport): string[] {
  const told: string[] = [];
  const differ = (what: string, a: unknown, b: unknown, so: string) => {
    if (a !== b) told.push(`${what} was ${b} before and is ${a} now: ${so}.`);
  };
  const machine = 'the difference may be that of the machines';
  differ('The processor', now.machine.processor, before.machine.processor, machine);
  differ('The number of cores', now.machine.cores, before.machine.cores, machine);
  differ('The kind of workers', now.plan.kind, before.plan.kind, 'what moves gradients is another thing');
  differ('The engine', now.config.engine, before.config.engine, 'the difference may be that of the engines');
  differ(
    'The batch',
    now.config.batchSize,
    before.config.batchSize,
    'steps are not the same work; compare examples/s with care',
  );
  differ('The number of shards', now.config.shards, before.config.shards, 'bits and the cost of a step differ');
  differ('The precision of gradients', now.plan.precision, before.plan.precision, 'fewer or more bytes move');
  differ('The number of parameters', now.config.parameters, before.config.parameters, 'it is another model');
  differ('Node', now.machine.node, before.machine.node, 'it may be part of the difference');
  differ('ONNX Runtime', now.machine.onnxruntime, before.machine.onnxruntime, 'it may be part of the difference');
  if (told.length === 0 && now.config.sha256 !== before.config.sha256) {
    told.push('The config differs in something else: the runs may not be the same work.');
  }
  const steps = 'the runs ended elsewhere, and losses and parameters cannot be compared';
  differ('The number of steps', now.plan.steps, before.plan.steps, steps);
  differ('Lockstep', now.machine.lockstep, before.machine.lockstep, 'that is what the comparison shows');
  if (!now.complete || !before.complete) told.push('One of the two was interrupted: runs are missing.');
  return told;
}

/** Where config, batch and shards are the same, the parameters have to be the same. */
function hashes(now: ScaleReport, before: ScaleReport): string[] {
  if (now.config.sha256 !== before.config.sha256 || now.plan.precision !== 'float32') return [];
  const pairs = now.runs.flatMap((run) => {
    const same = before.runs.find(
      ({ mode, workers, loss, shards }) =>
        mode === run.mode && workers === run.workers && shards === run.shards && loss.examples === run.loss.examples,
    );
    return same ? [same.sha256 === run.sha256] : [];
  });
  if (pairs.length === 0) return [];
  return [
    pairs.every(Boolean)
      ? 'The runs ended with the parameters of before, bit for bit.'
      : 'The runs ended with other parameters than before: the program or a library calculates otherwise.',
  ];
}
