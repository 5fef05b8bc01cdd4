/** A `lockstep` command as a process, with all that it has said. */

import { Program, type ProgramOptions } from '../../src/programs/program.js';
import { EventLog } from './event-log.js';

export class WatchedProgram<Event extends { readonly event: string }> extends EventLog<Event> {
  /** Resolves with an exit code, or the signal that ended it, once everything that it said has been heard. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #program: Program<Event>;
  #failure = '';

  /** @param patience milliseconds that a wait for an event may take */
  constructor(name: string, options: ProgramOptions, patience?: number) {
    super(name, patience);
    this.#program = new Program<Event>(options, (event) => this.said(event));
    this.ended = this.#program.ended.then(
      ({ code, signal }) => this.#end(signal ?? code!),
      ({ message }: Error) => {
        this.#failure = message;
        return this.#end(1);
      },
    );
  }

  /** undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#program.pid;
  }

  signal(name: NodeJS.Signals): void {
    this.#program.signal(name);
  }

  /** Resolves when it is gone; a stopped process dies of SIGKILL too. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  protected override complaints(): string {
    return this.#program.errors + this.#failure;
  }

  #end(outcome: number | NodeJS.Signals): number | NodeJS.Signals {
    this.over(`ended (${outcome})`);
    return outcome;
  }
}
