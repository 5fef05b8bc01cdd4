/** One run of the real system, as users start it, in a folder that is gone afterwards. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, OutputError, ScaleError } from '../errors.js';
import { type Ended, Program } from '../programs/program.js';
import type { EndEvent, ErrorEvent, RunEvent, StartEvent, StepEvent } from '../report/events.js';
import { beforeDeath } from '../report/last-acts.js';
import type { ListeningEvent, SummaryEvent } from '../report/world-events.js';
import { measureTrace, windowOf } from './measure.js';
import type { Kind, Mode, ScaleRun } from './record.js';
import { examplesIn, warmUp } from './scale-plan.js';
import { parseTrace } from './trace.js';
import { Usage } from './usage.js';

/** Milliseconds between two looks at what processes use. */
const interval = 50;

/** What to run. */
export interface RunRequest {
  /** File of the `lockstep` command. */
  readonly program: string;
  /** The config, and what was set on the command line. */
  readonly file: string;
  readonly set: readonly string[];
  readonly kind: Kind;
  readonly mode: Mode;
  readonly workers: number;
  readonly repeat: number;
  readonly steps: number;
  /** As the config has them, where undefined. */
  readonly batchSize?: number;
  readonly shards?: number;
}

export interface RunOutcome {
  readonly start: StartEvent;
  readonly run: ScaleRun;
}

/** What a run says of itself. */
interface Heard {
  start?: StartEvent;
  step?: StepEvent;
  summary?: SummaryEvent;
  end?: EndEvent;
  error?: ErrorEvent;
}

interface Watched {
  readonly child: Program<RunEvent>;
  readonly usage: Usage;
}

/**
 * @param signal kills what runs
 * @returns undefined where it was interrupted
 * @throws ConfigError when the run refuses its config, OutputError when it cannot be written, ScaleError when it fails
 */
export async function runOnce(request: RunRequest, signal: AbortSignal): Promise<RunOutcome | undefined> {
  const folder = temporaryFolder();
  const children: Watched[] = [];
  const kill = () => {
    for (const { child } of children) child.signal('SIGKILL');
  };
  const timer = setInterval(() => {
    for (const { usage } of children) usage.look();
  }, interval);
  signal.addEventListener('abort', kill);
  const forget = beforeDeath(() => {
    kill();
    rmSync(folder, { recursive: true, force: true });
  });
  try {
    if (signal.aborted) return undefined;
    const heard = await (request.kind === 'threads' ? train : coordinate)(request, folder, children);
    return signal.aborted ? undefined : outcomeOf(request, heard, folder, children);
  } finally {
    signal.removeEventListener('abort', kill);
    clearInterval(timer);
    kill();
    await Promise.allSettled(children.map(({ child }) => child.ended));
    rmSync(folder, { recursive: true, force: true });
    forget();
  }
}

/** Where runs are written while they are measured. */
const noRoom = 'name a folder with space in the environment variable TMPDIR';

/** @throws OutputError */
function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'lockstep-scale-'));
  } catch (error) {
    throw new OutputError(
      `${tmpdir()}: takes no folder for the runs (${(error as NodeJS.ErrnoException).code})`,
      noRoom,
    );
  }
}

/** Options of every run: nothing but steps, and word of the last one. */
function runArgs({ file, set, steps, batchSize, shards }: RunRequest, folder: string): string[] {
  const overrides = [
    ...set,
    ...(batchSize === undefined ? [] : [`training.batchSize=${batchSize}`]),
    ...(shards === undefined ? [] : [`training.shards=${shards}`]),
    // The run is over when its steps are, and does nothing else meanwhile.
    `training.epochs=${1_000_000}`,
    `training.logEvery=${steps}`,
    'training.earlyStopping=null',
    'training.restoreBest=false',
    'checkpoint={everyMinutes: 1000000}',
  ];
  return [
    ...[resolve(file), '--out', join(folder, 'runs'), '--steps', String(steps), '--trace', traceOf(folder)],
    ...overrides.flatMap((override) => ['--set', override]),
  ];
}

const traceOf = (folder: string): string => join(folder, 'trace.json');

/** @param told of each event; those of workers are others, but mistakes are told alike */
function start(
  { program }: RunRequest,
  args: readonly string[],
  folder: string,
  children: Watched[],
  told: (event: RunEvent) => void,
): Program<RunEvent> {
  const child = new Program<RunEvent>({ program, args, folder, ignoresCtrlC: true }, told);
  children.push({ child, usage: new Usage(child.pid) });
  return child;
}

