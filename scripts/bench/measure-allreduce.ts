/**
 * One measurement of the exchange between two processes, `node measure-allreduce.js`: the first starts the second, which
 * calls it on loopback as a peer does; both then add up slabs with the real parts, in the butterfly of two members.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { AllReduce } from '../../src/reduce/all-reduce.js';
import type { Collective } from '../../src/reduce/collective.js';
import { LANDING_FLOATS, Landings } from '../../src/reduce/landings.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { SCRATCH_FLOATS } from '../../src/reduce/workbench.js';
import type { Connection } from '../../src/wire/connection.js';
import { dial } from '../../src/wire/dial.js';
import { listen } from '../../src/wire/listen.js';
import type { Transport } from '../../src/wire/transport.js';
import { webSocket } from '../../src/wire/websocket/websocket.js';
import { measure } from './measurement.js';
import { allocateRegions, floatsOf, repeatsOf, type SumsMeasurement, warmUpsOf } from './sums.js';

const program = fileURLToPath(import.meta.url);
const token = 'benchmark';
/** Seconds that it takes at most, apart from the start. */
const longest = 30;

/** Measures in processes of their own. */
export const measureAllReduce = (): Promise<SumsMeasurement> => measure(process.execPath, [program], longest);

/** Members 0 and 1 with a shard each. */
const planOf = (round: number, algorithm: AllReducePlan['algorithm']): AllReducePlan => ({
  round,
  attempt: 0,
  algorithm,
  precision: 'float32',
  shards: 2,
  members: [0, 1].map((id) => ({ id, nodes: [{ low: id, high: id + 1 }] })),
});

const mostFloats = floatsOf(Math.max(...Object.keys(repeatsOf).map(Number)));

/** What brings sums from one process to the other: a line, or the library of their job. */
export type SumsRoad = { readonly line: Connection } | { readonly library: Collective };

/** @returns milliseconds of one all-reduce */
async function time(
  self: number,
  road: SumsRoad,
  { memory, offsets, landings }: ReturnType<typeof allocateRegions> & { readonly landings: Landings },
  bytes: number,
  firstRound: number,
): Promise<number> {
  const floats = floatsOf(bytes);
  const [slot, total, scratch] = offsets;
  const own = new Float32Array(memory.buffer, slot, floats).fill(1);
  const exchange = new AllReduce({
    self,
    memory,
    kernels: loadUpdateKernels(memory),
    layout: { trainable: floats, state: floats },
    total,
    scratch,
    earlyBytes: 4 * bytes + 2 ** 20,
    ...('library' in road && { collective: () => road.library }),
    send: (_, frame) => 'line' in road && road.line.sendSlab(frame),
    refused: (_, error) => {
      throw error;
    },
  });
  if ('line' in road) {
    road.line.handle({
      message: () => {},
      slab: (frame) => exchange.receive(1 - self, frame),
      landing: () => landings.take(),
      blob: () => {},
      closed: (error) => error && exchange.abort(error),
    });
  }
  const algorithm = 'line' in road ? 'butterfly' : 'mpi';
  const add = async (round: number) => {
    await exchange.begin(planOf(round, algorithm), [{ low: self, high: self + 1, offset: slot }]);
    // The next round writes where their payloads lie.
    while ('line' in road && road.line.buffered > 0) await new Promise(setImmediate);
    exchange.commit();
  };
  await add(firstRound);
  if (new Float32Array(memory.buffer, exchange.place, floats).some((value) => value !== 2))
    throw new Error('1 + 1 is not 2');
  // Sums that take the place of what is added up would grow.
  own.fill(0);
  for (let i = 1; i < warmUpsOf[bytes]; i++) await add(firstRound + i);
  const started = performance.now();
  for (let i = 0; i < repeatsOf[bytes]; i++) await add(firstRound + warmUpsOf[bytes] + i);
  return (performance.now() - started) / repeatsOf[bytes];
}

/** @param self 0 or 1: both processes call it */
export async function timeAll(self: number, road: SumsRoad): Promise<SumsMeasurement> {
  const milliseconds: Record<number, number> = {};
  const { memory, offsets } = allocateRegions([mostFloats, mostFloats, SCRATCH_FLOATS, LANDING_FLOATS]);
  // For all sizes: a line keeps what it has taken.
  const regions = { memory, offsets, landings: new Landings(memory, offsets[3]) };
  let round = 0;
  for (const bytes of Object.keys(repeatsOf).map(Number)) {
    milliseconds[bytes] = await time(self, road, regions, bytes, round);
    round += warmUpsOf[bytes] + repeatsOf[bytes];
  }
  return { software: 'Lockstep', milliseconds };
}

/** Listens for one peer. @returns what to close, and the line to it once it has come */
export async function listenForPeer(transport: Transport) {
  let found!: (connection: Connection) => void;
  let failed!: (error: Error) => void;
  const arrived = new Promise<Connection>((resolve, reject) => {
    [found, failed] = [resolve, reject];
  });
  const listener = await listen(
    transport,
    { host: '127.0.0.1', port: 0, token, expects: 'peerHello' },
    {
      arrived: ({ connection, welcome }) => {
        welcome(0, longest);
        found(connection);
      },
      refused: failed,
    },
  );
  return { listener, url: `${transport.schemes.plain}://127.0.0.1:${listener.port}`, arrived, failed };
}

export async function callPeer(transport: Transport, url: string): Promise<Connection> {
  const { connection } = await dial(transport, url, { token, identity: { kind: 'peerHello', id: 1 } });
  return connection;
}

async function first(): Promise<void> {
  const { listener, url, arrived, failed } = await listenForPeer(webSocket);
  const second = spawn(process.execPath, [program, url], { stdio: 'inherit' });
  second.once('exit', (code) => failed(new Error(`the second process ended with exit code ${code}`)));
  const result = await timeAll(0, { line: await arrived });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  await listener.close();
}

async function second(url: string): Promise<void> {
  await timeAll(1, { line: await callPeer(webSocket, url) });
}

if (process.argv[1] === program) await (process.argv[2] === undefined ? first() : second(process.argv[2]));
