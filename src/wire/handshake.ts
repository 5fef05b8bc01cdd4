/**
 * Who may take part: both sides prove that they know the token, which itself never crosses the wire.
 *
 *     listener → caller   challenge   nonce L
 *     caller → listener   hello       nonce C, who I am, HMAC-SHA256(token, role, L, C, who I am)
 *     listener → caller   welcome     your number, HMAC-SHA256(token, role, L, C, your number)
 *
 * Nonces are fresh on both sides, so what was overheard proves nothing later; each side and each kind of connection has
 * a role of its own, so what one side sent cannot be sent back to it; and what a side says of itself cannot be altered.
 * It does not protect what follows: on a network that others can write to, that takes TLS.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { RefusedError } from '../errors.js';
import { type Challenge, type Hello, type PeerHello, protocolVersion, type Welcome } from './messages.js';
import { nonceBytes } from './validate.js';

/** What a caller says of itself: as a worker to the coordinator, or as a peer to a worker. */
export type Identity = Omit<Hello, Proof> | Omit<PeerHello, Proof>;
type Proof = 'protocol' | 'nonce' | 'proof';

type HandshakeRole = 'worker-to-coordinator' | 'coordinator-to-worker' | 'peer-caller' | 'peer-listener';
const callers = { hello: 'worker-to-coordinator', peerHello: 'peer-caller' } as const;
const listeners = { hello: 'coordinator-to-worker', peerHello: 'peer-listener' } as const;

/** @returns a token that nobody guesses, of 32 characters that no shell needs quotes for */
export function generateToken(): string {
  return randomBytes(24).toString('base64url');
}

/** The side that asks first. One for each connection: its nonce is used once. */
export class ListenerHandshake {
  readonly #token: string;

  readonly #nonce: Buffer;
  #hello?: Hello | PeerHello;

  /** @param token empty where none is used */
  constructor(token: string, nonce = randomBytes(nonceBytes)) {
    this.#token = token;
    this.#nonce = nonce;
  }

  get challenge(): Challenge {
    return { kind: 'challenge', protocol: protocolVersion, nonce: this.#nonce };
  }

  /** @throws RefusedError when the caller does not know the token, or has already answered */
  accept(hello: Hello | PeerHello): void {
    if (this.#hello) throw new RefusedError('this challenge has been answered before', 'connect again');
    this.#hello = hello;
    const { kind, protocol, nonce, proof: given, ...identity } = hello;
    assertProof(given, proof(this.#token, callers[kind], this.#nonce, nonce, { kind, ...identity } as Identity));
  }

  /** The answer to the hello that was accepted. */
  welcome(id: number, silence: number): Welcome {
    const { kind, nonce } = this.#hello!;
    const given = { id, silence };
    return { kind: 'welcome', proof: proof(this.#token, listeners[kind], this.#nonce, nonce, given), ...given };
  }
}

/** The side that is asked. One for each connection. */
export class CallerHandshake {
  readonly #token: string;
  readonly #identity: Identity;

  readonly #nonce = randomBytes(nonceBytes);
  #challenge?: Challenge;

  /** @param token empty where none is used */
  constructor(token: string, identity: Identity) {
    this.#token = token;
    this.#identity = identity;
  }

  answer(challenge: Challenge): Hello | PeerHello {
    this.#challenge = challenge;
    const identity = this.#identity;
    const nonce = this.#nonce;
    const own = proof(this.#token, callers[identity.kind], challenge.nonce, nonce, identity);
    return { ...identity, protocol: protocolVersion, nonce, proof: own };
  }

  /** @throws RefusedError when the listener does not know the token */
  check({ id, silence, proof: given }: Welcome): void {
    const role = listeners[this.#identity.kind];
    assertProof(given, proof(this.#token, role, this.#challenge!.nonce, this.#nonce, { id, silence }));
  }
}

/** Nonces have one length, and the role and the claims are separated, so no two inputs make the same bytes. */
function proof(token: string, role: HandshakeRole, listener: Uint8Array, caller: Uint8Array, claims: object): Buffer {
  const sorted = Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHmac('sha256', token)
    .update(`lockstep ${protocolVersion} ${role}\0`)
    .update(listener)
    .update(caller)
    .update(JSON.stringify(sorted))
    .digest();
}

function assertProof(given: Uint8Array, expected: Uint8Array): void {
  if (timingSafeEqual(given, expected)) return;
  throw new RefusedError(
    'the two sides do not have the same token',
    'start the worker with the --token of the command that the coordinator prints, or with LOCKSTEP_TOKEN set to it',
  );
}
