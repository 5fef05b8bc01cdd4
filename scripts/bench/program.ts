/** The `lockstep` command as a process of its own: its events as they come, and no process left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// From dist/scripts/bench/.
const command = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

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
   */
  constructor(args: readonly string[], folder: string, told: (event: Event) => void) {
    const child = spawn(process.execPath, [command, ...args, '--json'], { cwd: folder });
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
    const kill = () => this.signal('SIGKILL');
    process.on('exit', kill);
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        process.off('exit', kill);
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
