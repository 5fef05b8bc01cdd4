/** Every message: a good one comes back as it was sent, a bad one is refused by the name of its field. */
import { describe, expect, it } from 'vitest';
import { RefusedError, WireError } from '../../src/errors.js';
import { asProse } from '../../src/wire/checks.js';
import { decodeFrame, encodeControl } from '../../src/wire/frame.js';
import { type Message, protocolVersion } from '../../src/wire/messages.js';
import { validateMessage } from '../../src/wire/validate.js';
import { samples } from '../support/messages.js';

const kinds = Object.keys(samples) as Message['kind'][];
const throughWire = (message: object): Message => {
  const decoded = decodeFrame(encodeControl(message as Message));
  if (decoded.kind !== 'control') throw new Error(`a ${decoded.kind} frame`);
  return decoded.message;
};

describe('a message', () => {
  it.each(kinds)('%s comes back as it was sent', (kind) => {
    expect(throughWire(samples[kind])).toEqual(samples[kind]);
  });

  it('brings typed arrays as copies that stand where their elements may', () => {
    const { sums } = throughWire(samples.evaluated) as typeof samples.evaluated;
    const { rows } = throughWire(samples.compute) as typeof samples.compute;
    const { nonce } = throughWire({ ...samples.challenge, nonce: Buffer.alloc(32, 5) }) as typeof samples.challenge;
    expect([sums.constructor, rows[0].rows.constructor, nonce.constructor]).toEqual([
      Float64Array,
      Int32Array,
      Uint8Array,
    ]);
    expect([sums.buffer.byteLength, nonce.buffer.byteLength]).toEqual([24, 32]);
  });

  it.each(kinds)('%s is refused when a field is missing, or one too many', (kind) => {
    const sample: Record<string, unknown> = { ...samples[kind] };
    for (const field of Object.keys(sample)) {
      const { [field]: _, ...rest } = sample;
      expect(() => validateMessage(rest)).toThrow(`${field === 'kind' ? '' : `${kind}.`}${field} is missing`);
    }
    expect(() => throughWire({ ...sample, extra: 1 })).toThrow(`${kind}.extra is not a field of this message`);
  });

  const range = { from: 32, to: 48 };
  const commit = (share: object) => ({
    ...samples.commit,
    sharded: { shares: [{ id: 2, from: 0, to: 32 }, share], hosts: [[2, 3]], others: [4] },
  });

  it('may say who updates what, and whose state comes', () => {
    for (const message of [commit({ id: 0, ...range }), { ...samples.transfer, what: 'slots', range } as const])
      expect(throughWire(message)).toEqual(message);
  });

  const node = (low: unknown, high: unknown) => ({ ...samples.compute, nodes: [{ low, high }] });
  const bad: readonly [object, string][] = [
    [{ kind: 'run' }, 'kind: "run" is not one of challenge, hello'],
    [{ kind: 'toString' }, 'kind: "toString" is not one of'],
    [{ kind: 5 }, 'kind: 5 is not one of'],
    [{ ...samples.challenge, nonce: new Uint8Array(31) }, 'challenge.nonce: Uint8Array of 31 bytes is not 32 bytes'],
    [{ ...samples.challenge, nonce: 'x'.repeat(32) }, 'challenge.nonce: "xxxxx'],
    [{ ...samples.hello, threads: 'x' }, 'hello.threads: "x" is not a whole number from 1 to 256'],
    [commit({ id: 0, from: 32, to: 47 }), 'commit.sharded.shares[1].to: 47 is not a multiple of 16'],
    [commit({ id: -1, ...range }), 'commit.sharded.shares[1].id: -1 is not'],
    [{ ...samples.transfer, range: { from: 64, to: 48 } }, 'transfer.range.from: 64 is not at most to, 48'],
    [{ ...samples.hello, threads: 257 }, 'hello.threads: 257 is not'],
    [{ ...samples.hello, threads: 0 }, 'hello.threads: 0 is not'],
    [{ ...samples.hello, threads: 1.5 }, 'hello.threads: 1.5 is not'],
    [{ ...samples.hello, threads: Number.NaN }, 'hello.threads: NaN is not'],
    [{ ...samples.hello, name: '' }, 'hello.name: "" is not a text of 1 to 64 printable characters'],
    [{ ...samples.hello, name: 'x'.repeat(65) }, `hello.name: "${'x'.repeat(36)}... is not`],
    [{ ...samples.hello, name: 'a\u001b[2J' }, 'hello.name: "a\\u001b[2J" is not'],
    [{ ...samples.hello, name: 'two\nlines' }, 'hello.name: "two\\nlines" is not'],
    [{ ...samples.hello, rank: { number: 1 } }, 'hello.rank.size is missing'],
    [{ ...samples.hello, rank: { number: 4096, size: 2 } }, 'hello.rank.number: 4096 is not'],
    [{ ...samples.hello, peer: 5 }, 'hello.peer: 5 is not a text'],
    [{ ...samples.hello, data: 'ab' }, 'hello.data: "ab" is not a list'],
    [{ ...samples.hello, data: Array(300).fill('ab') }, 'hello.data: a list of 300 is not a list of at most 256'],
    [{ ...samples.hello, data: ['ab', 7] }, 'hello.data[1]: 7 is not'],
    [{ ...samples.peerHello, id: 65_536 }, 'peerHello.id: 65536 is not'],
    [{ ...samples.welcome, silence: 0 }, 'welcome.silence: 0 is not a number from 0.1'],
    [{ ...samples.welcome, silence: Number.NaN }, 'welcome.silence: NaN is not'],
    [{ ...samples.refused, final: 1 }, 'refused.final: 1 is not true or false'],
    [{ ...samples.refused, problem: 'a\u001b[2J' }, 'refused.problem: "a\\u001b[2J" is not'],
    [{ ...samples.transfer, what: 'code' }, 'transfer.what: "code" is not one of job, data, rows, state'],
    [{ ...samples.transfer, bytes: -5 }, 'transfer.bytes: -5 is not'],
    [{ ...samples.useData, sha256: null }, 'useData.sha256: null is not'],
    [{ ...samples.world, members: [{ id: 1, peer: null, port: 1 }] }, 'world.members[0].port is not a field'],
    [
      { ...samples.world, members: [samples.world.members[1], samples.world.members[1]] },
      'world.members[1].id: 1 is not',
    ],
    [{ ...samples.world, members: [null] }, 'world.members[0]: null is not an object'],
    [{ ...samples.linked, ids: [1, -1] }, 'linked.ids[1]: -1 is not'],
    [node(0, 65_536), 'compute.nodes[0].high: 65536 is not'],
    [node(-1, 2), 'compute.nodes[0].low: -1 is not'],
    [node(2, 2), 'compute.nodes[0].low: 2 is not less than high, 2'],
    [node('0', 2), 'compute.nodes[0].low: "0" is not'],
    [
      { ...samples.compute, nodes: [...samples.compute.nodes].reverse() },
      'compute.nodes[1].low: 0 is not at or behind',
    ],
    [{ ...samples.compute, rows: [{ start: 0, rows: [1] }] }, 'compute.rows[0].rows: a list of 1 is not an Int32Array'],
    [{ ...samples.compute, rows: [{ start: 0, rows: Float64Array.of(1) }] }, 'Float64Array of 8 bytes is not an Int32'],
    [
      { ...samples.compute, rows: [{ start: 0, rows: Int32Array.of(3, -7) }] },
      'compute.rows[0].rows[1]: -7 is not zero or',
    ],
    [{ ...samples.compute, bucket: -1 }, 'compute.bucket: -1 is not'],
    [{ ...samples.compute, round: 2 ** 32 }, 'compute.round: 4294967296 is not'],
    [{ ...samples.computed, losses: [0, '1'] }, 'computed.losses[1]: "1" is not a number'],
    [{ ...samples.computed, phases: { sleep: 1 } }, 'computed.phases.sleep is not a field'],
    [{ ...samples.computed, phases: { compute: Number.NaN } }, 'computed.phases.compute: NaN is not'],
    [{ ...samples.computed, milliseconds: Number.POSITIVE_INFINITY }, 'computed.milliseconds: Infinity is not'],
    [{ ...samples.allReduce, attempt: 256 }, 'allReduce.attempt: 256 is not'],
    [{ ...samples.allReduce, algorithm: 'ring' }, 'allReduce.algorithm: "ring" is not one of star, butterfly, mpi'],
    [{ ...samples.allReduce, precision: 'int4' }, 'allReduce.precision: "int4" is not one of'],
    [{ ...samples.allReduce, shards: 0 }, 'allReduce.shards: 0 is not'],
    [
      { ...samples.allReduce, members: [{ id: 0, nodes: [{ low: 3, high: 1 }] }] },
      'allReduce.members[0].nodes[0].low: 3 is',
    ],
    [{ ...samples.reduced, squares: '0' }, 'reduced.squares: "0" is not a number'],
    [{ ...samples.commit, learningRate: Number.NaN }, 'commit.learningRate: NaN is not a finite number'],
    [{ ...samples.commit, gradientScale: Number.POSITIVE_INFINITY }, 'commit.gradientScale: Infinity is not a finite'],
    [{ ...samples.commit, stateScale: null }, 'commit.stateScale: null is not a finite number'],
    [{ ...samples.applied, milliseconds: -1 }, 'applied.milliseconds: -1 is not'],
    [
      { ...samples.evaluate, batches: [{ batch: 0, bucket: 0, rows: Int32Array.of(-1) }] },
      'evaluate.batches[0].rows[0]: -1 is not',
    ],
    [{ ...samples.evaluated, sums: [1] }, 'evaluated.sums: a list of 1 is not a Float64Array'],
    [{ ...samples.failed, phase: 'x'.repeat(65) }, 'failed.phase: "xxx'],
    [{ ...samples.failed, message: 'x'.repeat(16_385) }, 'failed.message: "xxx'],
    [{ ...samples.peerLost, reason: 5 }, 'peerLost.reason: 5 is not'],
    [{ ...samples.ping, time: Number.POSITIVE_INFINITY }, 'ping.time: Infinity is not a finite number'],
    [{ ...samples.pong, clock: 5n ** 20n }, 'pong.clock: 95367431640625 is not a finite number'],
    [{ ...samples.bye, reason: true }, 'bye.reason: true is not'],
  ];
  it.each(bad)('%o is refused by name', (message, problem) => {
    expect(() => throughWire(message)).toThrow(WireError);
    expect(() => throughWire(message)).toThrow(problem);
  });

  it.each([null, 5, 'ready', [], new Uint8Array(3)])('is not %o', (value) => {
    expect(() => validateMessage(value)).toThrow('kind is missing');
  });

  it('of another version of the protocol is refused with both versions, whatever else is in it', () => {
    for (const kind of ['challenge', 'hello', 'peerHello'] as const) {
      const newer = { ...samples[kind], protocol: 77, nonce: 'another form', extra: 1 };
      expect(() => throughWire(newer)).toThrow(RefusedError);
      expect(() => throughWire(newer)).toThrow(
        new RegExp(`version 77 of the protocol, this side version ${protocolVersion}`),
      );
    }
  });

  it('may hold any text of an error once that is made printable', () => {
    const message = asProse(`\u001b[31mbad\u001b[0m\r\n${'x'.repeat(20_000)}`);
    expect(throughWire({ ...samples.failed, message })).toMatchObject({ message });
    expect(message.startsWith(' [31mbad [0m \nxxx')).toBe(true);
  });
});
