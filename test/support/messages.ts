/** One good message of each kind. */
import { type Message, protocolVersion } from '../../src/wire/messages.js';

const nonce = (seed: number) => Uint8Array.from({ length: 32 }, (_, i) => (seed + 7 * i) % 256);
const nodes = [
  { low: 0, high: 2 },
  { low: 4, high: 5 },
];
const rows = [{ start: 8, rows: Int32Array.of(5, 0, 2 ** 31 - 1) }];

export const samples: { readonly [K in Message['kind']]: Extract<Message, { kind: K }> } = {
  challenge: { kind: 'challenge', protocol: protocolVersion, nonce: nonce(1) },
  hello: {
    kind: 'hello',
    protocol: protocolVersion,
    nonce: nonce(2),
    proof: nonce(3),
    name: 'Regal 1 · Süd',
    membership: 'c2Vzc2lvbg',
    threads: 4,
    engine: 'onnx 1.30.0',
    processor: 'EPYC, AVX-512',
    numerics: 'ab12',
    peer: 'ws://10.0.0.7:5000',
    data: ['ab', 'cd'],
    local: null,
  },
  peerHello: { kind: 'peerHello', protocol: protocolVersion, nonce: nonce(4), proof: nonce(5), id: 3 },
  welcome: { kind: 'welcome', proof: nonce(6), id: 1, silence: 10 },
  refused: { kind: 'refused', problem: 'wrong engine', remedy: 'install\nanother', final: true },
  transfer: { kind: 'transfer', transfer: 7, what: 'state', bytes: 5e9, sha256: 'ef', round: 100 },
  useData: { kind: 'useData', sha256: 'ef' },
  ready: { kind: 'ready' },
  world: {
    kind: 'world',
    members: [
      { id: 0, peer: null },
      { id: 1, peer: 'ws://h:1' },
    ],
  },
  linked: { kind: 'linked', ids: [1, 2] },
  compute: {
    kind: 'compute',
    round: 9,
    epoch: 1,
    step: 2,
    bucket: 3,
    local: [{ bucket: 3, learningRate: 0.1 }],
    nodes,
    rows,
  },
  computed: {
    kind: 'computed',
    round: 9,
    nodes,
    losses: [0.25, Number.NaN, Number.POSITIVE_INFINITY],
    divisors: [16, 16, 0],
    phases: { compute: 1.5, gather: 0 },
    milliseconds: 2.5,
    used: rows,
  },
  allReduce: {
    kind: 'allReduce',
    round: 9,
    attempt: 1,
    algorithm: 'butterfly',
    precision: 'bfloat16',
    shards: 5,
    members: [
      { id: 0, nodes: [] },
      { id: 2, nodes },
    ],
  },
  reduced: { kind: 'reduced', round: 9, attempt: 255, squares: Number.POSITIVE_INFINITY, bytes: 12, milliseconds: 1 },
  commit: { kind: 'commit', round: 9, learningRate: 1e-3, gradientScale: 1 / 96, stateScale: 1 / 96 },
  applied: { kind: 'applied', round: 9, milliseconds: 0.5 },
  fetch: { kind: 'fetch', round: 7 },
  evaluate: { kind: 'evaluate', request: 1, batches: [{ batch: 3, bucket: 1, rows: Int32Array.of(1, 2) }] },
  evaluated: {
    kind: 'evaluated',
    request: 1,
    sums: Float64Array.of(0.1, Number.NaN, 3),
    counts: Float64Array.of(7),
    kept: Float32Array.of(0.5),
    milliseconds: 4,
  },
  failed: { kind: 'failed', phase: 'compute', message: 'out of memory\n\tat run' },
  peerLost: { kind: 'peerLost', id: 2, round: 9, reason: 'connection lost' },
  drain: { kind: 'drain' },
  ping: { kind: 'ping', time: 1.8e12 + 0.125 },
  pong: { kind: 'pong', time: 1.8e12, clock: 1.8e12 + 3 },
  bye: { kind: 'bye', reason: 'the run is over' },
};
