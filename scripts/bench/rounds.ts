/** Measuring in rounds: programs alternate, because machines are noisy, and more so over time than within a minute. */

/** A program to be measured. Probes with one key are one probe, whoever asks for it. */
export interface Probe<T extends object = object> {
  readonly key: string;
  /** It is measured in the first so many rounds; in all where it does not say. */
  readonly rounds?: number;
  measure(): Promise<T>;
}

/** What came out, round by round. */
export class Measured {
  readonly #results = new Map<string, object[]>();

  add(probe: Probe, result: object): void {
    const results = this.#results.get(probe.key) ?? [];
    this.#results.set(probe.key, results);
    results.push(result);
  }

  /** One result a round; none of a probe that was not among those measured. */
  of<T extends object>(probe: Probe<T>): readonly T[] {
    return (this.#results.get(probe.key) ?? []) as T[];
  }

  toJSON(): object {
    return Object.fromEntries(this.#results);
  }
}

/**
 * Measures each probe once a round, in the order given and, every other round, from the last to the first: none is always behind the
 * same one. What is measured in fewer rounds is, in the first ones.
 * @throws MeasurementError
 */
export async function playRounds(pairs: number, probes: readonly Probe[]): Promise<Measured> {
  const measured = new Measured();
  const different = [...new Map(probes.map((probe) => [probe.key, probe])).values()];
  for (let round = 1; round <= pairs; round++) {
    const turns = round % 2 === 1 ? different : different.toReversed();
    for (const [i, probe] of turns.entries()) {
      if (round > (probe.rounds ?? pairs)) continue;
      process.stderr.write(`round ${round} of ${pairs}, ${i + 1} of ${different.length}: ${probe.key}\n`);
      measured.add(probe, await probe.measure());
    }
  }
  return measured;
}
