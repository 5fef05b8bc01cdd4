/** Sets up a world: the coordinator's replica, the place where workers join, what each of them is sent. */
import type { ClusterConfig } from '../../src/config/cluster.js';
import { examplesFingerprint } from '../../src/data/fingerprint.js';
import { metaOf, packExamples } from '../../src/data/packed.js';
import { numericFingerprint } from '../../src/engine/onnx/numerics.js';
import { RefusedError, WireError } from '../../src/errors.js';
import { sha256 } from '../../src/ground/checksum.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { TrainingOptions } from '../../src/pool/spec.js';
import { becomeMember } from '../../src/pool/world-member.js';
import type { ListeningEvent, Reporter } from '../../src/report/events.js';
import type { Unwritten } from '../../src/report/unwritten.js';
import { bytesSource } from '../../src/wire/blob.js';
import { generateToken } from '../../src/wire/handshake.js';
import type { Job } from '../../src/wire/job.js';
import { encodeJob } from '../../src/wire/job-codec.js';
import { type Arrival, type Listener, listen } from '../../src/wire/listen.js';
import type { Hello } from '../../src/wire/messages.js';
import { encodeRows } from '../../src/wire/rows-blob.js';
import { stateSource } from '../../src/wire/state-blob.js';
import type { Certificate, Transport } from '../../src/wire/transport.js';
import { hostAndPort, urlTo } from '../../src/wire/url.js';
import { Timeline } from '../training/timeline.js';
import type { ListenAddress } from './address.js';
import { systemClock } from './clock.js';
import { Cluster } from './cluster.js';
import { addressesFor } from './own-addresses.js';
import { AppliedState, FetchedState } from './own-state.js';
import type { RemoteWorker } from './remote.js';
import { World } from './world.js';

export interface ClusterChoices {
  /** Of the coordinator; 0 if it does not compute. */
  readonly threads: number;
  /** Remote workers without which the run does not begin, and without which it does not go on. */
  readonly minimum: number;
  readonly minimumLater: number;
  readonly config: ClusterConfig;
  readonly report: Reporter;
  readonly signal: AbortSignal | undefined;
  readonly ledger: boolean;
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
  /** Made if there is none. */
  readonly token: string | undefined;
  readonly tls: Certificate | undefined;
  readonly trace: string | undefined;
  readonly unwritten: Unwritten;
  readonly allowMixedNumerics: boolean;
  /** Told where it listens. */
  readonly started: (address: Required<ListenAddress>) => void;
}

/** Characters of a token that nobody finds by trying. */
const leastToken = 16;
/** Data sets up to this size are sent to every worker as a whole. */
const replicatedBytes = 2 ** 31;

/**
 * @param parameters initial slab
 * @throws ConfigError when it cannot listen, or the run's engine cannot be sent to workers
 */
export async function startCluster(
  options: TrainingOptions,
  parameters: Float32Array,
  choices: ClusterChoices,
): Promise<Cluster> {
  const trace = choices.trace === undefined ? undefined : new Timeline(choices.trace, choices.unwritten);
  try {
    const cluster = await start(options, parameters, choices, trace);
    trace?.keep();
    return cluster;
  } catch (error) {
    trace?.discard();
    throw error;
  }
}

