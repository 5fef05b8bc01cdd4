/** A `lockstep` command as a process of its own: its events as they come, its end, and no process left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { z } from 'zod';

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

export interface ChildOptions {
  /** File of the `lockstep` command. */
  readonly program: string;
  /** `--json` is added. */
  readonly args: readonly string[];
  /** Current folder of the process. */
  readonly folder: string;
  /** Of Node. */
  readonly flags?: readonly string[];
  /** Ctrl-C is for the command that starts it. */
  readonly ignoresCtrlC?: boolean;
}

const running = new Set<Child<never>>();
process.on('exit', () => {
  for (const child of running) child.signal('SIGKILL');
});

export class Child<Event> {
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;

  /** @param told of each event; what modules of the user's print is none, and is passed over */
  constructor({ program, args, folder, flags = [], ignoresCtrlC = false }: ChildOptions, told: (event: Event) => void) {
    const child = spawn(process.execPath, [...flags, program, ...args, '--json'], {
      cwd: folder,
      detached: ignoresCtrlC,
    });
    this.#process = child;
    let [rest, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const event = eventIn<Event>(line);
        if (event) told(event);
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    running.add(this);
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal, errors });
      });
    });
  }

  /** undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }
}

const eventSchema = z.looseObject({ event: z.string() });

/** @returns undefined where a line is no event */
function eventIn<Event>(line: string): Event | undefined {
  try {
    return eventSchema.parse(JSON.parse(line)) as Event;
  } catch {
    return undefined;
  }
}
