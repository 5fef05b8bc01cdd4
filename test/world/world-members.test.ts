/** Who is in the world: admitted, lost, back again, left behind, asked to leave. On connections that lead nowhere. */
import { describe, expect, it } from 'vitest';
import type { OwnState } from '../../coordinator/world/own-state.js';
import type { RemoteWorker } from '../../coordinator/world/remote.js';
import type { World } from '../../coordinator/world/world.js';
import { WireError } from '../../src/errors.js';
import { StoppedError } from '../../src/pool/control.js';
import { applied, commit, hasEnded, newWorld } from '../support/members.js';
import { samples } from '../support/messages.js';
import { settled } from '../support/rosters.js';

const over = { reason: 'the run is over', outcome: 'over' } as const;

describe('a worker that joins', () => {
  it('takes part once it is prepared and has the parameters of a whole step', async () => {
    const { world, own, synced, join, changes } = newWorld();
    const { worker, connection } = join('a');
    let updated!: () => void;
    own.updated = new Promise((resolve) => (updated = resolve));
    commit(world, 6);
    const enough = world.enough();
    expect(await hasEnded(enough)).toBe(false);
    await connection.says({ kind: 'ready' });
    // The coordinator's own parameters are in the middle of an update.
    expect(synced).toEqual([]);
    updated();
    await settled();
    expect(synced).toEqual([{ name: 'a', round: 6 }]);
    expect(world.able()).toEqual([]);
    expect(world.followers()).toEqual([worker]);
    await connection.says(applied(6));
    await enough;
    expect(world.able()).toEqual([worker]);
    expect(changes()).toEqual(['a joined', 'a active']);
    expect(connection.sent.at(-1)).toEqual({ kind: 'world', members: [{ id: 1, peer: samples.hello.peer }] });
  });

  it('waits for the next step where a step is under way', async () => {
    const { world, synced, member, join } = newWorld();
    await member('a');
    const { worker, connection } = join('b');
    await settled();
    await connection.says({ kind: 'ready' });
    expect([worker.standing.state, synced.length]).toEqual(['ready', 1]);
    await world.enough();
    expect([worker.standing.state, synced.length]).toEqual(['syncing', 2]);
  });

  it('has a name and a number of its own', async () => {
    const { join } = newWorld();
    const workers = [join('rack', 's1'), join('rack', 's2'), join('rack', 's3'), join('other')];
    expect(workers.map(({ worker }) => [worker.id, worker.name])).toEqual([
      [1, 'rack'],
      [2, 'rack-2'],
      [3, 'rack-3'],
      [4, 'other'],
    ]);
  });

  it('is dropped when it cannot be prepared', async () => {
    const prepare = async (): Promise<void> => {
      throw new WireError('it has no copy of the data', 'use another placement');
    };
    const { world, join, events } = newWorld({}, prepare);
    const { connection } = join('a');
    await settled();
    expect(world.workers).toEqual([]);
    expect(connection.ended).toBe('refused');
    expect(events.at(-1)).toMatchObject({ change: 'lost', reason: 'while joining: it has no copy of the data' });
  });
});

describe('the first workers', () => {
  it('are waited for no longer than was said, and lost ones for ever', async () => {
    const missed = (names: readonly string[]) => new WireError(`there are ${names.join()}`, 'wait longer');
    const arrival = { seconds: 0.02, missed };
    const { world, member } = newWorld({ workers: { first: 2, later: 2, arrival } });
    await member('a');
    await expect(world.enough()).rejects.toThrow('there are a');
    const b = await member('b');
    await world.enough();
    world.lose(b.worker, 'it is gone');
    const later = world.enough();
    later.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await hasEnded(later)).toBe(false);
  });
});

describe('a worker that comes while the run ends', () => {
  it('is told so, and does not come again', async () => {
    const { world, admission, arrive, events } = newWorld();
    admission.end(over);
    const connection = arrive('late', { numerics: 'other bits' });
    expect(connection.sent.slice(1)).toEqual([{ kind: 'bye', ...over }]);
    expect([connection.kinds[0], connection.ended]).toEqual(['welcome', 'closed']);
    expect([world.workers, events]).toEqual([[], []]);
  });
});

