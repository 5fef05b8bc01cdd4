/** A pool made a member of a world: with its part in each all-reduce, in the memory that its threads share. */
import type { WireError } from '../errors.js';
import { loadUpdateKernels } from '../kernels/load-kernels.js';
import type { SlabLayout } from '../model/slab.js';
import { AllReduce } from '../reduce/all-reduce.js';
import type { AllReduceOptions } from '../reduce/all-reduce-options.js';
import { Landings } from '../reduce/landings.js';
import { ParameterExchange } from '../reduce/parameter-exchange.js';
import { PowerSgd } from '../reduce/power-sgd.js';
import type { SlabParts } from '../reduce/slab-frame.js';
import { SCRATCH_FLOATS } from '../reduce/workbench.js';
import { Member } from './member.js';
import type { ThreadPool } from './pool.js';
import type { RoundOptions, UpdateOptions } from './pool-options.js';
import { runParts } from './run-parts.js';

export interface MemberOptions {
  readonly id: number;
  readonly name: string;
  /** Sends a slab frame to another member. */
  readonly send: (to: number, frame: SlabParts) => void;
  readonly collective?: AllReduceOptions['collective'];
  /** Told who sent a frame that broke the protocol, before the plan was there to tell. */
  readonly refused: (from: number, error: WireError) => void;
}

export type MemberAllReduce = AllReduce | PowerSgd;

/** Rounds that a member who only follows may lag behind, its totals waiting here, before the coordinator cuts it off. */
export const longestLag = 16;

export function becomeMember(
  pool: ThreadPool<RoundOptions> | ThreadPool<UpdateOptions>,
  { id, name, send, collective, refused }: MemberOptions,
): {
  readonly member: Member;
  readonly allReduce: MemberAllReduce;
  readonly parameters: ParameterExchange;
  readonly landings: Landings;
} {
  const { memory, total, scratch, compression: places, options } = pool;
  const { layout, geometry } = options;
  const rule = options.compression;
  const asked: AllReduceOptions & { readonly layout: SlabLayout } = {
    self: id,
    memory,
    kernels: loadUpdateKernels(memory),
    layout,
    parts: runParts(options),
    total,
    scratch,
    collective,
    send,
    refused,
    // At worst a sender holds every other shard as a sum by itself, and passes on the total; before that, the totals of the
    // rounds that this member lags behind.
    earlyBytes: (Math.ceil(geometry.shards / 2) + longestLag + 2) * layout.state * 4,
  };
  const allReduce = rule && places ? new PowerSgd({ ...asked, rule, places }) : new AllReduce(asked);
  const landings = new Landings(memory, scratch + SCRATCH_FLOATS * 4);
  const parameters = new ParameterExchange({
    self: id,
    memory,
    kernels: asked.kernels,
    parameters: pool.parameters.byteOffset,
    changing: layout.state,
    ahead: longestLag + 2,
    send,
    isNear: (id) => allReduce.isNear(id),
    refused,
  });
  return { allReduce, parameters, landings, member: new Member(id, name, pool, allReduce, parameters) };
}
