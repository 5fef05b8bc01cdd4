/** A file by which another program asks a run for something. A signal would not do: Windows has none, and the other may be on another machine. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../ground/atomic-file.js';

const requestName = 'request';
/** Milliseconds between two looks. */
const interval = 500;

/** `stop`: end after the step under way, with a checkpoint to go on from; `checkpoint`: write one and go on. */
export type AskedOfRun = 'stop' | 'checkpoint';

const requests: readonly string[] = ['stop', 'checkpoint'] satisfies AskedOfRun[];

/** @throws OutputError when the file cannot be written */
export function requestOf(folder: string, request: AskedOfRun): void {
  writeFileAtomically(join(folder, requestName), request);
}

/**
 * Looks for requests until it is told to end. What was asked before, when nobody looked, is void.
 * @param answer called once for each
 * @returns ends it
 */
export function watchRequests(folder: string, answer: (request: AskedOfRun) => void): () => void {
  const file = join(folder, requestName);
  take(file);
  const timer = setInterval(() => {
    const request = existsSync(file) ? take(file) : undefined;
    if (request !== undefined) answer(request);
  }, interval).unref();
  return () => {
    clearInterval(timer);
    take(file);
  };
}

function take(file: string): AskedOfRun | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    rmSync(file, { force: true });
    return requests.includes(text) ? (text as AskedOfRun) : undefined;
  } catch {
    return undefined;
  }
}