describe('a worker that is lost', () => {
  it('fails what it was asked for, and is told of', async () => {
    const { world, member, events } = newWorld();
    const { worker, connection } = await member('a');
    const lost: unknown[] = [];
    world.onLoss((one) => lost.push(one));
    const computing = worker.compute({
      round: 0,
      epoch: 0,
      step: 0,
      bucket: 0,
      local: [],
      nodes: [{ low: 0, high: 4 }],
      rows: [],
    });
    const failing = expect(computing).rejects.toThrow('connection lost');
    await connection.breaks();
    await failing;
    expect(lost).toEqual([worker]);
    expect(events.at(-1)).toMatchObject({
      event: 'worker',
      change: 'lost',
      reason: 'while computing shards 0-3 of step 1: connection lost',
    });
    await expect(
      worker.compute({ round: 0, epoch: 0, step: 0, bucket: 0, local: [], nodes: [], rows: [] }),
    ).rejects.toThrow('a is lost');
  });

  it('has its number and name again when it comes back in time', async () => {
    const { world, clock, member, join, changes } = newWorld();
    const { connection } = await member('rack', 's1');
    await connection.breaks();
    expect(join('rack', 's2').worker.name).toBe('rack-2');
    await clock.pass(59_000);
    const { worker } = join('rack', 's1');
    expect([worker.id, worker.name]).toEqual([1, 'rack']);
    expect(changes()).toContain('rack returned');
    expect(world.totals.summary().find(({ name }) => name === 'rack')).toMatchObject({ timesLost: 1 });
  });

  it('is a new one when it comes back too late', async () => {
    const { clock, member, join } = newWorld();
    const { connection } = await member('rack', 's1');
    await connection.breaks();
    await clock.pass(60_001);
    const { worker } = join('rack', 's1');
    expect([worker.id, worker.name]).toEqual([2, 'rack']);
  });

  it('may be back before anybody has noticed', async () => {
    const { world, member, join, changes } = newWorld();
    const before = await member('a');
    const { worker } = join('a');
    expect(before.connection.ended).toBe('refused');
    expect(world.workers).toEqual([worker]);
    expect(worker.id).toBe(before.worker.id);
    expect(changes()).toEqual(['a joined', 'a active', 'a lost', 'a returned']);
  });
});

describe('a run with too few workers', () => {
  it('pauses with a line that says so, and goes on when they are back', async () => {
    const { world, member, join, events } = newWorld({ workers: { first: 2, later: 2 } });
    await member('a');
    const { connection } = await member('b');
    await world.enough();
    commit(world, 0);
    await connection.breaks();
    const enough = world.enough();
    expect(await hasEnded(enough)).toBe(false);
    expect(events.at(-1)).toEqual({ event: 'waiting', step: 1, present: 1, minimum: 2, away: ['b'] });
    const { connection: back } = join('b');
    await settled();
    await back.says({ kind: 'ready' });
    await back.says(applied(0));
    await enough;
  });

  it('says how many are here whenever one more is', async () => {
    const { world, join, events } = newWorld({ workers: { first: 2, later: 1 } });
    const enough = world.enough();
    for (const name of ['a', 'b']) {
      expect(await hasEnded(enough)).toBe(false);
      const { connection } = join(name);
      await settled();
      await connection.says({ kind: 'ready' });
      await settled();
      await connection.says(applied(-1));
    }
    await enough;
    const told = events.flatMap((event) => (event.event === 'waiting' ? [[event.present, event.minimum]] : []));
    expect(told).toEqual([
      [0, 2],
      [1, 2],
    ]);
  });

  it.each(['stop', 'signal'])('stops waiting at a %s', async (how) => {
    const abort = new AbortController();
    const { world } = newWorld({ signal: abort.signal });
    const enough = world.enough();
    enough.catch(() => {});
    await settled();
    if (how === 'stop') world.quorum.stop();
    else abort.abort();
    await expect(enough).rejects.toThrow(StoppedError);
  });

  it('goes on when a worker that was busy with an earlier step is done with it', async () => {
    const { world, member } = newWorld();
    const { worker, connection } = await member('a');
    const late = worker.compute({
      round: 0,
      epoch: 0,
      step: 0,
      bucket: 0,
      local: [],
      nodes: [{ low: 0, high: 1 }],
      rows: [],
    });
    const enough = world.enough();
    expect(await hasEnded(enough)).toBe(false);
    const nodes = [{ low: 0, high: 1 }];
    await connection.says({
      kind: 'computed',
      round: 0,
      nodes,
      losses: [1],
      divisors: [1],
      phases: {},
      milliseconds: 1,
      used: [],
    });
    await enough;
    await late;
  });
});

