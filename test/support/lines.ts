/** Lines over any transport, for the suite that each has to pass. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach } from 'vitest';
import { type SlabParts, sealSlab } from '../../src/reduce/slab-frame.js';
import type { Connection, Handlers } from '../../src/wire/connection.js';
import type { DialOptions } from '../../src/wire/dial.js';
import type { Arrival, ListenOptions } from '../../src/wire/listen.js';
import type { Transport } from '../../src/wire/transport.js';
import * as connections from './connections.js';
import { type Puppet, puppet, raw } from './puppet.js';

const puppets: Puppet[] = [];
afterEach(() => {
  for (const { channel } of puppets.splice(0)) channel.terminate();
});

/** What connections.ts has, over one transport; and other sides that do only what a test does. */
export function linesOver(transport: Transport) {
  const host = (options?: Partial<ListenOptions<'hello'>>, arrived?: (arrival: Arrival<'hello'>) => void) =>
    connections.host(options, arrived, transport);
  const join = (url: string, options?: Partial<DialOptions>) => connections.join(url, options, transport);
  const connected = () => connections.connected(transport);
  /** Somebody who has said nothing yet. */
  const stranger = async (url: string): Promise<Puppet> => {
    const made = await raw(transport, url);
    puppets.push(made);
    return made;
  };
  /** This side of a connection whose other side is a puppet. */
  const withPuppet = async (): Promise<Puppet & { readonly connection: Connection }> => {
    const { url, next } = await host();
    const [{ connection }, made] = await Promise.all([next(), puppet(transport, url)]);
    puppets.push(made);
    return { connection, ...made };
  };
  return { host, join, connected, stranger, withPuppet };
}

/** A piece of a slab whose bytes are its number. */
export function slab(segment: number, bytes: number): SlabParts {
  const rest = { attempt: 0, round: 1, low: 0, high: 1, checksum: 0 };
  const header = sealSlab({ kind: 'partial', precision: 'float32', segment, ...rest });
  return { header, payload: new Uint8Array(bytes).fill(segment) };
}

/** Handlers that do nothing but what is given. */
export const quiet = (some: Partial<Handlers> = {}): Handlers => ({
  message() {},
  slab() {},
  blob() {},
  closed() {},
  ...some,
});

/** Waits until `value` has been the same for a while. */
export async function settled(value: () => number): Promise<number> {
  for (let last = value(); ; ) {
    await pause(150);
    if (value() === last) return last;
    last = value();
  }
}
