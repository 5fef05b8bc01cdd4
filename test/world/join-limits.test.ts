/** How many workers of a host may join, and how often. */
import { expect, it } from 'vitest';
import { JoinLimits } from '../../coordinator/world/join-limits.js';

const [host, other] = ['10.0.0.1', '10.0.0.2'];

it('a host that loses worker after worker waits, and others do not', () => {
  const limits = new JoinLimits();
  for (let n = 0; n < 64; n++) {
    expect(limits.refusal(host, [], 0)).toBe(undefined);
    limits.lost(host, undefined, 0);
  }
  expect(limits.refusal(host, [], 0)?.problem).toBe('too many workers of 10.0.0.1 were lost or refused lately');
  expect(limits.refusal(other, [], 0)).toBe(undefined);
  limits.lost(other, undefined, 500);
  expect(limits.refusal(host, [], 500)).toBe(undefined);
  limits.lost(host, undefined, 500);
  expect(limits.refusal(host, [], 600)).not.toBe(undefined);
  expect(limits.refusal(host, [], 65_000)).toBe(undefined);
});

it('a worker that has worked comes back whatever others of its host do, but not for ever', () => {
  const limits = new JoinLimits();
  for (let n = 0; n < 64; n++) limits.lost(host, undefined, 0);
  for (let n = 0; n < 8; n++) {
    expect(limits.returnRefusal('membership', 0)).toBe(undefined);
    limits.lost(host, 'membership', 0);
  }
  expect(limits.returnRefusal('membership', 0)?.problem).toBe('it was lost too often lately');
  expect(limits.returnRefusal('membership', 1001)).toBe(undefined);
});

it('a host has 256 workers at most, and a run 1,024', () => {
  const limits = new JoinLimits();
  const here = (count: number) => Array.from({ length: count }, () => host);
  expect(limits.refusal(host, here(255), 0)).toBe(undefined);
  expect(limits.refusal(host, here(256), 0)?.problem).toMatch(/256 workers of 10\.0\.0\.1/);
  expect(limits.refusal(other, here(256), 0)).toBe(undefined);
  expect(limits.refusal(other, here(1024), 0)?.problem).toMatch(/1024 workers already/);
});
