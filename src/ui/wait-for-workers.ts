/** Whether a run waits for workers, by its events. */
import { numberIn } from './growing-file.js';

export class WaitForWorkers {
  /** Names of those that take part. */
  readonly #active = new Set<unknown>();
  /** Workers that it waits for; undefined where it does not. */
  #minimum: number | undefined;

  get lasts(): boolean {
    return this.#minimum !== undefined;
  }

  /** As a run begins, or is taken up again. */
  begin(): void {
    this.#active.clear();
    this.#minimum = undefined;
  }

  /** @param entry the next event of the run */
  take({ event, change, name, present, minimum }: Record<string, unknown>): void {
    if (event === 'start') this.begin();
    // Workers enough may be there, of whom none can begin at once.
    else if (event === 'waiting') this.#minimum = numberIn(present) < numberIn(minimum) ? numberIn(minimum) : undefined;
    else if (event === 'worker') {
      if (change === 'active') this.#active.add(name);
      else if (change !== 'refused') this.#active.delete(name);
      if (change === 'active' && this.#active.size >= (this.#minimum ?? 0)) this.#minimum = undefined;
    }
  }
}
