/** One step over the world, on events and a clock that is moved by hand. */
import { describe, expect, it } from 'vitest';
import { PeerLostError } from '../../coordinator/world/roster.js';
import type { RoundResult } from '../../coordinator/world/round.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { begin, FakeRoster, FakeWorker, settled } from '../support/rosters.js';

/** Who holds which shards by the last plan that a worker was sent. */
function holdings({ exchanging }: FakeWorker): Record<number, string> {
  const plan = exchanging.at(-1)!.question;
  const text = (nodes: AllReducePlan['members'][number]['nodes']) =>
    nodes.map(({ low, high }) => `${low}-${high - 1}`).join(' ');
  return Object.fromEntries(plan.members.map(({ id, nodes }) => [id, text(nodes)]));
}

/** Confirms the exchange that everybody is at. */
async function reduceAll({ self, remotes }: FakeRoster): Promise<void> {
  for (const worker of [self, ...remotes]) await worker.reduces();
}

/** What a round comes to, whatever happened in it. */
function expectWhole({ losses, squares, used }: RoundResult, shards = 8): void {
  expect([...losses]).toEqual(Array.from({ length: shards }, (_, i) => i + 1));
  expect(squares).toBe(9);
  const rows = used.flatMap((each) => [...each.rows]).sort((a, b) => a - b);
  expect(rows).toEqual(Array.from({ length: 10 * shards }, (_, i) => i));
}

const finished = async (result: Promise<unknown>) => {
  let done = false;
  void result.finally(() => {
    done = true;
  });
  await settled();
  return done;
};

describe('a round', () => {
  it('shares the shards out, exchanges, and ends when everybody who holds sums holds the total', async () => {
    const roster = new FakeRoster(2, 2);
    const { result } = await begin(roster);
    const [a, b] = roster.remotes;
    expect([roster.self, a, b].map(({ shards }) => shards)).toEqual([['0-3'], ['4-5'], ['6-7']]);
    for (const worker of [b, roster.self]) await worker.computes();
    expect(roster.self.exchanging).toEqual([]);
    await a.computes();
    expect(holdings(b)).toEqual({ 0: '0-3', 1: '4-5', 2: '6-7' });
    await roster.self.reduces();
    await a.reduces();
    expect(await finished(result)).toBe(false);
    await b.reduces();
    const done = await result;
    expectWhole(done);
    expect(done).toMatchObject({ algorithm: 'star', attempts: 1, contributors: 3, members: 3 });
    expect(roster.learned).toEqual([b, roster.self, a]);
  });

  it('gives no shards to some where there are fewer shards than workers, and does not wait for those', async () => {
    const roster = new FakeRoster(0, 3);
    const { result } = await begin(roster, {}, 2);
    const [a, b, idle] = roster.remotes;
    expect(roster.remotes.map(({ shards }) => shards)).toEqual([['0-0'], ['1-1'], []]);
    await a.computes();
    await b.computes();
    expect(holdings(idle)).toEqual({ 0: '', 1: '0-0', 2: '1-1', 3: '' });
    await a.reduces();
    await b.reduces();
    // The coordinator computes nothing, but cannot go on without the total.
    expect(await finished(result)).toBe(false);
    await roster.self.reduces();
    expectWhole(await result, 2);
  });

  it('waits for workers before it begins', async () => {
    const roster = new FakeRoster(0, 0);
    const { result } = await begin(roster);
    expect(roster.waits).toBe(1);
    const worker = new FakeWorker(1, 1);
    await roster.gains(worker);
    await worker.computes();
    await reduceAll(roster);
    expectWhole(await result);
  });

  it("ends with the error of the coordinator's own computation", async () => {
    const roster = new FakeRoster(1, 1);
    const { result } = await begin(roster);
    await roster.self.computing[0].fail(new Error('out of memory'));
    await expect(result).rejects.toThrow('out of memory');
  });

  it("ends with the error of the coordinator's own exchange", async () => {
    const roster = new FakeRoster(1, 1);
    const { result } = await begin(roster);
    for (const worker of roster.present()) await worker.computes();
    await roster.self.exchanging[0].fail(new Error('no memory'));
    await expect(result).rejects.toThrow('no memory');
  });
});

