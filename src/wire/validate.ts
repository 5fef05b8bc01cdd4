/** The rules of every message, field by field. What has passed is what its type says. */
import { RefusedError } from '../errors.js';
import { phaseNames } from '../pool/pool-options.js';
import type { ParameterRange } from '../reduce/shares.js';
import { slabPrecisions } from '../reduce/slab-frame.js';
import type { TreeNode } from '../reduce/tree.js';
import {
  anyNumber,
  between,
  bytes,
  type Check,
  counts,
  doubles,
  finite,
  float32s,
  list,
  oneOfWords,
  optional,
  orNull,
  partial,
  prose,
  record,
  refuse,
  rows,
  text,
  truth,
  whole,
} from './checks.js';
import { type Message, protocolVersion } from './messages.js';

/** Bytes of nonces and proofs. */
export const nonceBytes = 32;

const u32 = whole(0, 2 ** 32 - 1);
/** -1 before the first round. */
const lastRound = whole(-1, 2 ** 32 - 1);
const member = whole(0, 65535);
const size = whole(0, Number.MAX_SAFE_INTEGER);
const mostShards = 65535;
/** A replica has one for each of its steps. */
const mostLosses = 300_000;
const mostMembers = 4096;
/** A slab has at most the floats of one WebAssembly memory. */
const parameterPlace = whole(0, 2 ** 30);
/** Ranges are cut between regions of 16 floats. */
const floats16: Check = (value, name) => {
  parameterPlace(value, name);
  if ((value as number) % 16 !== 0) refuse(value, name, 'a multiple of 16');
};
/** Up to 24 days: sums of them stay numbers. */
const milliseconds = between(0, 2 ** 31);
/** Which it is of those of the job. */
const bucket = whole(0, 255);
/** Of the parameters. */
const part = whole(0, 255);
const nonce = bytes(nonceBytes);
const hash = text(128);
const address = text(512);

/** Comes first in the messages that have it, so that other versions are told what is wrong. */
const protocol: Check = (value, name) => {
  u32(value, name);
  if (value === protocolVersion) return;
  throw new RefusedError(
    `the other side speaks version ${value} of the protocol, this side version ${protocolVersion}`,
    'install the same version of lockstep on both sides',
  );
};

const shardRange = record({ low: whole(0, mostShards), high: whole(0, mostShards) });
const node: Check = (value, name) => {
  shardRange(value, name);
  const { low, high } = value as TreeNode;
  if (low >= high) refuse(low, `${name}.low`, `less than high, ${high}`);
};

const ascending: Check = (value, name) => {
  const nodes = value as readonly TreeNode[];
  const at = nodes.findIndex(({ low }, i) => i > 0 && low < nodes[i - 1].high);
  if (at >= 0)
    refuse(nodes[at].low, `${name}[${at}].low`, `at or behind the end of the one before, ${nodes[at - 1].high}`);
};
const nodes = list(mostShards, node, ascending);

/** Of the parameters. */
const range: Check = (value, name) => {
  record({ from: floats16, to: floats16 })(value, name);
  const { from, to } = value as ParameterRange;
  if (from > to) refuse(from, `${name}.from`, `at most to, ${to}`);
};
const shares = list(mostMembers, record({ id: member, second: optional(member), from: floats16, to: floats16 }));
const sharded = record({
  shares,
  hosts: list(mostMembers, list(mostMembers, member)),
  others: list(mostMembers, member),
});

const distinct: Check = (value, name) => {
  const seen = new Set<number>();
  for (const [i, { id }] of (value as readonly { readonly id: number }[]).entries()) {
    if (seen.has(id)) refuse(id, `${name}[${i}].id`, 'different from those before');
    seen.add(id);
  }
};

const local = list(10_000, record({ bucket, learningRate: finite }));
const rowsAt = list(mostShards, record({ start: size, rows }));

type FieldChecks<M> = { readonly [F in Exclude<keyof M, 'kind'>]-?: Check };

