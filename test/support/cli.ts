/** Runs the `lockstep` command as users do: as a process of its own, or where that is not what a test is about, in one that has run others. */
import { type ChildProcess, spawn } from 'node:child_process';
import { execPath } from 'node:process';
import type { RunEvent } from '../../src/report/events.js';
import { cliFile } from './package.js';
import { patience } from './patience.js';
import { serve } from './server.js';

export interface Finished {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when stdout holds `text` so many times; rejects when the process ends without having said it. */
  says(text: string, times?: number): Promise<void>;
}

/**
 * @param folder the process's current folder
 * @param more variables of its environment
 */
export const startLockstep = (args: readonly string[], folder: string, more: NodeJS.ProcessEnv = {}): Running =>
  startProgram(execPath, [cliFile, ...args], folder, { ...process.env, ...more });

/**
 * @param folder the process's current folder
 * @param env all of its environment
 */
export function startProgram(
  program: string,
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv,
): Running {
  // In a process group of its own, so that a test can see whether anything of it is left.
  const child = spawn(program, args, { cwd: folder, detached: true, timeout: patience, env });
  const output = { stdout: '', stderr: '' };
  const waiting: { text: string; times: number; found: () => void; missed: (reason: Error) => void }[] = [];
  const holds = (text: string, times: number) => output.stdout.split(text).length > times;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
    for (const { text, times, found } of waiting) if (holds(text, times)) found();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const { text, missed } of waiting) missed(new Error(`ended without "${text}": ${output.stderr}`));
      resolve({ code, signal, ...output });
    });
  });
  const says = (text: string, times = 1) =>
    new Promise<void>((found, missed) => {
      waiting.push({ text, times, found, missed });
      if (holds(text, times)) found();
    });
  return { process: child, finished, says };
}

export function lockstep(args: readonly string[], folder: string, more?: NodeJS.ProcessEnv): Promise<Finished> {
  return startLockstep(args, folder, more).finished;
}

/**
 * The same command in a process that is there already, since most of what a command takes is to load the program. For what
 * is no property of the process: files, messages, exit codes.
 */
export const lockstepServed = async (
  args: readonly string[],
  folder: string,
  env?: Readonly<Record<string, string>>,
): Promise<Finished> => ({ ...(await serve({ args, folder, env })), signal: null });

/** Whether a process of the group that `child` led is alive. */
export function groupIsAlive(child: ChildProcess): boolean {
  try {
    return process.kill(-child.pid!, 0);
  } catch {
    return false;
  }
}

/** What `--json` printed; throws when a line is no JSON. */
export function eventsOf(stdout: string): RunEvent[] {
  const lines = stdout.split('\n');
  if (lines.pop() !== '') throw new Error(`the last line has no end: ${stdout}`);
  return lines.map((line) => JSON.parse(line) as RunEvent);
}

/** Without what a run was busy with until then. */
export const outcomesOf = (stdout: string): RunEvent[] => eventsOf(stdout).filter(({ event }) => event !== 'phase');

/** The one event of a kind. */
export function eventOf<Kind extends RunEvent['event']>(
  events: readonly RunEvent[],
  kind: Kind,
): Extract<RunEvent, { event: Kind }> {
  const found = events.filter(({ event }) => event === kind);
  if (found.length !== 1) throw new Error(`${found.length} events of kind ${kind}`);
  return found[0] as Extract<RunEvent, { event: Kind }>;
}
