/** Which members of an all-reduce add up among themselves first, because they are on one host. */
import { partsBy } from '../../src/ground/parts-by.js';
import type { Worker } from '../../src/pool/round-worker.js';
import type { Roster } from './roster.js';

/**
 * Numbers of hosts by the ids of workers: 0 is the coordinator's, others have that of the first of them. Holders on one host that have
 * no links to each other have hosts of their own.
 *
 * @param followers that hold sums, and others
 * @param holds whether a worker holds sums
 * @param useLinks whether links between workers may be used
 */
export function numberHosts(
  roster: Pick<Roster, 'self' | 'hostOf' | 'linked'>,
  followers: readonly Worker[],
  holds: (worker: Worker) => boolean,
  useLinks: boolean,
): ReadonlyMap<number, number> {
  const numbers = new Map([[roster.self.id, 0]]);
  const isHere = (worker: Worker) => roster.hostOf(worker) === roster.hostOf(roster.self);
  for (const workers of partsBy(followers, (worker) => roster.hostOf(worker))) {
    const together = useLinks && roster.linked(workers.filter(holds));
    for (const worker of workers) numbers.set(worker.id, isHere(worker) ? 0 : together ? workers[0].id : worker.id);
  }
  return numbers;
}
