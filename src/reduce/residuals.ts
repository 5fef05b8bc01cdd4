/** What rounding has lost so far, to be added to what is sent next. */

interface Residual {
  kept: Float32Array;
  next: Float32Array;
  /** Whether `next` belongs to the round under way. */
  changed: boolean;
}

/** Residuals by a number of the caller's choice. They change only when a round counts: a repeated all-reduce starts from the same. */
export class Residuals {
  readonly #entries = new Map<number, Residual>();

  /** @returns the residual as the round under way has left it; undefined for all zeros */
  read(key: number): Float32Array | undefined {
    const entry = this.#entries.get(key);
    return entry?.changed ? entry.next : entry?.kept;
  }

  write(key: number, values: Float32Array): void {
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { kept: new Float32Array(values.length), next: new Float32Array(values.length), changed: false };
      this.#entries.set(key, entry);
    }
    entry.next.set(values);
    entry.changed = true;
  }

  /** The round counts. */
  commit(): void {
    for (const entry of this.#entries.values()) {
      if (entry.changed) [entry.kept, entry.next] = [entry.next, entry.kept];
      entry.changed = false;
    }
  }

  /** The all-reduce is given up. */
  forget(): void {
    for (const entry of this.#entries.values()) entry.changed = false;
  }
}
