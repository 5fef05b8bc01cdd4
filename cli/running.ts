/** What commands that run for a while share: Ctrl-C ends them in good order, twice at once; whole numbers as options. */
import { constants } from 'node:os';
import type { Command } from 'commander';
import { ConfigError } from '../src/errors.js';
import { printableLines } from '../src/ground/printable.js';
import { checkOneOnDevice, maximumThreads, usualThreads } from '../src/pool/thread-count.js';
import type { EndEvent, Reporter } from '../src/report/events.js';
import { jsonReporter } from '../src/report/json.js';
import { performLastActs } from '../src/report/last-acts.js';
import { plainReporter } from '../src/report/plain.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { tellMistake } from './outcome.js';
import { isGone, isTerminal } from './streams.js';

/** Ctrl-C, the end that a system asks for, and that of a terminal or a remote session. */
const endings: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** What sysexits.h calls EX_TEMPFAIL: the same command can be started again, and then do what it could not. */
export const startAgain = 75;

/** What a shell reports of a process that a signal has ended. */
const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

export interface Interruptible {
  /** What the first signal is answered with. */
  readonly said: () => void;
  /** Whether there is something to be ended in good order; before that, a signal ends the process at once. */
  readonly hasBegun?: () => boolean;
  /** Whether schedulers send the signals, which say SIGTERM more than once before they kill: then it ends in good order all the same. */
  readonly isScheduled?: boolean;
}

/** @param work its signal is aborted by the first signal of the process; the second ends the process at once */
export async function untilInterrupted(
  { said, hasBegun = () => true, isScheduled = false }: Interruptible,
  work: (signal: AbortSignal, exitCode: () => number) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  let exitCode = codeOf('SIGINT');
  const interrupt = (signal: NodeJS.Signals) => {
    // A terminal that closes and the shell in it both say so.
    if (abort.signal.aborted && (signal === 'SIGHUP' || (isScheduled && signal === 'SIGTERM'))) return;
    if (abort.signal.aborted) return dieOf(signal);
    said();
    if (!hasBegun()) return dieOf(signal);
    exitCode = codeOf(signal);
    abort.abort();
  };
  // Nobody reads any more (`| head`).
  const stop = (error: NodeJS.ErrnoException) => isGone(error) && abort.abort();
  process.stdout.on('error', stop);
  try {
    await onSignals(interrupt, () => work(abort.signal, () => exitCode));
  } finally {
    process.stdout.off('error', stop);
  }
}

/** Work that a signal ends at once, but not before what is half written is removed. */
export const untilKilled = (work: () => Promise<void>): Promise<void> => onSignals(dieOf, work);

async function onSignals(told: (signal: NodeJS.Signals) => void, work: () => Promise<void>): Promise<void> {
  for (const signal of endings) process.on(signal, told);
  try {
    await work();
  } finally {
    for (const signal of endings) process.off(signal, told);
  }
}

