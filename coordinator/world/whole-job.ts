/** Whether a world is a whole job of a message-passing library, whose own sums all of its processes make together. */
import type { Collective } from '../../src/reduce/collective.js';
import type { Connection } from '../../src/wire/connection.js';

/**
 * @param collective of the coordinator, if it is of a job
 * @param lines to all workers that keep up with the parameters; undefined for one that is gone
 */
export function isWholeJob(
  collective: Pick<Collective, 'rank' | 'size'> | undefined,
  lines: readonly (Pick<Connection, 'rank'> | undefined)[],
): boolean {
  if (!collective || collective.size !== lines.length + 1) return false;
  const ranks = new Set([collective.rank, ...lines.map((line) => line?.rank)]);
  return ranks.size === collective.size && !ranks.has(undefined);
}
