/**
 * Every message of the protocol, in one screen. A connection carries frames (frame.ts): control messages, which are these,
 * and raw chunks of slabs and of blobs. C is the coordinator, W a worker; peers are workers among themselves.
 */
import type { Computed, ComputeTask, EvaluationBatch, RoundUpdate, TotalSquares } from '../pool/round-worker.js';
import type { AllReducePlan } from '../reduce/plan.js';
import type { ParameterRange } from '../reduce/shares.js';

/** Raised by every change that an older program would not understand. */
export const protocolVersion = 15;

/** C → W, and listening peer → calling peer: the first message of a connection. */
export interface Challenge {
  readonly kind: 'challenge';
  readonly protocol: number;
  /** 32 random bytes, never used twice. */
  readonly nonce: Uint8Array;
}

/** W → C: who I am, and proof that I know the token. */
export interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  readonly nonce: Uint8Array;
  /** HMAC-SHA256 over role and both nonces, keyed by the token (handshake.ts). */
  readonly proof: Uint8Array;
  readonly name: string;
  /** Random, and the same for all connections of this process: by it the coordinator knows a worker that comes back. */
  readonly membership: string;
  /** Which rank of a job I am, counted from 0, of how many; null for one that no launcher has started. */
  readonly rank: { readonly number: number; readonly size: number } | null;
  readonly threads: number;
  /** Hash of what tells one host from another: workers that have the same one add up among themselves first. */
  readonly host: string;
  /** Name and version of the engine; must be the coordinator's. */
  readonly engine: string;
  /** For people: processor and its features. */
  readonly processor: string;
  /** Hash of what this machine's arithmetic gives for a small canonical graph. */
  readonly numerics: string;
  /** Where peers reach me; null where I do not listen. */
  readonly peer: string | null;
  /** SHA-256 of the data sets that I hold, in memory or in the cache; and of one of my own (placement local). */
  readonly data: readonly string[];
  readonly local: string | null;
}

/** Calling peer → listening peer. */
export interface PeerHello {
  readonly kind: 'peerHello';
  readonly protocol: number;
  readonly nonce: Uint8Array;
  readonly proof: Uint8Array;
  readonly id: number;
}

/** C → W, and listening peer → calling peer: you are in, and I know the token too. */
export interface Welcome {
  readonly kind: 'welcome';
  readonly proof: Uint8Array;
  /** Of the worker in this run; the coordinator is 0. Listening peers give their own. */
  readonly id: number;
  /** Seconds without a sign of life after which either side gives up the other. */
  readonly silence: number;
}

/** Either side, before it closes the connection. */
export interface Refused {
  readonly kind: 'refused';
  /** What is wrong, and what to do about it. */
  readonly problem: string;
  readonly remedy: string;
  /** Whether trying again can help. */
  readonly final: boolean;
}

export type TransferKind = 'job' | 'data' | 'rows' | 'state' | 'slots' | 'replica';

/**
 * C → W, and for a state that was fetched W → C: a blob follows, in chunks that carry this number. What it holds is in
 * job.ts, rows-blob.ts, state-blob.ts.
 */
export interface Transfer {
  readonly kind: 'transfer';
  readonly transfer: number;
  readonly what: TransferKind;
  readonly bytes: number;
  /** job: SHA-256 of the blob; data: fingerprint of the data set; else ''. */
  readonly sha256: string;
  /** state, slots and replica: rounds up to which the parameters are trained. */
  readonly round: number;
  /** slots, and a state of which not all was asked for: of which parameters it is. */
  readonly range?: ParameterRange;
  /** replica: whose optimizer state it is, where rounds are local steps. */
  readonly replica?: number;
}

/** C → W: of the transfer of this job or data set nothing is needed: you have it. */
export interface UseData {
  readonly kind: 'useData';
  readonly sha256: string;
}

/** W → C: the job is compiled, the data are here, and the state may come. */
export interface Ready {
  readonly kind: 'ready';
}

/** C → W: who else is there, for links between peers. */
export interface WorldMembers {
  readonly kind: 'world';
  readonly members: readonly { readonly id: number; readonly peer: string | null }[];
}