describe('a worker that is asked to leave', () => {
  it('leaves after the step that it takes part in', async () => {
    const { world, member, changes } = newWorld();
    const { worker, connection } = await member('a');
    await member('b');
    await connection.says({ kind: 'drain' });
    expect(world.able()).not.toContain(worker);
    // What it holds of this step still counts.
    expect(world.followers()).toContain(worker);
    expect(connection.ended).toBe(undefined);
    await world.enough();
    expect(connection.kinds.at(-1)).toBe('bye');
    expect(connection.ended).toBe('closed');
    expect(changes().at(-1)).toBe('a left');
    expect(world.totals.summary()).toMatchObject([{}, { name: 'a', timesLost: 0 }, { name: 'b' }]);
  });

  it('leaves at once while it gets what it needs, even if it is ready then', async () => {
    const { world, join, changes } = newWorld();
    const { connection } = join('a');
    await connection.says({ kind: 'drain' }, { kind: 'ready' });
    expect(connection.kinds).toEqual(['bye']);
    expect(connection.ended).toBe('closed');
    expect(world.workers).toEqual([]);
    expect(changes()).toEqual(['a joined', 'a left']);
  });

  it('leaves at once where the run waits for others', async () => {
    const { world, member, changes } = newWorld({ workers: { first: 2, later: 2 } });
    const { connection } = await member('a');
    void world.enough().catch(() => {});
    await connection.says({ kind: 'drain' });
    expect(connection.ended).toBe('closed');
    expect(changes().at(-1)).toBe('a left');
  });

  it('hears goodbye when the run is over', async () => {
    const { world, member, join } = newWorld();
    const [a, b] = [await member('a'), join('b')];
    await world.close(over);
    for (const { connection } of [a, b]) {
      expect(connection.sent.at(-1)).toEqual({ kind: 'bye', ...over });
      expect(connection.ended).toBe('closed');
    }
  });
});

describe('a worker that cannot keep up', () => {
  /** Rounds go by that it does not confirm. */
  async function behind(rounds: number) {
    const made = newWorld();
    const slow = await made.member('slow');
    const fast = await made.member('fast');
    for (let round = 0; round < rounds; round++) {
      commit(made.world, round);
      await fast.connection.says(applied(round));
    }
    await made.world.enough();
    return { ...made, slow, fast };
  }
  const states = ({ workers }: World) => workers.map(({ standing }) => standing.state);

  it('is not asked to compute, but follows', async () => {
    const { world, slow } = await behind(3);
    expect(states(world)).toEqual(['active', 'active']);
    expect(world.able()).not.toContain(slow.worker);
    expect(world.followers()).toContain(slow.worker);
    // It may be one step behind: what it is sent next waits for that.
    await slow.connection.says(applied(1));
    expect(world.able()).toContain(slow.worker);
  });

  it('is left behind, and gets the parameters anew when it has done what it had', async () => {
    const { world, slow, synced, changes } = await behind(20);
    expect(states(world)).toEqual(['detached', 'active']);
    expect(changes().at(-1)).toBe('slow detached');
    commit(world, 20);
    expect(slow.connection.kinds.filter((kind) => kind === 'commit')).toHaveLength(20);
    await slow.connection.says(applied(19));
    await world.enough();
    expect(synced.at(-1)).toEqual({ name: 'slow', round: 20 });
    expect(states(world)).toEqual(['syncing', 'active']);
    await slow.connection.says(applied(20));
    expect(states(world)).toEqual(['active', 'active']);
  });

  it('is left behind when too much waits to be sent to it', async () => {
    const { world, slow } = await behind(1);
    slow.connection.buffered = 65e6;
    await world.enough();
    expect(states(world)).toEqual(['detached', 'active']);
  });
});