/** Ends the process here and now: `process.exit` would wait for threads that compute, and then crash on them. */
function dieOf(signal: NodeJS.Signals): void {
  performLastActs();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

export interface Training {
  readonly json: boolean | undefined;
  /** What goes on with a run that was interrupted. @param run its folder */
  readonly goOn: (run: string) => string;
  /** Whether signals come from a scheduler; it is then ended in good order before its first step too. */
  readonly isScheduled?: boolean;
}

/**
 * Runs a training to its end, its mistakes and interruptions told as every command tells them.
 * @param train its result is undefined where there was nothing to do
 */
export async function trainUntilInterrupted(
  { json, goOn, isScheduled = false }: Training,
  train: (watch: { report: Reporter; signal: AbortSignal } & Pick<Training, 'goOn'>) => Promise<EndEvent | undefined>,
): Promise<void> {
  const show = await reporter(json);
  let hasStarted = false;
  const hasBegun = () => isScheduled || hasStarted;
  const report: Reporter = (event) => {
    if (event.event === 'start') hasStarted = true;
    show(event);
    if (event.event === 'end' && event.resume !== null && !json) sayOnward(goOn(event.resume));
  };
  const said = () => {
    const after = `stopping after this step${isScheduled ? '' : '; press Ctrl-C again to quit at once'}`;
    const message = hasStarted ? after : 'stopped before the first step';
    report({ event: 'warning', message });
  };
  await untilInterrupted({ said, hasBegun, isScheduled }, async (signal, exitCode) => {
    try {
      const end = await train({ report, signal, goOn });
      // A run that was to take so many steps has come to its end.
      if (end?.interrupted && signal.aborted) process.exitCode = exitCode();
    } catch (error) {
      // Stopped while data were read: there is nothing to save.
      if (signal.aborted && error === signal.reason) process.exitCode = exitCode();
      else tellMistake(error, report);
    }
  });
}

function sayOnward(how: string): void {
  process.stdout.write(wrapLines(printableLines(`go on with: ${how}\n`), terminalColumns(process.stdout)));
}

async function reporter(json: boolean | undefined): Promise<Reporter> {
  if (json) return jsonReporter(process.stdout);
  if (!isTerminal(process.stdout)) return plainReporter(process.stdout);
  // Late, because elsewhere nothing draws bars.
  const { terminalReporter } = await import('../src/report/terminal.js');
  return terminalReporter(process.stdout);
}

/** @throws ConfigError when --resume stands beside what names another run */
export function checkResume(run: string, file: string | undefined, out: string | undefined): void {
  const excess = file ?? (out === undefined ? undefined : '--out');
  if (excess === undefined) return;
  throw new ConfigError(
    `--resume ${run}: the run has its config and folder already, and ${excess} names another`,
    `leave out ${excess}, or --resume`,
  );
}

/**
 * Takes the token out of what every user of this machine sees of its processes. Before that it is there for a moment: the
 * environment never is.
 */
export function hideToken(flags: { readonly token?: string }, title: string): void {
  if (flags.token !== undefined) process.title = title;
}

/** The token of an option, or of the environment, where an empty one is none. @throws ConfigError when the option is empty */
export function tokenOf({ token }: { readonly token?: string }): string | undefined {
  if (token !== '') return token ?? (process.env.LOCKSTEP_TOKEN || undefined);
  throw new ConfigError(
    '--token "": is empty, and a token has at least one character',
    'give it one (a variable that is not set is empty), or leave --token out: then $LOCKSTEP_TOKEN counts',
  );
}

/** Ends a command that was given neither a config nor a run to go on with. */
export function checkRunGiven(file: string | undefined, resume: string | undefined, command: Command): void {
  if (file === undefined && resume === undefined) {
    command.error("error: missing required argument 'config', or --resume");
  }
}

/** What `--seal` sets. */
export const sealed = ({ seal }: { readonly seal?: boolean }): string[] => (seal ? ['evaluation.seal=true'] : []);

/** @param least 0 where no thread may compute. @throws ConfigError when it is none that a pool can have */
export function threadCount(value: string | undefined, least: 0 | 1 = 1): number {
  if (value === undefined) return usualThreads();
  const remedy = `use --threads ${usualThreads()} or leave it out`;
  const threads = wholeNumber('--threads', value, least, maximumThreads, remedy);
  checkOneOnDevice('--threads', threads);
  return threads;
}

/** The limit of `--steps`. @throws ConfigError when it is no number of steps */
export const stepLimit = (value: string | undefined): number | undefined =>
  value === undefined
    ? undefined
    : wholeNumber('--steps', value, 1, Number.MAX_SAFE_INTEGER, 'use 100, or leave it out');

/** The seconds of `--timeout`. @throws ConfigError when it is no number of seconds */
export const timeoutOf = (value: string | undefined): number | undefined =>
  value === undefined
    ? undefined
    : wholeNumber('--timeout', value, 0, 1e9, 'give seconds, such as 600, or leave it out');

/** @throws ConfigError when an option's value is no whole number in a range */
export function wholeNumber(option: string, value: string, least: number, most: number, remedy: string): number {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new ConfigError(`${option} ${value} is not a whole number from ${least} to ${most}`, remedy);
}
