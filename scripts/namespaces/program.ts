/** A `lockstep` command on a host of a network: what it tells by --json, with the time at which it told it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '../../src/report/events.js';
import type { WorkerProgramEvent as OwnEvent } from '../../worker/events.js';
import type { Network } from './network.js';

const cliFile = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'cli', 'main.js');

/** Told so many milliseconds after this process had started. */
export type Told<Event> = Event & { readonly at: number };

interface Wanted {
  readonly matches: (event: never) => boolean;
  readonly found: (event: never) => void;
  readonly missed: (error: Error) => void;
}

export class Program<Event extends RunEvent | OwnEvent> {
  readonly events: Told<Event>[] = [];
  /** Resolves with the exit code, or null when a signal ended it; never rejects. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #wanted = new Set<Wanted>();
  #errors = '';
  #missed: Error | undefined;

  /** @param folder its current folder */
  constructor(network: Network, host: number, args: readonly string[], folder: string) {
    const [program, command] = network.on(host, execPath, cliFile, ...args, '--json');
    // Detached: an interrupt at the terminal is for the script alone, which ends the programs in order.
    this.#child = spawn(program, command, { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let rest = '';
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#told({ ...(JSON.parse(line) as Event), at: performance.now() });
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('error', ({ message }) => {
        this.#errors += message;
      });
      this.#child.on('close', (code) => {
        const told = this.events.flatMap((event) => (event.event === 'error' ? event.message : []));
        const reason = [...told, this.#errors].join(' ').trim() || 'a longer run would help';
        this.#missed = new Error(`${args[0]} ended (${code}) before what was waited for: ${reason}`);
        for (const { missed } of this.#wanted) missed(this.#missed);
        resolve(code);
      });
    });
  }

  /** The first event that matches, of all or of those after a time. @throws Error when the program ends without it */
  async until<Kind extends Event['event']>(
    kind: Kind,
    matches: (event: Told<Extract<Event, { event: Kind }>>) => boolean = () => true,
    after = 0,
  ): Promise<Told<Extract<Event, { event: Kind }>>> {
    type Found = Told<Extract<Event, { event: Kind }>>;
    const fits = (event: Told<Event>) => event.event === kind && event.at > after && matches(event as Found);
    const before = this.events.find(fits);
    if (before) return before as Found;
    if (this.#missed) throw this.#missed;
    return new Promise<Found>((found, missed) => this.#wanted.add({ matches: fits, found, missed }));
  }

  /** Does nothing where it has ended. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  #told(event: Told<Event>): void {
    this.events.push(event);
    for (const wanted of this.#wanted) {
      if (!wanted.matches(event as never)) continue;
      this.#wanted.delete(wanted);
      wanted.found(event as never);
    }
  }
}