const messages: { readonly [K in Message['kind']]: FieldChecks<Extract<Message, { kind: K }>> } = {
  challenge: { protocol, nonce },
  hello: {
    protocol,
    nonce,
    proof: nonce,
    name: text(64, 1),
    membership: text(64, 1),
    rank: orNull(record({ number: whole(0, mostMembers - 1), size: whole(1, mostMembers) })),
    threads: whole(1, 256),
    host: hash,
    engine: text(128),
    processor: text(512),
    numerics: hash,
    peer: orNull(address),
    data: list(256, hash),
    local: orNull(hash),
  },
  peerHello: { protocol, nonce, proof: nonce, id: member },
  welcome: { proof: nonce, id: member, silence: between(0.1, 86_400) },
  refused: { problem: prose, remedy: prose, final: truth },
  transfer: {
    transfer: u32,
    what: oneOfWords('job', 'data', 'rows', 'state', 'slots', 'replica'),
    bytes: size,
    sha256: hash,
    round: lastRound,
    range: optional(range),
    replica: optional(whole(0, mostShards)),
  },
  useData: { sha256: hash },
  ready: {},
  world: { members: list(mostMembers, record({ id: member, peer: orNull(address) }), distinct) },
  linked: { ids: list(mostMembers, member) },
  compute: {
    round: u32,
    epoch: u32,
    step: u32,
    bucket,
    lossScale: optional(between(2 ** -32, 2 ** 60)),
    local,
    later: optional(whole(1, 10_000)),
    continues: optional(truth),
    part: optional(part),
    nodes,
    rows: rowsAt,
  },
  computed: {
    round: u32,
    nodes,
    losses: list(mostLosses, anyNumber),
    divisors: list(mostLosses, between(0, 2 ** 40)),
    phases: partial(phaseNames, milliseconds),
    milliseconds,
    used: rowsAt,
  },
  allReduce: {
    round: u32,
    attempt: whole(0, 255),
    algorithm: oneOfWords('star', 'butterfly', 'mpi'),
    precision: oneOfWords(...slabPrecisions),
    warm: optional(truth),
    part: optional(part),
    shards: whole(1, mostShards),
    shares: optional(shares),
    members: list(mostMembers, record({ id: member, host: optional(member), nodes }), distinct),
  },
  reduced: {
    round: u32,
    attempt: whole(0, 255),
    squares: anyNumber,
    blocks: optional(doubles),
    bytes: size,
    bytesBetweenHosts: size,
    milliseconds,
  },
  commit: {
    round: u32,
    learningRate: finite,
    gradientScale: finite,
    stateScale: finite,
    part: optional(part),
    mixing: optional(between(0, 1)),
    sharded: optional(sharded),
    skipped: optional(u32),
    isSkipped: optional(truth),
  },
  applied: { round: lastRound, bytes: size, bytesBetweenHosts: size, milliseconds },
  fetch: { round: lastRound, range: optional(range), replica: optional(whole(0, mostShards)) },
  evaluate: { request: u32, batches: list(2 ** 20, record({ batch: u32, bucket, rows })) },
  evaluated: { request: u32, sums: doubles, counts, kept: float32s, milliseconds },
  failed: { phase: text(64), message: prose },
  peerLost: { id: member, round: u32, reason: prose },
  drain: {},
  ping: { time: finite },
  pong: { time: finite, clock: finite },
  bye: { reason: prose, outcome: oneOfWords('over', 'failed', 'unfinished') },
};

const kinds = new Map<string, Check>(
  Object.entries(messages).map(([kind, fields]) => [kind, record({ kind: oneOfWords(kind), ...fields })]),
);
const known = oneOfWords(...kinds.keys());

/**
 * @returns `value`, now known to be a message
 * @throws WireError naming the first field that breaks its rule
 * @throws RefusedError when the other side speaks another version of the protocol
 */
export function validateMessage(value: unknown): Message {
  const kind = (value as { readonly kind?: unknown } | null)?.kind;
  known(kind, 'kind');
  kinds.get(kind as string)!(value, kind as string);
  return value as Message;
}
