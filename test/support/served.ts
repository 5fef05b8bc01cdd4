/** Runs `lockstep` commands one after the other in one process, which has loaded the program before: see server.ts. */
import './one-core.js';
import { chdir } from 'node:process';
import { runProgram } from '../../cli/program.js';

export interface Order {
  readonly args: readonly string[];
  readonly folder: string;
  /** Variables of its environment besides those of the tests; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Served {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a process writes while `work` goes on, and the exit code that it would end with. */
async function watched(work: () => Promise<void>): Promise<Served> {
  const output = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const { write } = process[name];
    process[name].write = (piece: string | Uint8Array, ...more: unknown[]) => {
      output[name] += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
      for (const written of more) if (typeof written === 'function') queueMicrotask(() => written());
      return true;
    };
    return () => {
      process[name].write = write;
    };
  });
  process.exitCode = undefined;
  try {
    await work();
    // What Node warns of is printed in the next turn.
    await new Promise(setImmediate);
    return { code: Number(process.exitCode ?? 0), ...output };
  } catch (error) {
    return { code: 1, ...output, stderr: `${output.stderr}${(error as Error).stack}\n` };
  } finally {
    for (const undo of restore) undo();
    process.exitCode = undefined;
  }
}

/** Sets variables. @returns what they were before */
function exchange(env: NonNullable<Order['env']>): NonNullable<Order['env']> {
  const before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]));
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  return before;
}

process.on('message', async ({ args, folder, env = {} }: Order) => {
  chdir(folder);
  // --device chooses it for the rest of a process.
  const before = exchange({ LOCKSTEP_DEVICE: process.env.LOCKSTEP_DEVICE, ...env });
  const done = await watched(() => runProgram(args));
  exchange(before);
  process.send!(done);
});
process.on('disconnect', () => process.exit());
