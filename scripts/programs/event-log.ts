/** What somebody who takes part in a run has said, and the wait for what it says next. */

/** An event, and the time of `performance.now` at which this process heard of it. */
export type Timed<Event> = Event & { readonly at: number };

type Of<Event extends { readonly event: string }, Kind> = Timed<Extract<Event, { readonly event: Kind }>>;

export class EventLog<Event extends { readonly event: string }> {
  readonly name: string;
  readonly events: Timed<Event>[] = [];
  readonly #patience: number;
  readonly #listeners = new Set<() => void>();
  /** How it ended, for people. */
  #ending: string | undefined;

  /** @param patience milliseconds that a wait may take */
  constructor(name: string, patience = Number.POSITIVE_INFINITY) {
    this.name = name;
    this.#patience = patience;
  }

  /** All events of a kind so far. */
  of<Kind extends Event['event']>(kind: Kind): Of<Event, Kind>[] {
    return this.events.filter(({ event }) => event === kind) as Of<Event, Kind>[];
  }

  /**
   * The first event of a kind that `fits`, of those that there are and those that come.
   * @param from number of the first event that is looked at
   * @throws Error when it has ended without one, or the wait takes too long
   */
  async until<Kind extends Event['event']>(
    kind: Kind,
    fits: (event: Of<Event, Kind>) => boolean = () => true,
    from = 0,
  ): Promise<Of<Event, Kind>> {
    const isIt = (event: Timed<Event>) => event.event === kind && fits(event as Of<Event, Kind>);
    const deadline = performance.now() + this.#patience;
    for (;;) {
      const found = this.events.slice(from).find(isIt);
      if (found) return found as Of<Event, Kind>;
      if (this.#ending !== undefined) throw new Error(`${this.name} ${this.#ending} without "${kind}": ${this.last()}`);
      if (performance.now() > deadline) throw new Error(`${this.name} has not said "${kind}": ${this.last()}`);
      await this.#change(deadline);
    }
  }

  protected said(event: Event): void {
    this.events.push({ ...event, at: performance.now() });
    this.#tell();
  }

  /** It says nothing more. @param ending how it ended, such as `ended (0)` */
  protected over(ending: string): void {
    this.#ending = ending;
    this.#tell();
  }

  /** What it complained of besides its events. */
  protected complaints(): string {
    return '';
  }

  #change(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const limit = deadline - performance.now();
      const timer = Number.isFinite(limit) ? setTimeout(() => done(), Math.max(0, limit)) : undefined;
      const done = () => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve();
      };
      this.#listeners.add(done);
    });
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** What it said last, for whoever wonders why it did not say more. */
  last(): string {
    const last = this.events.slice(-12).map((event) => JSON.stringify(event).slice(0, 300));
    return [this.complaints().trim(), ...last].join('\n');
  }
}