async function train(request: RunRequest, folder: string, children: Watched[]): Promise<Heard> {
  const heard: Heard = {};
  const args = ['train', ...runArgs(request, folder), '--threads', String(request.workers)];
  const child = start(request, args, process.cwd(), children, (event) => hear(heard, event));
  check(request, heard, await child.ended);
  return heard;
}

/** A coordinator that does not compute, and workers of one thread each. */
async function coordinate(request: RunRequest, folder: string, children: Watched[]): Promise<Heard> {
  const heard: Heard = {};
  const { workers } = request;
  const own = ['--threads', '0', '--port', '0', '--min-workers', String(workers)];
  const command = ['coordinator', ...runArgs(request, folder), ...own];
  const coordinator = start(request, command, process.cwd(), children, (event) => {
    hear(heard, event);
    if (event.event === 'listening') begin(event);
  });
  const begin = ({ url, join: command }: ListeningEvent) => {
    const [, token] = /--token (\S+)/.exec(command!)!;
    for (let i = 1; i <= workers; i++) {
      const args = ['worker', url, '--token', token, '--threads', '1', '--name', `worker-${i}`];
      const worker = start(request, [...args, '--cache', join(folder, 'cache')], folder, children, (event) => {
        if (event.event === 'error') hear(heard, event);
      });
      // Without it the coordinator would wait for ever.
      void worker.ended.then(({ code }) => code !== 0 && coordinator.signal('SIGKILL'));
    }
  };
  check(request, heard, await coordinator.ended);
  await Promise.all(children.map(({ child }) => child.ended));
  return heard;
}

function hear(heard: Heard, event: RunEvent): void {
  if (event.event === 'start') heard.start = event;
  if (event.event === 'step') heard.step = event;
  if (event.event === 'summary') heard.summary = event;
  if (event.event === 'end') heard.end = event;
  if (event.event === 'error') heard.error = event;
}

/** @throws ConfigError, OutputError, ScaleError */
function check(request: RunRequest, { error, end }: Heard, ended: Ended): void {
  const { code, signal, errors } = ended;
  if (code === 0 && end) return;
  const what = `${request.workers} ${request.kind}, ${request.mode}`;
  // What the run itself advises is of no use: its folder is gone.
  const isUnwritten = error?.code === 'LOCKSTEP_OUTPUT' || error?.code === 'LOCKSTEP_UNWRITTEN';
  if (isUnwritten) throw new OutputError(`${what}: ${error.message}`, noRoom);
  if (code === 2 && error) throw new ConfigError(`${what}: ${error.message}`, error.remedy);
  // Killed by Ctrl-C, of which the caller knows.
  if (signal === 'SIGKILL' && !error) return;
  const said = error ? `${error.message}: ${error.remedy}` : errors.trim().slice(-2000);
  throw new ScaleError(`${what}: the run ended with ${signal ?? `exit code ${code}`}`, said || 'try it by itself');
}

function outcomeOf(
  request: RunRequest,
  heard: Heard,
  folder: string,
  children: readonly Watched[],
): RunOutcome | undefined {
  const { mode, workers, repeat } = request;
  const { start, step, summary, end } = heard;
  if (!start || !end) throw new ScaleError('a run was killed', 'see whether the machine has memory enough');
  const { batchSize, shards, training } = start;
  const trace = parseTrace(readFileSync(traceOf(folder), 'utf8'));
  const measured = measureTrace(trace, { batchSize, training, warmUp });
  if (!measured) throw new ScaleError('a run has no steps after the warm-up', 'use more --steps');
  const { from, to } = windowOf(trace, warmUp);
  const sum = (values: readonly (number | null)[]) =>
    values.reduce((total, value) => (total === null || value === null ? null : total + value), 0);
  const run: ScaleRun = {
    mode,
    workers,
    repeat,
    batchSize,
    shards,
    ...measured,
    bytesPerStep: summary?.bytesPerStep ?? null,
    fewestBytesPerStep: summary?.fewestBytesPerStep ?? null,
    peakBytes: sum(children.map(({ usage }) => usage.peakBytes)),
    cpuSeconds: sum(children.map(({ usage }) => usage.secondsBetween(from, to))),
    loss: {
      examples: examplesIn(request.steps, batchSize, training),
      training: step?.loss ?? null,
      validation: end.validation?.loss ?? null,
    },
    sha256: end.sha256,
  };
  return { start, run };
}
