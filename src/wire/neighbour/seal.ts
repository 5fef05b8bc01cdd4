/**
 * The proof that a process is the one at the other end of a line, and that what it has said of its memory still holds: a hash in that
 * memory, of a number that the reader has chosen and of the two ends of the socket between them. No two sockets of a network namespace
 * have the same ends, so nobody can show the memory of a third process for its own. It is read again with each slab, and wiped when the line ends.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { hostIdentity } from '../../ground/host-identity.js';
import type { ForeignMemory, ForeignPlace } from './foreign-memory.js';

export const sealBytes = 32;

/** Of a socket, as this process sees them. */
export interface LineEnds {
  readonly near: string;
  readonly far: string;
}

/** Undefined for a socket to another machine. */
export function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): LineEnds | undefined {
  if (localAddress === undefined || localAddress !== remoteAddress) return undefined;
  // IPv4 over a socket of IPv6 is the same address.
  const plain = localAddress.replace(/^::ffff:/, '');
  return { near: `${plain} ${localPort}`, far: `${plain} ${remotePort}` };
}

/** @param ends of the one that shows it, first its own */
const sealOf = (nonce: Uint8Array, ends: readonly string[]): Buffer =>
  createHash('sha256')
    .update(nonce)
    .update(`lockstep seal\0${hostIdentity('')}\0${ends.join('\0')}`)
    .digest();

/** The seal of this process, for the other side. */
export class OwnSeal {
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(sealBytes));

  show(nonce: Uint8Array, { near, far }: LineEnds): NodeJS.ArrayBufferView {
    this.#bytes.set(sealOf(nonce, [near, far]));
    return this.#bytes;
  }

  wipe(): void {
    this.#bytes.fill(0);
  }
}

/** The memory of the other side. */
export class SealedMemory {
  readonly #memory: ForeignMemory;
  readonly #pid: number;
  readonly #place: ForeignPlace;
  readonly #expected: Buffer;
  readonly #found = Buffer.from(new SharedArrayBuffer(sealBytes));

  constructor(memory: ForeignMemory, pid: number, at: bigint, nonce: Uint8Array, { near, far }: LineEnds) {
    this.#memory = memory;
    this.#pid = pid;
    this.#place = { at, bytes: sealBytes };
    this.#expected = sealOf(nonce, [far, near]);
  }

  /** @returns whether it is the other side's still, and was until all had been read */
  read(from: readonly ForeignPlace[], to: readonly NodeJS.ArrayBufferView[]): boolean {
    this.#found.fill(0);
    const isRead = this.#memory.read(this.#pid, [...from, this.#place], [...to, this.#found]);
    return isRead && this.#found.equals(this.#expected);
  }
}
