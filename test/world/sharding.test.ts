/** Who updates which share of the parameters where optimizer state is sharded: nobody what it does not have the state of. */
import { expect, it } from 'vitest';
import { StateLostError } from '../../coordinator/world/own-state.js';
import { Sharding } from '../../coordinator/world/sharding.js';
import { NORM_BLOCK } from '../../src/reduce/norm.js';
import { applied, commit, hasEnded, newWorld, update } from '../support/members.js';
import { settled } from '../support/rosters.js';

const layout = { trainable: 6 * NORM_BLOCK, state: 6 * NORM_BLOCK };
const half = 3 * NORM_BLOCK;

/** Workers with links to each other, and equal shares of the state. */
async function dealt(...names: string[]) {
  const own = { round: -1, keepsUp: true, reach: async () => false };
  const made = newWorld({ own });
  const { world, member } = made;
  const members: Awaited<ReturnType<typeof member>>[] = [];
  for (const name of names) members.push(await member(name));
  const ids = members.map(({ worker }) => worker.id);
  for (const { connection } of members) await connection.says({ kind: 'linked', ids });
  const sharding = new Sharding({
    world,
    layout,
    self: { threads: 0, read: (_, look) => look() },
    own,
    parameters: { send: () => {}, takeSent: () => ({ bytes: 0, bytesBetweenHosts: 0 }) },
    slots: [new Float32Array(layout.trainable)],
    precision: 'float32',
    butterfly: true,
    patience: 1000,
  });
  await sharding.deal();
  return { ...made, own, members, sharding };
}

const ownersOf = (shares: readonly { readonly id: number }[]) => shares.map(({ id }) => id);

it('asks a worker that is lost, and comes back by the same number, for nothing before it was dealt something anew', async () => {
  const { world, join, members, sharding } = await dealt('a', 'b');
  const [a, b] = members;
  const before = sharding.sharesAmong(world.followers());
  expect(before).toEqual([
    { id: a.worker.id, second: 0, from: 0, to: half },
    { id: b.worker.id, second: 0, from: half, to: layout.state },
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

it('gives three workers the second copies, each that of the one before it, and the coordinator no part in the step', async () => {
  const { world, members, own, sharding } = await dealt('a', 'b', 'c');
  const [a, b, c] = members.map(({ worker }) => worker.id);
  const third = 2 * NORM_BLOCK;
  const shares = sharding.sharesAmong(world.followers());
  expect(shares).toEqual([
    { id: a, second: b, from: 0, to: third },
    { id: b, second: c, from: third, to: 2 * third },
    { id: c, second: a, from: 2 * third, to: layout.state },
  ]);
  expect(own.keepsUp).toBe(false);
  // Each holds two thirds of the one slab that there is.
  expect(world.totals.optimizerBytes('a')).toBe(2 * third * 4);

  // Who has the second copy takes over, and is the only one who has it.
  await members[1].connection.breaks();
  const left = [
    { id: a, from: 0, to: third },
    { id: c, from: third, to: 2 * third },
    { id: c, second: a, from: 2 * third, to: layout.state },
  ];
  expect(sharding.sharesAmong(world.followers())).toEqual(left);
  expect(sharding.commit(update(0), shares).sharded!.shares).toEqual(left);
  expect(own.keepsUp).toBe(false);
  await members[2].connection.breaks();
  expect(() => sharding.sharesAmong(world.followers())).toThrow(StateLostError);
  sharding.close();
});

it('leaves the second copies to the coordinator as soon as somebody follows who has no share', async () => {
  const { world, join, own, sharding } = await dealt('a', 'b', 'c');
  const { connection } = join('d');
  await settled();
  await connection.says({ kind: 'ready' });
  void world.enough().catch(() => {});
  await settled();
  await sharding.deal();
  expect(sharding.sharesAmong(world.followers()).map(({ second }) => second)).toEqual([0, 0, 0]);
  expect(own.keepsUp).toBe(true);
  sharding.close();
});

it('commits nothing while it reads what those who are late wait for', async () => {
  const { world, members, own, sharding } = await dealt('a', 'b', 'c');
  const [a, b] = members.map(({ worker }) => worker.id);
  const shares = sharding.sharesAmong(world.followers());
  await sharding.follow(shares);
  expect(sharding.commit(update(0), shares).sharded!.others).toEqual([]);
  commit(world, 0);
  let read = () => {};
  own.reach = () =>
    new Promise((resolve) => {
      read = () => resolve(true);
    });
  sharding.cut(a, b);
  const ready = sharding.follow(shares);
  expect(await hasEnded(ready)).toBe(false);
  read();
  await ready;
  sharding.close();
});

it('lets those go who wait for what nobody has', async () => {
  const { world, members, own, sharding, changes } = await dealt('a', 'b', 'c');
  const shares = sharding.sharesAmong(world.followers());
  sharding.commit(update(0), shares);
  commit(world, 0);
  own.reach = () => Promise.reject(new StateLostError('gone'));
  world.onLoss((worker) => sharding.lost(worker));
  await members[1].connection.breaks();
  await settled();
  expect(changes().filter((change) => change.endsWith('lost'))).toEqual(['b lost', 'a lost', 'c lost']);
  sharding.close();
});
