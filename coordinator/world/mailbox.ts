/** What happens while a round waits, in the order in which it happens. */
import type { Clock } from './clock.js';

export class Mailbox<Event> {
  readonly #clock: Clock;
  readonly #events: Event[] = [];
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(event: Event): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** The next event, or undefined when the clock reaches `deadline` before there is one. */
  async take(deadline: number): Promise<Event | undefined> {
    if (this.#events.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (deadline === Number.POSITIVE_INFINITY) return;
        const cancel = this.#clock.after(Math.max(0, deadline - this.#clock.now()), resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    return this.#events.shift();
  }
}
