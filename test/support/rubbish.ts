/** Frames that are wrong, in every way that a seed leads to. */
import { crc32 } from 'node:zlib';
import { encodeBlob, encodeControl } from '../../src/wire/frame.js';
import type { Message } from '../../src/wire/messages.js';
import { pack } from '../../src/wire/msgpack.js';
import { samples } from './messages.js';
import { slabFrame } from './slab-frames.js';

type Dice = (below: number) => number;

const messages = Object.values(samples) as Message[];

/** What no field takes, or no other one does. */
const values: readonly unknown[] = [
  ...[null, true, -1, 0, 1, 0.5, 2 ** 32, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE, ''],
  ...['x', '../../../etc/passwd', '\u001b[2J', 'x'.repeat(20_000), [], [[[[[]]]]], {}, { low: 5, high: 1 }],
  ...[Array.from({ length: 3000 }, () => 0.5), Array.from({ length: 500 }, (_, id) => ({ id, peer: 'ws://h:1' }))],
  ...[new Uint8Array(3), new Uint8Array(32), new Int32Array(4).fill(-1), new Int32Array(5000), new Float64Array(9000)],
];

const pick = <T>(dice: Dice, list: readonly T[]): T => list[dice(list.length)];

function bytes(dice: Dice, length: number): Buffer {
  const some = Buffer.alloc(length);
  for (let i = 0; i < length; i++) some[i] = dice(256);
  return some;
}

/** A control frame whose checksum is right, whatever is in it. */
function control(body: Buffer): Buffer {
  const frame = Buffer.alloc(8 + body.length);
  frame[0] = 1;
  frame.writeUInt32LE(crc32(body), 4);
  body.copy(frame, 8);
  return frame;
}

/** A good message with one of its fields, however deep, replaced or removed. */
function changed(dice: Dice, message: object): Buffer {
  const copy = structuredClone(message) as Record<string, unknown>;
  let at = copy;
  let key = pick(dice, Object.keys(at));
  while (typeof at[key] === 'object' && at[key] !== null && !ArrayBuffer.isView(at[key]) && dice(3) > 0) {
    const inner = at[key] as Record<string, unknown>;
    if (Object.keys(inner).length === 0) break;
    [at, key] = [inner, pick(dice, Object.keys(inner))];
  }
  if (dice(8) === 0) delete at[key];
  else at[key] = pick(dice, values);
  return control(pack(copy));
}

/** A slab frame that is well formed, of shards, rounds and segments of its own choice. */
export function strangeSlab(dice: Dice, round = dice(2 ** 16)): Buffer {
  const payload = new Uint8Array(4 * (1 + dice(2000))).fill(dice(256));
  const low = dice(8);
  const rest = { attempt: dice(3), segment: dice(4), checksum: dice(2 ** 32) };
  const stage = pick(dice, ['partial', 'total'] as const);
  const precision = pick(dice, ['float32', 'bfloat16'] as const);
  return slabFrame({ ...rest, kind: stage, precision, round, low, high: low + 1 + dice(4) }, payload);
}

function damaged(dice: Dice, frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  for (let n = 1 + dice(4); n > 0; n--) copy[dice(copy.length)] ^= 1 << dice(8);
  return dice(3) > 0 ? copy : copy.subarray(0, dice(copy.length));
}

/** Rubbish number `i`: kinds follow one another, so that each comes as often as the others. */
export function rubbish(dice: Dice, i: number): Buffer {
  const message = messages[i % messages.length];
  switch (Math.floor(i / messages.length) % 6) {
    case 0:
      return damaged(dice, encodeControl(message));
    case 1:
    case 2:
      return changed(dice, message);
    case 3:
      return encodeControl(message);
    case 4:
      return dice(2) === 0 ? bytes(dice, 1 + dice(300)) : control(bytes(dice, 1 + dice(100)));
    default: {
      const blob = encodeBlob({ transfer: dice(9), offset: dice(1e6), payload: bytes(dice, 1 + dice(200)) });
      const slab = strangeSlab(dice);
      return pick(dice, [blob, slab, damaged(dice, blob), damaged(dice, slab)]);
    }
  }
}
