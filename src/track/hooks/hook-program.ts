/** A hook that is a program. */
import { type ChildProcess, spawn } from 'node:child_process';
import { inOneLine } from '../../ground/printable.js';
import { beforeDeath } from '../../report/last-acts.js';
import type { HookCall } from './hook-call.js';

/** Characters of its errors that are kept. */
const mostSaid = 300;

/**
 * Runs a command in the system's shell. What the run says is no part of the command: it comes by standard input and the environment.
 * @throws Error where it cannot be started, fails, or has not ended when it should
 */
export async function callCommand(command: string, { name, folder, json, signal }: HookCall): Promise<void> {
  // What joins the run is no business of the program's.
  const { LOCKSTEP_TOKEN, ...own } = process.env;
  const child = spawn(command, {
    shell: true,
    // A group of its own, to be ended as a whole.
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...own, LOCKSTEP_HOOK: name, LOCKSTEP_RUN: folder },
  });
  const forget = beforeDeath(() => end(child));
  const stop = () => end(child);
  signal.addEventListener('abort', stop);
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-mostSaid);
  });
  // It need not read.
  child.stdin!.on('error', () => {});
  child.stdin!.end(json);
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, by) => {
        if (code === 0) resolve();
        else reject(new Error(`${by ? `ended by ${by}` : `exit code ${code}`}${said && `: ${inOneLine(said)}`}`));
      });
    });
  } finally {
    signal.removeEventListener('abort', stop);
    forget();
    child.stderr!.destroy();
  }
}

function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