async function start(
  options: TrainingOptions,
  parameters: Float32Array,
  choices: ClusterChoices,
  trace: Timeline | undefined,
): Promise<Cluster> {
  const { threads, config, report, token = generateToken(), ledger } = choices;
  const image = packExamples(options.examples);
  const placement = placementOf(config, image.length);
  const { engine, layout, buckets, geometry, optimizer, augment, metrics, seed, largestEvaluation } = options;
  const encoded = (where: Job['placement']) => {
    const bytes = encodeJob({
      engine,
      geometry,
      optimizer,
      augment,
      metrics,
      seed,
      largestEvaluation,
      examples: metaOf(options.examples),
      buckets: buckets?.places ?? [],
      precision: config.precision,
      placement: where,
      ledger,
    });
    return { source: bytesSource(bytes), hash: sha256(bytes) };
  };
  // A worker with a copy of its own reads that, wherever the others have theirs from.
  const jobs = { [placement]: encoded(placement), local: encoded('local') };
  const numerics = numericFingerprint();
  const fingerprint = await examplesFingerprint(options.examples);
  const examples = options.examples;
  const pool = await (threads > 0
    ? ThreadPool.start(
        {
          use: 'rounds',
          engine,
          layout,
          examples,
          geometry,
          optimizer,
          augment,
          metrics,
          seed,
          threads,
          largestEvaluation,
        },
        parameters,
      )
    : ThreadPool.start({ use: 'updates', layout, geometry, optimizer }, parameters));
  const {
    member: self,
    allReduce: exchange,
    landings,
  } = becomeMember(pool, {
    id: 0,
    name: 'coordinator',
    send: (to, frame) => world.remote(to)?.sendSlab(frame),
    refused: (from, error) => world.blame(from, error),
  });
  const prepare = async (worker: RemoteWorker, hello: Hello) => {
    const has = hello.local === fingerprint ? 'local' : placement;
    if (has === 'local' && hello.local !== fingerprint) {
      throw new RefusedError(
        hello.local === null ? 'it has no copy of the data' : 'its copy of the data is another one than the run has',
        'start it with --config, or use cluster.placement: replicate',
      );
    }
    if (has === 'stream') worker.feed = (rows) => encodeRows(options.examples, rows);
    await worker.transfer('job', jobs[has].source, jobs[has].hash, -1);
    if (has === 'stream') return;
    if (hello.local === fingerprint || hello.data.includes(fingerprint)) {
      return worker.send({ kind: 'useData', sha256: fingerprint });
    }
    const { name } = worker;
    await worker.transfer(
      'data',
      image,
      fingerprint,
      -1,
      byTenths(image.length, (bytes) => report({ event: 'transfer', name, what: 'data', bytes, total: image.length })),
    );
  };
  const sync = (worker: RemoteWorker, round: number) => worker.transfer('state', stateSource(pool), '', round);
  const own = threads > 0 ? new AppliedState(self) : new FetchedState(pool, systemClock);
  const world = new World({
    self,
    own,
    exchange,
    landings,
    minimum: choices.minimum,
    minimumLater: choices.minimumLater,
    grace: config.grace,
    stragglerFactor: config.stragglerFactor,
    bytes: layout.state * 4,
    batchSize: geometry.batchSize,
    shards: geometry.shards,
    report,
    clock: systemClock,
    signal: choices.signal,
    prepare,
    sync,
    trace,
  });

  const arrived = ({ connection, hello, welcome }: Arrival<'hello'>) => {
    const crowded = world.refusal(hello, connection);
    if (crowded) {
      refused(new WireError(`${connection.address}: ${crowded.problem}`, crowded.remedy));
      return void connection.refuse(crowded.problem, crowded.remedy, false);
    }
    const refusal = refusalOf(hello, numerics, choices.allowMixedNumerics);
    if (refusal) {
      world.turnedAway(connection);
      report({
        event: 'worker',
        change: 'refused',
        name: hello.name,
        address: connection.address,
        step: world.committed,
        reason: refusal.problem,
      });
      return void connection.refuse(refusal.problem, refusal.remedy, true);
    }
    if (hello.numerics !== numerics.hash) world.markMixed(hello.name, hello.processor);
    const place = world.place(hello);
    welcome(place.id, config.silence);
    connection.watch(config.silence);
    world.join(hello, connection, place);
  };
  const refused = seldom((problem, more) =>
    report({
      event: 'warning',
      message: `somebody could not join: ${problem}${more > 0 ? ` (and ${more} before)` : ''}`,
    }),
  );
  try {
    const { transport, host, port, tls } = choices;
    const place = { host, port, token, tls, expects: 'hello' as const };
    const listener = await listen(transport, place, { arrived, refused });
    choices.started({ host, port: listener.port, token });
    const close = async () => {
      await world.close('the run is over');
      await listener.close();
      trace?.close();
      await pool.close();
    };
    const round = {
      precision: config.precision,
      algorithm: config.allReduce,
      bytes: layout.state * 4,
      silence: config.silence * 1000,
    };
    if (!listener.isLocal && token.length < leastToken) {
      report({
        event: 'warning',
        message:
          `the token has ${token.length} characters: whoever overhears a worker joining can find it by trying; ` +
          `leave --token out for a random one, or use ${leastToken} or more`,
      });
    }
    const opening = listening(choices, listener, token);
    const restart = (after: number) => {
      exchange.restart();
      self.restart(after);
    };
    return new Cluster({ options, pool, world, own, restart, round, report, opening, close });
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** Milliseconds between two lines about strangers: anybody on the network can cause them. */
const strangerInterval = 1000;

function seldom(tell: (problem: string, more: number) => void): (error: { readonly problem: string }) => void {
  let last = Number.NEGATIVE_INFINITY;
  let more = 0;
  return ({ problem }) => {
    const now = performance.now();
    if (now - last < strangerInterval) more++;
    else {
      tell(problem, more);
      [last, more] = [now, 0];
    }
  };
}

/** Passes on every tenth of a transfer's progress. */
function byTenths(total: number, tell: (bytes: number) => void): (bytes: number) => void {
  let told = 0;
  return (bytes) => {
    if (bytes < total && bytes - told < total / 10) return;
    told = bytes;
    tell(bytes);
  };
}

function placementOf({ placement }: ClusterConfig, bytes: number): Job['placement'] {
  if (placement !== 'auto') return placement;
  return bytes <= replicatedBytes ? 'replicate' : 'stream';
}

/** Why a worker that knows the token is not admitted all the same. */
function refusalOf(
  hello: Hello,
  own: { readonly engine: string; readonly hash: string; readonly processor: string },
  mixed: boolean,
): RefusedError | undefined {
  if (hello.engine !== own.engine) {
    return new RefusedError(
      `it has ${hello.engine}, the coordinator ${own.engine}: their results differ`,
      'install the same version of lockstep on both',
    );
  }
  if (hello.numerics !== own.hash && !mixed) {
    return new RefusedError(
      `its arithmetic gives other bits (${hello.processor}) than the coordinator's (${own.processor})`,
      'use machines of one kind, or start the coordinator with --allow-mixed-numerics',
    );
  }
  return undefined;
}

/** As a POSIX shell takes it for one word. */
const shellWord = (text: string): string => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function listening(
  { transport, host, tls, minimum }: ClusterChoices,
  { isLocal: local, port }: Listener,
  token: string,
): ListeningEvent {
  const addresses = addressesFor(host);
  const urls = addresses.map((address) => urlTo(hostAndPort(address, port), transport.schemes, tls !== undefined));
  const ca = tls ? ' --tls-ca <certificate>' : '';
  const join = `npx lockstep worker ${urls[0]}${token === '' ? '' : ` --token ${shellWord(token)}`}${ca}`;
  return { event: 'listening', url: urls[0], join, local, note: noteOn(local, host, addresses[0], urls), minimum };
}

/** What the command to join does not say. */
function noteOn(local: boolean, host: string, address: string, urls: readonly string[]): string | null {
  if (local) return 'for workers on other machines, start the coordinator with --host 0.0.0.0';
  if (urls.length > 1) return `where that address is not reached, try ${urls.slice(1).join(' or ')}`;
  const isKnown = address !== '0.0.0.0' && address !== '::';
  return isKnown ? null : `put the name or address of this machine in place of ${host}`;
}
