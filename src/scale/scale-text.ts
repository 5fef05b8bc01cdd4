/** Words and numbers of a report, the same in files and on the terminal. */
import { bytesText, grouped, percent } from '../ground/units.js';
import { type Mode, phaseSplitNames, type ScalePoint, type ScaleReport } from './record.js';

export const coresText = (cores: number): string => `${cores} ${cores === 1 ? 'core' : 'cores'}`;
export const workersText = (workers: number): string => `${workers} ${workers === 1 ? 'worker' : 'workers'}`;

export const titles: Readonly<Record<Mode, string>> = {
  strong: 'Strong scaling: the same batch',
  weak: 'Weak scaling: the batch grows with the workers',
};

/** Three digits that count. */
export const short = (value: number): string => `${Number(value.toPrecision(3))}`;

const unless = (value: number | null, text: (value: number) => string): string => (value === null ? '-' : text(value));

/** A column of the tables: its head, what it holds, in one line where the head does not say it, and its cells. */
export interface ScaleColumn {
  readonly head: string;
  readonly about?: string;
  readonly cell: (point: ScalePoint) => string;
}

const phases: Readonly<Record<(typeof phaseSplitNames)[number], string>> = {
  gather: 'examples into batches',
  compute: 'forward and backward pass, on memory that threads share: nothing is copied',
  reduce: 'sums in shared memory',
  exchange: 'sums over sockets, waiting for others included',
  update: 'the optimizer; every worker updates its own copy, so that nothing is broadcast',
  wait: 'everything else: barriers, messages, others',
};

const workersColumn: ScaleColumn = {
  head: 'workers',
  about: 'threads of one process, or processes of one thread each',
  cell: ({ workers }) => String(workers),
};

/** How fast. */
export const speedColumns: readonly ScaleColumn[] = [
  workersColumn,
  { head: 'batch', about: 'examples of a step', cell: ({ batchSize }) => grouped(batchSize) },
  { head: 'shards', about: 'parts of a batch whose sums fix the bits', cell: ({ shards }) => String(shards) },
  {
    head: 'examples/s',
    about: 'median of the repeats, slowest and fastest in brackets',
    cell: ({ examplesPerSecond: { median, min, max } }) => `${grouped(median)} (${grouped(min)}–${grouped(max)})`,
  },
  {
    head: 'step p50/p90/p99',
    about: 'milliseconds that half, nine of ten and 99 of 100 steps take at most',
    cell: ({ step: { p50, p90, p99 } }) => [p50, p90, p99].map(short).join(' / '),
  },
  { head: 'speed-up', about: 'examples/s over that of the fewest workers', cell: ({ speedup }) => speedup.toFixed(2) },
  {
    head: 'efficiency',
    about: 'speed-up over the ideal, of the slowest and fastest repeat in brackets',
    cell: ({ efficiency, examplesPerSecond: { median, min, max } }) => {
      const [least, most] = [min, max].map((rate) => percent((efficiency * rate) / median));
      return `${percent(efficiency)} (${least.replace(' %', '')}–${most})`;
    },
  },
];

/** At what cost, and what comes of it. */
export const costColumns: readonly ScaleColumn[] = [
  { ...workersColumn, about: undefined },
  {
    head: 'bytes',
    about: 'bytes of gradients through sockets in a step, and the fewest that could do; threads share memory',
    cell: ({ bytesPerStep, fewestBytesPerStep }) =>
      bytesPerStep === null || fewestBytesPerStep === null
        ? '-'
        : `${bytesText(bytesPerStep)} (${bytesText(fewestBytesPerStep)})`,
  },
  {
    head: 'memory',
    about: 'most that all processes together had resident',
    cell: ({ peakBytes }) => unless(peakBytes, bytesText),
  },
  {
    head: 'cost',
    about: 'seconds of processor time for 1,000 examples, all processes together',
    cell: ({ cpuSecondsPerExample }) => unless(cpuSecondsPerExample, (seconds) => short(1000 * seconds)),
  },
  {
    head: 'loss',
    about: 'of the last batch, and of the validation split where there is one, after the same number of examples',
    cell: ({ loss: { training, validation } }) =>
      [training, validation]
        .filter((each) => each !== null)
        .map(short)
        .join(' / '),
  },
  {
    head: 'parameters',
    about: 'SHA-256 of the parameters at the end: equal ones are equal bit for bit',
    cell: ({ hashes }) => hashes.map((hash) => hash.slice(0, 8)).join(' ≠ '),
  },
];

/** Where the time of a step goes. */
export const splitColumns: readonly ScaleColumn[] = [
  { ...workersColumn, about: undefined },
  ...phaseSplitNames.map((name) => ({
    head: name,
    about: phases[name],
    cell: ({ split }: ScalePoint) => short(split[name]),
  })),
];

/** Milliseconds of evaluating in a whole run, the slowest worker's. */
export const validationOf = ({ perWorker }: ScalePoint): number =>
  Math.max(...perWorker.map(({ validation }) => validation));

/** What was measured, on what. */
export function facts({ machine, config, plan, created, complete }: ScaleReport): [string, string][] {
  const set = plan.set.length > 0 ? `, with ${plan.set.join(', ')}` : '';
  return [
    ['Measured', `${created.slice(0, 16).replace('T', ' ')} UTC${complete ? '' : ', interrupted'}`],
    [
      'Machine',
      `${machine.processor}, ${coresText(machine.cores)}, ${bytesText(machine.memoryBytes)}, ${machine.system}, Node ${machine.node}`,
    ],
    ['Program', `Lockstep ${machine.lockstep}, ${config.engine}, ONNX Runtime ${machine.onnxruntime}`],
    [
      'Run',
      `${config.name}${set}: ${grouped(config.parameters)} parameters, ${grouped(config.training)} training examples, batch ${grouped(config.batchSize)} in ${config.shards} shards; config ${config.sha256.slice(0, 8)}`,
    ],
    [
      'Plan',
      `${plan.kind}, ${plan.workers.join(', ')} workers, ${plan.repeats} ${plan.repeats === 1 ? 'run' : 'runs'} of each kind, interleaved; ${plan.steps} steps with the fewest workers, the first ${plan.warmUp} of each run not counted`,
    ],
  ];
}

/** Whether the bits agree, as a sentence. */
export function bitsText({ hashesAgree, plan }: ScaleReport): string {
  if (hashesAgree === true)
    return 'All strong runs ended with the same parameters, bit for bit, whatever the number of workers.';
  if (hashesAgree === false) return 'Strong runs ended with different parameters, which must not be.';
  return plan.precision === 'float32'
    ? 'There are no two strong runs whose parameters could be compared.'
    : `Gradients travel as ${plan.precision}: the parameters depend on the number of workers.`;
}
