/** A pool made a member of a world: with its part in exchanges, in the memory that its threads share. */
import type { WireError } from '../errors.js';
import { loadUpdateKernels } from '../kernels/load.js';
import { Exchange } from '../reduce/exchange.js';
import { Member } from './member.js';
import type { ThreadPool } from './pool.js';

export interface MemberOptions {
  readonly id: number;
  readonly name: string;
  /** Sends a slab frame to another member. */
  readonly send: (to: number, frame: Buffer) => void;
  /** Told who sent a frame that broke the protocol, before the plan was there to tell. */
  readonly refused: (from: number, error: WireError) => void;
}

/** @param pool started with `rounds`, and with scratch memory for an exchange */
export function becomeMember(
  pool: ThreadPool,
  { id, name, send, refused }: MemberOptions,
): { readonly member: Member; readonly exchange: Exchange } {
  const { memory, total, scratch, options } = pool;
  const { layout, geometry } = options;
  // A sender holds at most a sum for each level of the tree, on either side.
  const mostSums = 2 * Math.ceil(Math.log2(geometry.shards)) + 2;
  const exchange = new Exchange({
    ...{ self: id, memory, kernels: loadUpdateKernels(memory), layout, total, scratch, send, refused },
    earlyBytes: mostSums * layout.state * 4,
  });
  return { exchange, member: new Member(id, name, pool, exchange) };
}
