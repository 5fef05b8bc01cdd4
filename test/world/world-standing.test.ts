/** Where a worker stands: every state against everything that can happen to a worker. */
import { describe, expect, it } from 'vitest';
import { Standing } from '../../coordinator/world/standing.js';
import { WireError } from '../../src/errors.js';
import { longestLag } from '../../src/pool/world-member.js';

type State = Standing['state'];

/** How a worker comes into each state; the parameters are those of round 4 where it has been sent any. */
const ways: Readonly<Record<State, (standing: Standing) => void>> = {
  joining: () => {},
  ready(standing) {
    standing.provided();
    standing.ready();
  },
  syncing(standing) {
    ways.ready(standing);
    standing.sync(4);
  },
  active(standing) {
    ways.syncing(standing);
    standing.apply(4);
  },
  detached(standing) {
    ways.active(standing);
    standing.detach(1000);
  },
  draining(standing) {
    ways.active(standing);
    standing.drain();
  },
  lost: (standing) => standing.lose(),
};
const states = Object.keys(ways) as State[];

function standingAt(state: State): Standing {
  const standing = new Standing(false);
  ways[state](standing);
  return standing;
}

/** What the worker says. */
const said = {
  ready: (standing: Standing) => standing.ready(),
  applied: (standing: Standing) => standing.apply(standing.asked),
  drain: (standing: Standing) => standing.drain(),
};
/** What the coordinator does with it. */
const done = {
  sync: (standing: Standing) => standing.sync(9),
  detach: (standing: Standing) => standing.detach(0),
  catchUp: (standing: Standing) => standing.catchUp(),
  resync: (standing: Standing) => standing.resync(),
  lose: (standing: Standing) => standing.lose(),
};
type Happening = keyof typeof said | keyof typeof done;

/** The state that follows; 'refused' is an error of the worker, and 'never' one of the program. */
const table: Readonly<Record<State, Readonly<Record<Happening, State | 'refused' | 'never'>>>> = {
  joining: {
    // It has not been sent what it needs.
    ready: 'refused',
    applied: 'joining',
    drain: 'draining',
    sync: 'never',
    detach: 'never',
    catchUp: 'never',
    resync: 'never',
    lose: 'lost',
  },
  ready: {
    ready: 'refused',
    applied: 'ready',
    drain: 'draining',
    sync: 'syncing',
    detach: 'never',
    catchUp: 'never',
    resync: 'never',
    lose: 'lost',
  },
  syncing: {
    ready: 'refused',
    applied: 'active',
    drain: 'draining',
    sync: 'never',
    detach: 'detached',
    catchUp: 'never',
    resync: 'ready',
    lose: 'lost',
  },
  active: {
    ready: 'refused',
    applied: 'active',
    drain: 'draining',
    sync: 'never',
    detach: 'detached',
    catchUp: 'never',
    resync: 'ready',
    lose: 'lost',
  },
  detached: {
    ready: 'refused',
    applied: 'detached',
    drain: 'draining',
    sync: 'never',
    detach: 'never',
    catchUp: 'ready',
    resync: 'never',
    lose: 'lost',
  },
  draining: {
    // It was made ready before it heard that it is to leave.
    ready: 'draining',
    applied: 'draining',
    drain: 'draining',
    sync: 'never',
    detach: 'never',
    catchUp: 'never',
    resync: 'never',
    lose: 'lost',
  },
  lost: {
    ready: 'refused',
    applied: 'lost',
    drain: 'never',
    sync: 'never',
    detach: 'never',
    catchUp: 'never',
    resync: 'never',
    lose: 'never',
  },
};

describe.each(states)('a worker that is %s', (state) => {
  const happenings = Object.entries({ ...said, ...done }) as [Happening, (standing: Standing) => unknown][];

  it.each(happenings)('and then: %s', (happening, happen) => {
    const standing = standingAt(state);
    const next = table[state][happening];
    if (next === 'refused') expect(() => happen(standing)).toThrow(WireError);
    else if (next === 'never') expect(() => happen(standing)).toThrow(`a worker that is ${state} cannot ${happening}`);
    else happen(standing);
    expect(standing.state).toBe(next === 'refused' || next === 'never' ? state : next);
  });

  it('must not say that it has applied what it was not asked for', () => {
    const standing = standingAt(state);
    expect(() => standing.apply(standing.asked + 1)).toThrow(WireError);
    expect(standing.state).toBe(state);
  });

  it('follows the run, and computes, where the state says so', () => {
    const standing = standingAt(state);
    expect(standing.follows).toBe(['syncing', 'active', 'draining'].includes(state));
    expect(standing.canCompute).toBe(state === 'active');
    // Who takes no part in the step under way need not wait for its end.
    if (state !== 'lost') expect(standing.drain()).toBe(!['syncing', 'active', 'draining'].includes(state));
  });

  it('is behind where too much waits for it, if it is sent something', () => {
    expect(standingAt(state).lags(false)).toBe(false);
    expect(standingAt(state).lags(true)).toBe(['syncing', 'active'].includes(state));
  });
});

it('is ready when it has been sent all that it needs', () => {
  const standing = standingAt('joining');
  standing.provided();
  standing.ready();
  expect(standing.state).toBe('ready');
});

it('confirms the parameters that it is sent, whatever it has applied before: only then it has worked', () => {
  const standing = standingAt('ready');
  standing.sync(-1);
  expect([standing.apply(-1), standing.hasWorked]).toEqual([true, true]);
  standing.commit(0);
  expect(standing.apply(0)).toBe(false);
  standing.resync();
  // The run goes back: it was resumed from an earlier step.
  standing.sync(-1);
  expect([standing.canCompute, standing.apply(-1), standing.canCompute]).toEqual([false, true, true]);
});

it('computes while it is a step behind, and no more', () => {
  const standing = standingAt('active');
  standing.commit(5);
  expect(standing.canCompute).toBe(true);
  standing.commit(6);
  expect(standing.canCompute).toBe(false);
  standing.apply(5);
  expect(standing.canCompute).toBe(true);
  expect(() => standing.apply(4)).toThrow(WireError);
});

it('is left behind as it is sent the parameters, too, and is sent them anew when it has done all', () => {
  const standing = standingAt('ready');
  standing.sync(9);
  for (let round = 10; round < 10 + longestLag; round++) standing.commit(round);
  expect(standing.lags(false)).toBe(false);
  standing.commit(10 + longestLag);
  expect(standing.lags(false)).toBe(true);
  standing.detach(0);
  expect(standing.apply(9)).toBe(false);
  expect(standing.hasCaughtUp).toBe(false);
  standing.apply(10 + longestLag);
  expect(standing.hasCaughtUp).toBe(true);
});

it('is left behind after so many steps, and has caught up when it has done what it was asked for', () => {
  const standing = standingAt('active');
  // Rounds are known by their last steps, of which they may have many.
  for (let i = 0; i < longestLag; i++) standing.commit(50 * (i + 1));
  expect(standing.lags(false)).toBe(false);
  standing.commit(1000);
  expect(standing.lags(false)).toBe(true);
  standing.detach(1000);
  expect([standing.behindFor(4000), standing.hasCaughtUp]).toEqual([3000, false]);
  standing.apply(1000);
  expect(standing.hasCaughtUp).toBe(true);
  standing.catchUp();
  expect(standing.behindFor(4000)).toBe(0);
});