/** W → C: peers that I have a link to. */
export interface Linked {
  readonly kind: 'linked';
  readonly ids: readonly number[];
}

/** C → W. */
export interface Compute extends ComputeTask {
  readonly kind: 'compute';
}

/** W → C. */
export interface ComputedMessage extends Computed {
  readonly kind: 'computed';
  readonly round: number;
}

/** C → W: exchange what you computed; partial and total sums are slab frames. */
export interface AllReduceMessage extends AllReducePlan {
  readonly kind: 'allReduce';
}

/** W → C: I hold the total, or what is to be here of it. */
export interface Reduced extends TotalSquares {
  readonly kind: 'reduced';
  readonly round: number;
  readonly attempt: number;
  /** Bytes that it sent for the exchange. */
  readonly bytes: number;
  /** Of those, to other hosts. */
  readonly bytesBetweenHosts: number;
  /** Milliseconds from the plan to the total. */
  readonly milliseconds: number;
}

/** C → W: the round counts; apply it. */
export interface Commit extends RoundUpdate {
  readonly kind: 'commit';
}

/** W → C. */
export interface Applied {
  readonly kind: 'applied';
  readonly round: number;
  /** Bytes of updated parameters that it sent to others, and of those to other hosts. */
  readonly bytes: number;
  readonly bytesBetweenHosts: number;
  readonly milliseconds: number;
}

/** C → W: send me parameters and optimizer slots as they are after this round, the last one that you were asked to commit. */
export interface Fetch {
  readonly kind: 'fetch';
  readonly round: number;
  /** Only those of a range, which is updated by the worker itself: as soon as it is. */
  readonly range?: ParameterRange;
  /** Not those of the run, but the optimizer state of this replica. */
  readonly replica?: number;
}

/** C → W. */
export interface Evaluate {
  readonly kind: 'evaluate';
  readonly request: number;
  readonly batches: readonly EvaluationBatch[];
}

/** W → C. */
export interface Evaluated {
  readonly kind: 'evaluated';
  readonly request: number;
  /** Metric sums of each batch, one behind the other. */
  readonly sums: Float64Array;
  /** Metric counts of all batches together: integers. */
  readonly counts: Float64Array;
  /** What metrics keep of each example, in the order of the batches. */
  readonly kept: Float32Array;
  readonly milliseconds: number;
}

/** W → C: I cannot do what you asked for; the coordinator drops me with this reason. */
export interface Failed {
  readonly kind: 'failed';
  /** In which phase, such as `compute` or `exchange`. */
  readonly phase: string;
  readonly message: string;
}

/** W → C: my link to a peer broke; the exchange of this round has to go another way. */
export interface PeerLost {
  readonly kind: 'peerLost';
  readonly id: number;
  readonly round: number;
  readonly reason: string;
}

/** W → C: give me no more work; I leave when the round is over. */
export interface Drain {
  readonly kind: 'drain';
}

/** Either side; the answer repeats `time` of the asking side's clock and gives the time of the answering one. */
export interface Ping {
  readonly kind: 'ping';
  readonly time: number;
}
export interface Pong {
  readonly kind: 'pong';
  readonly time: number;
  readonly clock: number;
}

/** C → W: nothing more to do. */
export interface Bye {
  readonly kind: 'bye';
  readonly reason: string;
  /** A run that is unfinished can be gone on with: it was stopped, or only this worker has left it. */
  readonly outcome: 'over' | 'failed' | 'unfinished';
}

/** How a worker's part in a run ends. */
export type RunEnding = Omit<Bye, 'kind'>;

export type Message =
  | Challenge
  | Hello
  | PeerHello
  | Welcome
  | Refused
  | Transfer
  | UseData
  | Ready
  | WorldMembers
  | Linked
  | Compute
  | ComputedMessage
  | AllReduceMessage
  | Reduced
  | Commit
  | Applied
  | Fetch
  | Evaluate
  | Evaluated
  | Failed
  | PeerLost
  | Drain
  | Ping
  | Pong
  | Bye;