describe('a worker that is lost', () => {
  it('while it computes has its shards computed by who is least busy', async () => {
    const roster = new FakeRoster(1, 3);
    const { result } = await begin(roster);
    const [a, b, c] = roster.remotes;
    await c.computes();
    await roster.loses(a);
    // c is done and idle, and still a worker at a time gets one node.
    expect(c.shards).toEqual(['6-7', '2-3']);
    await c.computes();
    await roster.self.computes();
    await b.computes();
    expect(holdings(b)).toEqual({ 0: '0-1', 2: '4-5', 3: '2-3 6-7' });
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('while all others still compute has its shards computed by them afterwards', async () => {
    const roster = new FakeRoster(0, 2);
    const { result } = await begin(roster);
    const [a, b] = roster.remotes;
    // Who computes is not able to take more, as the world sees it.
    roster.busy.add(a).add(b);
    await roster.loses(a);
    expect(b.shards).toEqual(['4-7', '0-3']);
    expect(roster.waits).toBe(0);
    await b.computes(0);
    await b.computes(1);
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('after it has computed is done without, too: its sums are gone', async () => {
    const roster = new FakeRoster(1, 1);
    const { result } = await begin(roster);
    const [a] = roster.remotes;
    await a.computes();
    await roster.loses(a);
    expect(roster.self.shards).toEqual(['0-3', '4-7']);
    await roster.self.computes(0);
    await roster.self.computes(1);
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('during the exchange makes for another attempt, and what comes of the first is ignored', async () => {
    const roster = new FakeRoster(1, 2);
    const { result } = await begin(roster);
    const [a, b] = roster.remotes;
    for (const worker of roster.present()) await worker.computes();
    await roster.self.reduces(5);
    await roster.loses(a);
    expect(roster.self.shards.length + b.shards.length).toBeGreaterThan(2);
    for (const worker of roster.present()) await worker.computes();
    expect(b.exchanging.map(({ question }) => question.attempt)).toEqual([0, 1]);
    await roster.self.reduces();
    // Confirms the attempt that was given up, and must not end the other with it.
    await b.reduces(5, 0);
    expect(await finished(result)).toBe(false);
    await b.reduces();
    const done = await result;
    expectWhole(done);
    expect(done.attempts).toBe(2);
  });

  it('without sums of its own does not disturb the exchange', async () => {
    const roster = new FakeRoster(1, 1);
    const { result } = await begin(roster, {}, 1);
    const [a] = roster.remotes;
    await roster.self.computes();
    await roster.loses(a);
    await roster.self.reduces();
    const done = await result;
    expectWhole(done, 1);
    expect(done.attempts).toBe(1);
  });

  it('may be the second one of a step, and the one who took over from the first', async () => {
    const roster = new FakeRoster(0, 3);
    const { result } = await begin(roster);
    const [a, b, c] = roster.remotes;
    await b.computes();
    await roster.loses(a);
    expect(b.shards).toEqual(['3-3 4-5', '0-1', '2-2']);
    await b.computes();
    await roster.loses(b);
    while (c.computing.length > 0 && !c.exchanging.length) {
      for (let i = 0; i < c.computing.length; i++) await c.computes(i);
    }
    expect(holdings(c)[3].split(' ')).toHaveLength(5);
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('may be the last one: the round waits for another', async () => {
    const roster = new FakeRoster(0, 1);
    const { result } = await begin(roster);
    await roster.loses(roster.remotes[0]);
    expect(roster.waits).toBe(1);
    const other = new FakeWorker(2, 1);
    await roster.gains(other);
    expect(other.shards).toEqual(['0-7']);
    await other.computes();
    await reduceAll(roster);
    expectWhole(await result);
  });
});

describe('a straggler', () => {
  async function late() {
    const roster = new FakeRoster(1, 1);
    roster.patience = 100;
    const round = await begin(roster);
    const [slow] = roster.remotes;
    await roster.self.computes();
    await round.clock.pass(399);
    expect(roster.self.shards).toEqual(['0-3']);
    await round.clock.pass(1);
    expect(roster.self.shards).toEqual(['0-3', '4-7']);
    return { roster, slow, ...round };
  }

  it('has its shards computed twice, and the first answer counts', async () => {
    const { roster, slow, result } = await late();
    await roster.self.computes();
    expect(holdings(slow)).toEqual({ 0: '0-3 4-7', 1: '' });
    // It is not waited for, and its late answer changes nothing but what is known of its speed.
    await roster.self.reduces();
    const done = await result;
    expectWhole(done);
    expect(done.contributors).toBe(1);
    await slow.computes();
    expect(roster.learned).toEqual([roster.self, roster.self, slow]);
  });

  it('may be first after all', async () => {
    const { roster, slow, result } = await late();
    await slow.computes();
    expect(holdings(slow)).toEqual({ 0: '0-3', 1: '4-7' });
    // The other one answers in the middle of the exchange.
    await roster.self.computes();
    await slow.reduces();
    await roster.self.reduces();
    expectWhole(await result);
    expect(roster.self.exchanging).toHaveLength(1);
  });

  it('is waited for where nobody is idle, and helped as soon as somebody is', async () => {
    const roster = new FakeRoster(1, 1);
    roster.patience = 100;
    const { clock, result } = await begin(roster);
    await clock.pass(1000);
    expect(roster.self.shards).toEqual(['0-3']);
    await roster.self.computes();
    await clock.pass(0);
    expect(roster.self.shards).toEqual(['0-3', '4-7']);
    await roster.self.computes();
    await roster.self.reduces();
    expectWhole(await result);
  });

  it('whose helper is lost is helped by another', async () => {
    const roster = new FakeRoster(0, 3);
    roster.patience = 100;
    const { clock, result } = await begin(roster);
    const [slow, b, c] = roster.remotes;
    await b.computes();
    await c.computes();
    await clock.pass(400);
    expect(b.shards.at(-1)).toBe(slow.shards[0]);
    await roster.loses(b);
    // First what only the lost one had.
    for (let i = 0; i < c.computing.length; i++) await c.computes(i);
    await clock.pass(0);
    expect(c.shards.at(-1)).toBe(slow.shards[0]);
    await c.computes();
    expect(holdings(c)[slow.id]).toBe('');
    await roster.self.reduces();
    await c.reduces();
    expectWhole(await result);
  });
});

describe('an exchange', () => {
  /** Everybody has computed, and is at the first exchange. */
  async function exchanging(algorithm: 'auto' | 'star' | 'butterfly', bytes = 4e6) {
    const roster = new FakeRoster(0, 3);
    const round = await begin(roster, { algorithm, bytes });
    for (const worker of roster.remotes) await worker.computes();
    return { roster, ...round };
  }
  const used = ({ self }: FakeRoster) => self.exchanging.map(({ question }) => question.algorithm);

  it('is a butterfly where that pays and all are linked', async () => {
    expect(used((await exchanging('auto')).roster)).toEqual(['butterfly']);
    expect(used((await exchanging('auto', 1000)).roster)).toEqual(['star']);
    expect(used((await exchanging('butterfly', 1000)).roster)).toEqual(['butterfly']);
    const roster = new FakeRoster(0, 2);
    roster.areLinked = false;
    await begin(roster, { algorithm: 'butterfly' });
    for (const worker of roster.remotes) await worker.computes();
    expect(used(roster)).toEqual(['star']);
  });

  it('goes through the coordinator when a link between workers breaks', async () => {
    const { roster, result } = await exchanging('butterfly');
    await roster.remotes[1].exchanging[0].fail(new PeerLostError('worker 2 has lost worker 1'));
    expect(used(roster)).toEqual(['butterfly', 'star']);
    expect(roster.dropped).toEqual([]);
    await reduceAll(roster);
    const done = await result;
    expectWhole(done);
    expect(done).toMatchObject({ algorithm: 'star', attempts: 2 });
  });

  it('goes through the coordinator when it makes no progress, and only then drops who owes something', async () => {
    const { roster, clock, result } = await exchanging('butterfly');
    roster.owed = [{ id: 2, bytes: 65536 }];
    // Silence, and the time that 4 MB for each of four members take on the slowest line.
    await clock.pass(1000 + 16_000 - 1);
    expect(used(roster)).toEqual(['butterfly']);
    await clock.pass(1);
    expect(used(roster)).toEqual(['butterfly', 'star']);
    const [a, b, c] = roster.remotes;
    await a.reduces();
    await clock.pass(17_000);
    expect(roster.dropped).toEqual([{ worker: b, reason: 'it owes 65,536 bytes' }]);
    for (const worker of [a, c]) for (let i = 0; i < worker.computing.length; i++) await worker.computes(i);
    expect(used(roster)).toEqual(['butterfly', 'star', 'star']);
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('waits for a line that is slow, as long as something comes', async () => {
    const { roster, clock, result } = await exchanging('star');
    roster.owed = [{ id: 2, bytes: 65536 }];
    for (const bytes of [1, 2, 3]) {
      roster.allReduce.bytesReceived = bytes;
      await clock.pass(17_000);
    }
    expect(used(roster)).toEqual(['star']);
    await reduceAll(roster);
    expectWhole(await result);
    expect(roster.dropped).toEqual([]);
  });

  it('drops who does not confirm the total', async () => {
    const { roster, clock, result } = await exchanging('star');
    const [a, b, c] = roster.remotes;
    for (const worker of [roster.self, a, b]) await worker.reduces();
    await clock.pass(17_000);
    expect(roster.dropped).toEqual([{ worker: c, reason: 'it does not confirm the total' }]);
    for (const worker of [a, b]) for (let i = 0; i < worker.computing.length; i++) await worker.computes(i);
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('drops who comes to another total than the coordinator', async () => {
    const { roster, result } = await exchanging('star');
    const [a, b, c] = roster.remotes;
    for (const worker of [roster.self, a, c]) await worker.reduces();
    await b.reduces(9.000000000000002);
    expect(roster.dropped.map(({ worker }) => worker)).toEqual([b]);
    expect(roster.dropped[0].reason).toContain('9.000000000000002');
    for (const worker of [a, c]) for (let i = 0; i < worker.computing.length; i++) await worker.computes(i);
    await reduceAll(roster);
    const done = await result;
    expectWhole(done);
    expect(done).toMatchObject({ attempts: 2, contributors: 2 });
  });

  it('agrees on a total that is not a number: the run diverges, and nobody is to blame', async () => {
    const { roster, result } = await exchanging('star');
    for (const worker of [roster.self, ...roster.remotes]) await worker.reduces(Number.NaN);
    expect((await result).squares).toBeNaN();
    expect(roster.dropped).toEqual([]);
  });
});

describe('a coordinator that does not keep up with the parameters', () => {
  /** Workers hold all sums, and are asked to exchange them. */
  async function exchanging(remotes: number, options: Parameters<typeof begin>[1] = {}) {
    const roster = new FakeRoster(0, remotes);
    roster.selfKeepsUp = false;
    const round = await begin(roster, { algorithm: 'butterfly', ...options });
    for (const worker of roster.remotes) await worker.computes();
    return { roster, ...round };
  }

  it('leaves a butterfly to those who have sums', async () => {
    const { roster, result } = await exchanging(2);
    expect(holdings(roster.remotes[0])).toEqual({ 1: '0-3', 2: '4-7' });
    expect(roster.self.exchanging).toEqual([]);
    for (const worker of roster.remotes) await worker.reduces();
    const done = await result;
    expectWhole(done);
    expect(done).toMatchObject({ algorithm: 'butterfly', attempts: 1, contributors: 2, members: 2 });
  });

  it('leaves a worker that has all sums alone', async () => {
    const { roster, result } = await exchanging(1, { algorithm: 'star' });
    expect(holdings(roster.remotes[0])).toEqual({ 1: '0-7' });
    await roster.remotes[0].reduces();
    expectWhole(await result);
  });

  it('passes the total on to who has no sums', async () => {
    const roster = new FakeRoster(0, 2);
    roster.selfKeepsUp = false;
    const { result } = await begin(roster, { algorithm: 'butterfly' });
    await roster.gains(new FakeWorker(3, 1));
    for (const worker of roster.remotes.slice(0, 2)) await worker.computes();
    expect(holdings(roster.remotes[0])).toEqual({ 0: '', 1: '0-3', 2: '4-7', 3: '' });
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('adds up in a star', async () => {
    const { roster, result } = await exchanging(2, { algorithm: 'star' });
    expect(holdings(roster.remotes[0])).toEqual({ 0: '', 1: '0-3', 2: '4-7' });
    await reduceAll(roster);
    expectWhole(await result);
  });

  it('adds up itself when workers come to different totals, and drops who told another', async () => {
    const { roster, result } = await exchanging(3);
    const [a, b, liar] = roster.remotes;
    await liar.reduces(8);
    await a.reduces();
    await b.reduces();
    expect(roster.dropped).toEqual([]);
    expect(holdings(a)[0]).toBe('');
    expect(a.exchanging.at(-1)!.question).toMatchObject({ algorithm: 'star', attempt: 1 });
    await roster.self.reduces();
    await a.reduces();
    await b.reduces();
    await liar.reduces(8);
    expect(roster.dropped.map(({ worker }) => worker)).toEqual([liar]);
    expect(roster.dropped[0].reason).toMatch(/squared norm 8, the coordinator's 9/);
    await roster.loses(liar);
    await a.computes();
    await reduceAll(roster);
    expectWhole(await result);
  });
});
