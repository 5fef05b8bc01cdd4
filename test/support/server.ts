/** The process that runs commands for the tests of one vitest worker. This file is loaded once in each, not once a test file. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Order, Served } from './served.js';

const program = fileURLToPath(new URL('./served.js', import.meta.url));

let server: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

function start(): ChildProcess {
  const child = fork(program, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  // It ends with this process; nobody waits for it.
  child.stdout!.resume();
  child.unref();
  child.channel!.unref();
  child.once('exit', () => {
    server = undefined;
  });
  return child;
}

/** The process that runs the commands of this vitest worker. */
export function serving(): ChildProcess {
  server ??= start();
  return server;
}

function ask(order: Order): Promise<Served> {
  const child = serving();
  return new Promise((resolve, reject) => {
    child.channel!.ref();
    const failed = (code: unknown, signal: unknown) => done(() => reject(new Error(`ended: ${signal ?? code}`)));
    const answered = (served: Served) => done(() => resolve(served));
    const done = (settle: () => void) => {
      child.off('exit', failed).off('message', answered);
      child.channel?.unref();
      settle();
    };
    child.once('exit', failed).once('message', answered);
    child.send(order);
  });
}

/** Commands wait for each other: each has the current folder and the standard streams for itself. */
export function serve(order: Order): Promise<Served> {
  const answer = last.then(() => ask(order));
  last = answer.catch(() => {});
  return answer;
}
