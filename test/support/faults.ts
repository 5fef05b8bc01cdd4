/** What can happen to a run: in which phase, of which kind, and what is to be seen of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Action, Passing } from './fault-proxy.js';

/** Seconds of silence after which either side gives up the other. */
export const silence = 1;

export const phases = [
  'receiving data',
  'joining',
  'receiving parameters',
  'computing',
  'sending gradients',
  'exchanging with a peer',
  'committing',
  'validating',
] as const;
/** The last ones only where optimizer state is sharded. */
export type Phase =
  | (typeof phases)[number]
  | 'receiving its share'
  | 'sending its share'
  | 'sending shares'
  | 'sending parameters'
  | 'sending its state';

export const isAmongPeers = (phase: Phase): boolean =>
  phase === 'exchanging with a peer' || phase === 'sending shares' || phase === 'sending parameters';

/** Which frames of a worker's link say that a phase has begun. */
export const begins: Record<Phase, (passing: Passing) => boolean> = {
  joining: ({ up, frame }) => up && isMessage(frame, 'hello'),
  'receiving data': ({ up, what, chunk }) => !up && what === 'data' && chunk === 2,
  'receiving parameters': ({ up, what }) => !up && what === 'state',
  computing: ({ frame }) => isMessage(frame, 'compute'),
  'sending gradients': ({ up, frame }) => up && frame.kind === 'slab' && frame.frame.kind === 'partial',
  'exchanging with a peer': ({ frame }) => frame.kind === 'slab' && frame.frame.kind === 'partial',
  'receiving its share': ({ up, what }) => !up && what === 'slots',
  // The sum of it, to the coordinator.
  'sending its share': ({ up, frame }) => up && frame.kind === 'slab' && frame.frame.kind === 'total',
  // The sums of them, to who has the second copy.
  'sending shares': ({ frame }) => frame.kind === 'slab' && frame.frame.kind === 'total',
  'sending its state': ({ up, what }) => up && what === 'state',
  'sending parameters': ({ frame }) => frame.kind === 'slab' && frame.frame.kind === 'parameters',
  committing: ({ frame }) => isMessage(frame, 'commit'),
  validating: ({ frame }) => isMessage(frame, 'evaluate'),
};

const isMessage = (frame: Passing['frame'], kind: string) => frame.kind === 'control' && frame.message.kind === kind;

/** What a proxy watches that holds each step of a worker back: else a run would be over before what is to happen to it. */
export const slowly =
  (milliseconds: number) =>
  (passing: Passing): void => {
    if (begins.computing(passing)) passing.link.hold(passing.up, sleep(milliseconds));
  };

/** What the coordinator says a worker was doing that was lost in a phase. It may have gone on to the next by then. */
export const said: Record<Phase, RegExp> = {
  joining: /joining|receiving/,
  'receiving data': /receiving data/,
  'receiving parameters': /receiving parameters/,
  computing: /computing shards .* of step \d+/,
  'sending gradients': /exchanging gradients of step \d+/,
  'exchanging with a peer': /exchanging gradients of step \d+/,
  'receiving its share': /receiving its share|computing shards .* of step \d+/,
  'sending its share': /(exchanging gradients|committing|computing shards .*) (of )?step \d+|validating/,
  'sending shares':
    /receiving its share|(exchanging gradients|committing|computing shards .*) (of )?step \d+|validating/,
  'sending its state':
    /receiving its share|sending its parameters|(committing|computing shards .*) (of )?step \d+|validating/,
  'sending parameters': /receiving its share|committing step \d+|computing shards .* of step \d+|validating/,
  committing: /receiving its share|committing step \d+|computing shards .* of step \d+|validating/,
  validating: /validating/,
};

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] ^= 0x10;
  return copy;
};

/** What is done to the one frame that begins a phase. */
export const onFrame = {
  'closed socket': ({ link }) => {
    link.cut();
    return [];
  },
  'truncated frame': (_, bytes) => [bytes.subarray(0, Math.ceil(bytes.length / 2))],
  'corrupted payload': (_, bytes) => [flipped(bytes, (bytes.length >> 1) + 8)],
  'corrupted header': (_, bytes) => [flipped(bytes, 5)],
  'black hole': ({ link }) => {
    link.swallow();
    return [];
  },
  'duplicated frame': (_, bytes) => [bytes, bytes],
  'delayed frames': ({ link, up }) => {
    link.hold(up, sleep(300));
    return undefined;
  },
} as const satisfies Record<string, Action>;

type FrameKind = keyof typeof onFrame;
export type Kind = FrameKind | 'reordered frames' | 'SIGKILL' | 'SIGSTOP' | 'coordinator SIGKILL';

export const harmless: readonly Kind[] = ['duplicated frame', 'delayed frames', 'reordered frames'];
const silent: readonly Kind[] = ['black hole', 'SIGSTOP'];

/**
 * Why a combination is left out of runs whose gradients go through the coordinator: it cannot be, or another one shows the same.
 * @param oneHost whether workers add up among themselves first, as they are on one host
 */
export function excuse(kind: Kind, phase: Phase, oneHost: boolean): string | undefined {
  if (phase === 'exchanging with a peer' && !oneHost)
    return 'a star has no links between the workers of different hosts';
  const isAlone = phase === 'joining' || phase.startsWith('receiving');
  if (kind === 'reordered frames' && isAlone) return 'each worker joins by itself: there is no order to change';
  if (kind === 'coordinator SIGKILL' && isAlone && phase !== 'receiving data')
    return 'for the worker it is a closed socket, and on the disk of the coordinator nothing has changed';
  return undefined;
}

/** Seconds that a worker waits to be welcomed: only then does it know how long silence may be. */
const greeting = 10;

/** Milliseconds within which a loss has to be told. */
export function limitOf(kind: Kind, phase: Phase): number {
  if (kind === 'black hole' && phase === 'joining') return greeting * 1100;
  return silent.includes(kind) ? silence * 1500 : 1000;
}
