/** A `lockstep` command as a process of its own: its events as they come, its end, and no process left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { z } from 'zod';

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

export interface ProgramOptions {
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
  /** Variables of its environment besides those of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Puts another command around the one that is given, such as one that enters a network namespace. */
  readonly within?: (command: readonly string[]) => readonly string[];
  /** Told of each line that is no event; unless given they are passed over: modules of the user's may print. */
  readonly stray?: (line: string) => void;
}

const running = new Set<Program<never>>();
process.on('exit', () => {
  for (const program of running) program.signal('SIGKILL');
});

export class Program<Event> {
  /** Resolves when it is gone and all that it said has been told; rejects when it could not be started. */
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;
  #errors = '';

  /** @param told of each event */
  constructor(options: ProgramOptions, told: (event: Event) => void) {
    const { program, args, folder, flags = [], ignoresCtrlC = false, env, stray } = options;
    const { within = (command) => command } = options;
    const [file, ...rest] = within([process.execPath, ...flags, program, ...args, '--json']);
    const child = spawn(file, rest, {
      cwd: folder,
      detached: ignoresCtrlC,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    let begun = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (begun + text).split('\n');
      begun = lines.pop()!;
      for (const line of lines) {
        const event = eventIn<Event>(line);
        if (event) told(event);
        else stray?.(line);
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    running.add(this);
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal, errors: this.#errors });
      });
    });
  }

  /** undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What it has written to stderr so far. */
  get errors(): string {
    return this.#errors;
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
