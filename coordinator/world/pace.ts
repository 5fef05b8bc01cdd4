/** How fast each worker is, and how long a round waits for one before others do its work too. */
import { type Geometry, shardSize } from '../../src/data/geometry.js';
import { type Computed, leavesOf, type Worker } from '../../src/pool/round-worker.js';
import type { Capacity } from './assign.js';
import { Speeds } from './speeds.js';

/** Milliseconds that a worker may be late whatever its speed; in its first steps; and while no speed is known at all. */
const leastPatience = 250;
const firstPatience = 2000;
const unknownPatience = 30_000;

/** Workers are known by their names: one that comes back has its own again. */
export class Pace {
  readonly #stragglerFactor: number;
  readonly #geometry: Pick<Geometry, 'batchSize' | 'shards'>;
  readonly #lanesOf: (worker: Pick<Worker, 'threads'>) => number;
  readonly #speeds = new Speeds();
  /** Milliseconds that a task, its rows and its answer take besides the work. */
  readonly #journeys = new Speeds();

  /**
   * @param stragglerFactor times that a worker may take as long as it usually does before it is late
   * @param geometry of the step; where rounds are local steps, with replicas for shards
   * @param lanesOf how many shards, or replicas, a worker computes at a time
   */
  constructor(
    stragglerFactor: number,
    geometry: Pick<Geometry, 'batchSize' | 'shards'>,
    lanesOf = ({ threads }: Pick<Worker, 'threads'>) => threads,
  ) {
    this.#stragglerFactor = stragglerFactor;
    this.#geometry = geometry;
    this.#lanesOf = lanesOf;
  }

  capacityOf(worker: Worker): Omit<Capacity, 'host'> {
    return { threads: this.#lanesOf(worker), shardMilliseconds: this.#speeds.expected(worker.name) };
  }

  /** Milliseconds after which a worker is late with so many shards of such effort. */
  patienceWith(worker: Worker, shards: number, effort: number): number {
    const { name } = worker;
    const usual = this.#speeds.get(name);
    const slowest = usual ?? this.#speeds.slowest();
    // Who has never answered must not hold up a run: there may be others who would.
    if (slowest === undefined) return unknownPatience;
    const least = usual === undefined ? firstPatience : leastPatience;
    const journey = this.#journeys.get(name) ?? 0;
    return least + this.#stragglerFactor * (effort * slowest * Math.ceil(shards / this.#lanesOf(worker)) + journey);
  }

  /** @param elapsed milliseconds that passed here from the task to its answer */
  learn(worker: Worker, { milliseconds, nodes }: Computed, elapsed: number, effort: number): void {
    const { name } = worker;
    this.#journeys.seen(name, elapsed - milliseconds);
    this.#speeds.seen(name, milliseconds / effort / Math.ceil(leavesOf(nodes) / this.#lanesOf(worker)));
  }

  /** null before it has been seen. */
  examplesPerSecond(worker: Worker): number | null {
    const milliseconds = this.#speeds.get(worker.name);
    return milliseconds === undefined
      ? null
      : (1000 / milliseconds) * this.#lanesOf(worker) * shardSize(this.#geometry);
  }
}
