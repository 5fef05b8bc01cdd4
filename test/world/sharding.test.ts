/** Who updates which share of the parameters where optimizer state is sharded: nobody what it does not have the state of. */
import { expect, it } from 'vitest';
import { Sharding } from '../../coordinator/world/sharding.js';
import { NORM_BLOCK } from '../../src/reduce/norm.js';
import { applied, newWorld, update } from '../support/members.js';
import { settled } from '../support/rosters.js';

const layout = { trainable: 2 * NORM_BLOCK, state: 2 * NORM_BLOCK };

/** Two workers with links to each other, and half of the state each. */
async function halves() {
  const made = newWorld();
  const { world, member } = made;
  const [a, b] = [await member('a'), await member('b')];
  const ids = [a, b].map(({ worker }) => worker.id);
  for (const { connection } of [a, b]) await connection.says({ kind: 'linked', ids });
  const sharding = new Sharding({
    world,
    layout,
    self: { read: (_, look) => look() },
    parameters: { send: () => {}, takeSent: () => ({ bytes: 0, bytesBetweenHosts: 0 }) },
    slots: [new Float32Array(layout.trainable)],
    precision: 'float32',
    butterfly: true,
    patience: 1000,
  });
  await sharding.deal();
  return { ...made, a, b, sharding };
}

const ownersOf = (shares: readonly { readonly id: number }[]) => shares.map(({ id }) => id);

it('asks a worker that is lost, and comes back by the same number, for nothing before it was dealt something anew', async () => {
  const { world, join, a, b, sharding } = await halves();
  const before = sharding.sharesAmong(world.followers());
  expect(before).toEqual([
    { id: a.worker.id, from: 0, to: NORM_BLOCK },
    { id: b.worker.id, from: NORM_BLOCK, to: layout.state },
  ]);

  // The step waits for it, and it is sent the parameters alone.
  await a.connection.breaks();
  const { worker, connection } = join('a');
  await settled();
  await connection.says({ kind: 'ready' });
  void world.enough().catch(() => {});
  await settled();
  expect([worker.id, world.followers().includes(worker)]).toEqual([a.worker.id, true]);

  const others = [0, b.worker.id];
  expect(ownersOf(sharding.sharesAmong(world.followers()))).toEqual(others);
  // It may also be back only after the sums were scattered.
  const { sharded } = sharding.commit(update(0), before);
  expect(ownersOf(sharded!.shares)).toEqual(others);
  // From the next step on it has its share again.
  await connection.says(applied(-1));
  for (const each of [connection, b.connection]) await each.says({ kind: 'linked', ids: [worker.id, b.worker.id] });
  await sharding.deal();
  expect(ownersOf(sharding.sharesAmong(world.followers()))).toEqual([b.worker.id, worker.id]);
  sharding.close();
});