it('sends everybody the parameters anew when they are replaced', async () => {
  const { world, member, synced } = newWorld();
  const { connection } = await member('a');
  world.resync();
  expect(world.able()).toEqual([]);
  const enough = world.enough();
  await settled();
  expect(synced).toHaveLength(2);
  await connection.says(applied(-1));
  await enough;
});

describe('a coordinator that has no parameters of its own', () => {
  /** Notes when it was to have them, and who could have sent them. */
  function fetching() {
    const reached: string[] = [];
    const reach: OwnState['reach'] = async (round, holders) => {
      reached.push(`${round} from ${(holders as readonly RemoteWorker[]).map(({ name }) => name)}`);
      return true;
    };
    return { reached, ...newWorld({ own: { keepsUp: false, reach } }) };
  }

  it('fetches them for a worker that joins, from those that have the last step', async () => {
    const { world, reached, synced, member, join } = fetching();
    const { connection: a } = await member('a');
    commit(world, 4);
    await a.says(applied(4));
    reached.length = 0;
    const { connection } = join('b');
    await settled();
    await connection.says({ kind: 'ready' });
    await world.enough();
    expect(reached).toEqual(['4 from a']);
    expect(synced.at(-1)).toEqual({ name: 'b', round: 4 });
  });

  it('fetches them from a worker that leaves before it lets it go', async () => {
    const { world, reached, member } = fetching();
    const { connection } = await member('a');
    commit(world, 4);
    await connection.says({ kind: 'drain' });
    reached.length = 0;
    void world.enough().catch(() => {});
    await settled();
    expect(reached).toEqual(['4 from a']);
    expect(connection.kinds.at(-1)).toBe('bye');
  });

  it('has nobody to ask when all who had them are gone', async () => {
    const { world, reached, member } = fetching();
    const { connection } = await member('a');
    commit(world, 4);
    await connection.breaks();
    reached.length = 0;
    await world.reach();
    expect(reached).toEqual(['4 from ']);
  });
});

describe('a worker that is asked for its parameters', () => {
  const bytes = 40;
  /** Is asked for those of round 4. */
  async function asked() {
    const { connection, worker } = await newWorld().member('a');
    const state = { parameters: new Float32Array(6), slots: [new Float32Array(4)] };
    const answer = worker.fetch(4, state);
    answer.catch(() => {});
    expect(connection.sent.at(-1)).toEqual({ kind: 'fetch', round: 4 });
    return { connection, worker, state, answer };
  }
  const transfer = { kind: 'transfer', transfer: 1, what: 'state', bytes, sha256: '', round: 4 } as const;
  const numbers = new Uint8Array(Float32Array.from({ length: 10 }, (_, i) => i).buffer);

  it('sends them in chunks', async () => {
    const { connection, state, answer } = await asked();
    await connection.says(transfer);
    connection.sends({ transfer: 1, offset: 0, payload: numbers.subarray(0, 28) });
    expect(await hasEnded(answer)).toBe(false);
    connection.sends({ transfer: 1, offset: 28, payload: numbers.subarray(28) });
    await answer;
    expect(state).toEqual({ parameters: Float32Array.of(0, 1, 2, 3, 4, 5), slots: [Float32Array.of(6, 7, 8, 9)] });
  });

  it.each([
    ['those of another round', { ...transfer, round: 3 }, /state of round 3 was not asked for/],
    ['something else', { ...transfer, what: 'rows' as const }, /rows of round 4 was not asked for/],
    ['too many', { ...transfer, bytes: 44 }, /44 bytes, and this model has 40/],
  ])('must not send %s', async (_, wrong, problem) => {
    const { connection } = await asked();
    await expect(connection.says(wrong)).rejects.toThrow(problem);
  });

  it('must not send them before it says so, nor twice', async () => {
    const { connection, answer } = await asked();
    expect(() => connection.sends({ transfer: 1, offset: 0, payload: numbers })).toThrow(/a chunk of no transfer/);
    await connection.says(transfer);
    connection.sends({ transfer: 1, offset: 0, payload: numbers });
    await answer;
    await expect(connection.says({ ...transfer, transfer: 2 })).rejects.toThrow(/transfer: it was not asked for/);
  });

  it('that is lost meanwhile leaves the question open', async () => {
    const { connection, answer } = await asked();
    await connection.says(transfer);
    await connection.breaks();
    await expect(answer).rejects.toThrow(WireError);
  });
});
