/** One step over the world, on events and a clock that is moved by hand: who computes what, whoever is lost or late. */
import { describe, expect, it } from 'vitest';
import { begin, FakeRoster, FakeWorker, settled } from '../support/rosters.js';
import { expectWhole, holdings, reduceAll } from '../support/rounds.js';

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
