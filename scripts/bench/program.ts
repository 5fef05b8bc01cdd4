/** The `lockstep` command as a process of its own: its events as they come, and no process left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

// From dist/scripts/bench/.
const command = resolve(dirname(fileURLToPath(import.meta.url)), '../../src/cli/main.js');

const running = new Set<Program<never>>();
process.on('exit', () => {
  for (const program of running) program.signal('SIGKILL');
});

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

export class Program<Event> {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;

  /**
   * @param args of `lockstep`; `--json` is added
   * @param folder current folder of the process
   * @param told of each event
   * @param flags of Node
   */
  constructor(args: readonly string[], folder: string, told: (event: Event) => void, flags: readonly string[] = []) {
    const child = spawn(process.execPath, [...flags, command, ...args, '--json'], { cwd: folder });
    this.#child = child;
    let [rest, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) told(JSON.parse(line) as Event);
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

  get pid(): number {
    return this.#child.pid!;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}
