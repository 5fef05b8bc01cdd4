/** How long a thread of each worker takes for a shard: measured, and hoped for where there is nothing new to measure. */

interface Speed {
  /** Milliseconds; undefined until what happens only once has been left out. */
  milliseconds: number | undefined;
  /** Times that it has been measured since. */
  measured: number;
  /** Times that it has been asked for since it was last measured. */
  asked: number;
}

/** Part of a new measurement in what is expected next. */
const novelty = 0.3;
/** What is not measured is taken to get faster by so much each time: a worker that was slow once gets another chance. */
const hope = 0.98;
/** The same for a worker that has been measured so few times: code is compiled then, and one time may say nothing of the next. */
const firstHope = 0.8;
const firstTimes = 5;

export class Speeds {
  readonly #speeds = new Map<string, Speed>();

  seen(name: string, milliseconds: number): void {
    const speed = this.#speeds.get(name);
    // The first time an engine prepares its graphs.
    if (!speed) this.#speeds.set(name, { milliseconds: undefined, measured: 0, asked: 0 });
    else {
      const before = speed.milliseconds ?? milliseconds;
      speed.milliseconds = (1 - novelty) * before + novelty * milliseconds;
      speed.measured++;
      speed.asked = 0;
    }
  }

  /** Milliseconds that a shard took lately; undefined where nothing is known. */
  get(name: string): number | undefined {
    return this.#speeds.get(name)?.milliseconds;
  }

  /** The longest that a shard takes anybody. */
  slowest(): number | undefined {
    const known = [...this.#speeds.values()].flatMap(({ milliseconds }) => milliseconds ?? []);
    return known.length > 0 ? Math.max(...known) : undefined;
  }

  /** What to count on for the next step. */
  expected(name: string): number | undefined {
    const speed = this.#speeds.get(name);
    if (speed?.milliseconds === undefined) return undefined;
    return speed.milliseconds * (speed.measured < firstTimes ? firstHope : hope) ** speed.asked++;
  }
}
