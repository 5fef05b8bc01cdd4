/** Who is admitted: the token decides, and nothing that was overheard, sent back or altered helps. */
import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/errors.js';
import { CallerHandshake, generateToken, type Identity, ListenerHandshake } from '../../src/wire/handshake.js';
import type { Hello, PeerHello, Welcome } from '../../src/wire/messages.js';
import { samples } from '../support/messages.js';

const { protocol: _, nonce: __, proof: ___, ...worker } = samples.hello;
const peer: Identity = { kind: 'peerHello', id: 3 };
const identities: readonly Identity[] = [worker, peer];

const meet = (identity: Identity, token = 'secret', other = token) => {
  const listener = new ListenerHandshake(token);
  const caller = new CallerHandshake(other, identity);
  return { listener, caller, hello: caller.answer(listener.challenge) };
};

/** A value of the same type that is another one. */
const altered = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return value.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  if (typeof value === 'number') return value + 1;
  if (Array.isArray(value)) return [...value, 'ee'];
  return value === null ? 'ee' : `${value}x`;
};

describe('the handshake', () => {
  it.each(identities)('admits both sides of $kind that have the token', (identity) => {
    for (const token of ['secret', '', generateToken()]) {
      const { listener, caller, hello } = meet(identity, token);
      listener.accept(hello);
      caller.check(listener.welcome(5, 10));
    }
  });

  it.each(identities)('refuses a $kind with another token', (identity) => {
    for (const [token, other] of [
      ['secret', 'Secret'],
      ['secret', ''],
      ['', 'secret'],
    ]) {
      const { listener, hello } = meet(identity, token, other);
      expect(() => listener.accept(hello)).toThrow(/do not have the same token/);
    }
  });

  it.each(identities)('tells a caller of $kind that the listener does not have the token', (identity) => {
    const { caller, hello, listener } = meet(identity);
    listener.accept(hello);
    const { proof } = listener.welcome(1, 10);
    expect(() => caller.check({ kind: 'welcome', id: 1, silence: 10, proof: proof.map((b) => b ^ 1) })).toThrow(
      /token/,
    );
  });

  it.each(identities)('refuses an overheard $kind on another connection, and twice on one', (identity) => {
    const { listener, hello } = meet(identity);
    expect(() => new ListenerHandshake('secret').accept(hello)).toThrow(RefusedError);
    listener.accept(hello);
    expect(() => listener.accept(hello)).toThrow(/answered before/);
  });

  it('refuses an overheard welcome', () => {
    const { listener, hello } = meet(worker);
    listener.accept(hello);
    const second = meet(worker);
    expect(() => second.caller.check(listener.welcome(1, 10))).toThrow(RefusedError);
  });

  it.each(identities)('refuses a $kind of which anything was altered on its way', (identity) => {
    const { listener, hello } = meet(identity);
    const again = () => new ListenerHandshake('secret', Buffer.from(listener.challenge.nonce));
    again().accept(hello);
    for (const field of Object.keys(hello).filter((name) => name !== 'kind' && name !== 'protocol')) {
      const other = { ...hello, [field]: altered(hello[field as keyof typeof hello]) } as Hello | PeerHello;
      expect(() => again().accept(other), field).toThrow(RefusedError);
    }
  });

  it('refuses a welcome of which anything was altered on its way', () => {
    const { listener, caller, hello } = meet(worker);
    listener.accept(hello);
    const welcome = listener.welcome(1, 10);
    for (const field of ['id', 'silence', 'proof'] as const) {
      expect(() => caller.check({ ...welcome, [field]: altered(welcome[field]) } as Welcome), field).toThrow(
        RefusedError,
      );
    }
    caller.check(welcome);
  });

  it('refuses a proof that is sent back to who made it, or used in another role', () => {
    const { listener, caller, hello } = meet(peer);
    // The caller's own proof as the listener's.
    expect(() => caller.check({ kind: 'welcome', id: 3, silence: 10, proof: hello.proof })).toThrow(RefusedError);
    // A peer's proof as a worker's.
    expect(() => listener.accept({ ...samples.hello, nonce: hello.nonce, proof: hello.proof })).toThrow(RefusedError);
  });

  it('has a fresh nonce on both sides of each connection', () => {
    const nonces = Array.from({ length: 50 }, () => {
      const { listener, hello } = meet(peer);
      return [listener.challenge.nonce, hello.nonce].map((nonce) => Buffer.from(nonce).toString('hex'));
    }).flat();
    expect(new Set(nonces).size).toBe(100);
  });

  it('never sends the token', () => {
    const token = generateToken();
    const { listener, hello } = meet(worker, token);
    listener.accept(hello);
    const sent = JSON.stringify([listener.challenge, hello, listener.welcome(1, 10)]);
    expect(sent).not.toContain(token);
    expect(token).toMatch(/^[\w-]{32}$/);
    expect(generateToken()).not.toBe(token);
  });
});
