/** The exchange of a step's sums over the world, on events and a clock that is moved by hand. */
import { describe, expect, it } from 'vitest';
import { PeerLostError } from '../../coordinator/world/roster.js';
import { begin, FakeRoster, FakeWorker } from '../support/rosters.js';
import { expectWhole, holdings, reduceAll } from '../support/rounds.js';

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

  it('goes host by host, as far as workers of a host have links to each other', async () => {
    const hostsIn = async (hosts: readonly string[], areLinked: boolean, algorithm: 'star' | 'butterfly' = 'star') => {
      const roster = new FakeRoster(0, 4);
      roster.areLinked = areLinked;
      for (const [id, host] of hosts.entries()) roster.hosts.set(id, host);
      const round = await begin(roster, { algorithm });
      for (const worker of roster.remotes) await worker.computes();
      return { roster, ...round, hosts: roster.self.exchanging[0].question.members.map(({ host }) => host) };
    };
    expect((await hostsIn(['a', 'b', 'c', 'b', 'c'], true)).hosts).toEqual([0, 1, 2, 1, 2]);
    expect((await hostsIn(['a', 'b', 'a', 'b', 'a'], true, 'butterfly')).hosts).toEqual([0, 1, 0, 1, 0]);
    expect((await hostsIn(['a', 'b', 'a', 'b', 'a'], false)).hosts).toEqual([0, 1, 0, 3, 0]);
  });

  it('goes through the coordinator alone when a link within a host breaks, or nothing moves', async () => {
    const roster = new FakeRoster(0, 3);
    for (const id of [1, 2, 3]) roster.hosts.set(id, 'another');
    const { result } = await begin(roster, { algorithm: 'star' });
    for (const worker of roster.remotes) await worker.computes();
    const hosts = () => roster.self.exchanging.map(({ question }) => question.members.map(({ host }) => host));
    expect(hosts()).toEqual([[0, 1, 1, 1]]);
    await roster.remotes[1].exchanging[0].fail(new PeerLostError('worker 2 has lost worker 1'));
    expect(hosts().slice(1)).toEqual([[0, 1, 2, 3]]);
    await reduceAll(roster);
    expectWhole(await result);

    const silent = await begin(roster, { algorithm: 'star' });
    for (const worker of roster.remotes) await worker.computes();
    roster.owed = [{ id: 1, bytes: 65536 }];
    await silent.clock.pass(17_000);
    // Whoever owes something to the coordinator may wait for another worker.
    expect(roster.dropped).toEqual([]);
    expect(hosts().slice(2)).toEqual([
      [0, 1, 1, 1],
      [0, 1, 2, 3],
    ]);
    expect(roster.areLinked).toBe(false);
    await reduceAll(roster);
    expectWhole(await silent.result);
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

describe('a sum by MPI', () => {
  /** A coordinator without threads, and workers that hold all sums. */
  async function exchanging(isWholeJob: boolean) {
    const roster = new FakeRoster(0, 2);
    roster.selfKeepsUp = false;
    const round = await begin(roster, { algorithm: 'mpi', isWholeJob: () => isWholeJob });
    for (const worker of roster.remotes) await worker.computes();
    return { roster, ...round };
  }

  it('is asked of all processes of the job, those without sums as well', async () => {
    const { roster, result } = await exchanging(true);
    const [plan] = roster.self.exchanging;
    expect(plan.question).toMatchObject({ algorithm: 'mpi', attempt: 0, precision: 'float32' });
    expect(holdings(roster.remotes[0])).toEqual({ 0: '', 1: '0-3', 2: '4-7' });
    await reduceAll(roster);
    const done = await result;
    expectWhole(done);
    expect(done).toMatchObject({ algorithm: 'mpi', attempts: 1, members: 3 });
  });

  it('is none where somebody is not of the job, or not there', async () => {
    const { roster, result } = await exchanging(false);
    expect(roster.remotes[0].exchanging[0].question.algorithm).toBe('butterfly');
    for (const worker of roster.remotes) await worker.reduces();
    expectWhole(await result);
  });

  it('ends the run where one of them is lost or silent, as nothing else can end it', async () => {
    const lost = await exchanging(true);
    await lost.roster.loses(lost.roster.remotes[1]);
    await expect(lost.result).rejects.toThrow('the sum of step 4 by MPI cannot end: worker 2 is lost');
    const silent = await exchanging(true);
    await silent.roster.self.reduces();
    await silent.roster.remotes[0].reduces();
    await silent.clock.pass(1000 + 12_000);
    await expect(silent.result).rejects.toThrow('the sum of step 4 by MPI cannot end: worker 2 did not end it');
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
