/** Starts a world: the coordinator's replica, what newcomers are sent, who is admitted, and the place where workers join. */
import type { ClusterConfig } from '../../src/config/cluster.js';
import { type NumericFingerprint, numericFingerprint } from '../../src/engine/onnx/numerics.js';
import { hostIdentity } from '../../src/ground/host-identity.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { RoundOptions, TrainingOptions, UpdateOptions } from '../../src/pool/pool-options.js';
import { becomeMember } from '../../src/pool/world-member.js';
import type { PowerSgdRule } from '../../src/reduce/power-sgd.js';
import { sumBytes } from '../../src/reduce/segments.js';
import type { Reporter } from '../../src/report/events.js';
import type { Unwritten } from '../../src/report/unwritten.js';
import { generateToken } from '../../src/wire/handshake.js';
import { listen } from '../../src/wire/listen.js';
import { mpiCollective } from '../../src/wire/mpi/mpi-collective.js';
import type { Certificate, Transport } from '../../src/wire/transport.js';
import { portableEngine } from '../prepare/choose-engine.js';
import { Timeline } from '../training/timeline.js';
import type { ListenAddress } from './address.js';
import { Admission } from './admission.js';
import { wantsButterfly } from './all-reduce-attempts.js';
import { checkSharding } from './check-sharding.js';
import { systemClock } from './clock.js';
import { Cluster } from './cluster.js';
import { endingOf } from './ending.js';
import { JoinLimits } from './join-limits.js';
import { type ListeningPlace, listeningEvent, tokenWarning } from './listening.js';
import { localOptions, outerStep, warmUpWarning } from './outer-step.js';
import { AppliedState, FetchedState, type OwnState, ShardedState } from './own-state.js';
import { Pace } from './pace.js';
import { Provision, packSupplies, type Supplies } from './provision.js';
import type { QuorumOptions } from './quorum.js';
import { ReplicaKeeper } from './replica-keeper.js';
import type { OuterStep } from './round-plan.js';
import { roundSettings } from './round-settings.js';
import { Sharding, type ShardingOptions } from './sharding.js';
import { World } from './world.js';

export interface ClusterChoices {
  /** Of the coordinator; 0 if it does not compute. */
  readonly threads: number;
  /** Remote workers without which the run does not begin, and without which it does not go on. */
  readonly workers: Pick<QuorumOptions, 'first' | 'later' | 'arrival'>;
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
  readonly started: (address: Required<Omit<ListenAddress, 'jobs'>>) => void;
}

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

/** Seconds that the end of a run waits for workers who are about to join, to tell them. */
const joiningPatience = 1;

type OwnPool = ThreadPool<RoundOptions> | ThreadPool<UpdateOptions>;

async function start(
  given: TrainingOptions,
  parameters: Float32Array,
  choices: ClusterChoices,
  trace: Timeline | undefined,
): Promise<Cluster> {
  const { threads, config, ledger, allowMixedNumerics } = choices;
  const options = allowMixedNumerics ? { ...given, engine: portableEngine(given.engine) } : given;
  checkSharding(config, options);
  const outer = outerStep(config.sync, options);
  const supplies = await packSupplies(options, config, outer, ledger);
  const numerics = numericFingerprint();
  const pool = await startPool(options, outer, config.compression?.powerSgd, threads, parameters);
  try {
    return await open(pool, options, outer, supplies, numerics, choices, trace);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** The coordinator's replica. @param threads 0 for one that computes nothing, and only keeps the parameters */
function startPool(
  options: TrainingOptions,
  outer: OuterStep | undefined,
  compression: PowerSgdRule | undefined,
  threads: number,
  parameters: Float32Array,
): Promise<OwnPool> {
  const { engine, layout, examples, geometry, augment, metrics, seed, largestEvaluation } = options;
  const optimizer = outer?.optimizer ?? options.optimizer;
  const warmUp = outer && outer.warmUpSteps > 0 ? options.optimizer : undefined;
  if (threads === 0)
    return ThreadPool.start(
      { use: 'updates', layout, geometry, optimizer, warmUp, parts: outer?.parts, compression },
      parameters,
    );
  return ThreadPool.start(
    {
      use: 'rounds',
      engine,
      layout,
      examples,
      geometry,
      optimizer,
      local: localOptions(options, outer),
      compression,
      augment,
      metrics,
      seed,
      threads,
      largestEvaluation,
    },
    parameters,
  );
}

/** Listens, with a world behind it. */
async function open(
  pool: OwnPool,
  options: TrainingOptions,
  outer: OuterStep | undefined,
  supplies: Supplies,
  numerics: NumericFingerprint,
  choices: ClusterChoices,
  trace: Timeline | undefined,
): Promise<Cluster> {
  const { config, report, transport, host, tls, workers, token = generateToken() } = choices;
  const { limits, ...parts } = buildWorld(pool, options, outer, supplies, choices, trace);
  const { world, sharding } = parts;
  const admission = new Admission({
    world,
    limits,
    numerics,
    allowMixedNumerics: choices.allowMixedNumerics,
    ranks: workers.arrival?.ranks,
    silence: config.silence,
    report,
    clock: systemClock,
  });
  const listener = await listen(transport, { host, port: choices.port, token, tls, expects: 'hello' }, admission);
  const { port, isLocal } = listener;
  choices.started({ host, port, token });
  const place: ListeningPlace = {
    host,
    isLocal,
    port,
    token,
    schemes: transport.schemes,
    isEncrypted: tls !== undefined,
    minimum: workers.first,
  };
  for (const message of [tokenWarning(place), warmUpWarning(config, options.geometry)]) {
    if (message !== undefined) report({ event: 'warning', message });
  }
  return new Cluster({
    options,
    pool,
    ...parts,
    round: {
      ...roundSettings(options, config, outer, parts.world),
      shares: sharding && ((present) => sharding.sharesAmong(present)),
    },
    outer,
    report,
    opening: listeningEvent(place),
    isReproducible: () => !admission.mixed,
    async close(failure) {
      sharding?.close();
      const ending = endingOf(failure, choices.signal);
      admission.end(ending);
      await world.close(ending);
      await listener.close(joiningPatience);
      trace?.close();
      await pool.close();
    },
  });
}

function keeperOf(
  pool: OwnPool,
  options: Pick<TrainingOptions, 'layout' | 'optimizer'>,
  { optimizer: _, ...rounds }: OuterStep,
  inner: OwnState,
  world: () => World,
): ReplicaKeeper {
  return new ReplicaKeeper({
    ...options,
    ...rounds,
    inner,
    state: pool,
    own: pool.replicas,
    world,
    clock: systemClock,
  });
}

function shardingOf(
  { precision, allReduce: algorithm, silence }: ClusterConfig,
  options: Omit<ShardingOptions, 'precision' | 'butterfly' | 'patience'> & { readonly world: World },
): Sharding {
  const butterfly = wantsButterfly({ algorithm, bytes: sumBytes(options.layout, precision) });
  const sharding = new Sharding({ ...options, precision, butterfly, patience: silence * 1000 });
  options.world.onLoss((worker) => sharding.lost(worker));
  return sharding;
}

function buildWorld(
  pool: OwnPool,
  { layout, geometry, optimizer }: TrainingOptions,
  outer: OuterStep | undefined,
  supplies: Supplies,
  { threads, config, report, workers, signal }: ClusterChoices,
  trace: Timeline | undefined,
) {
  const { member, allReduce, parameters, landings } = becomeMember(pool, {
    id: 0,
    name: 'coordinator',
    send: (to, frame) => world.remote(to)?.sendSlab(frame),
    collective: mpiCollective,
    refused: (from, error) => world.blame(from, error),
  });
  const isSharded = config.optimizerState === 'sharded';
  const applied = new AppliedState(member);
  const fetched = new FetchedState(pool, systemClock, isSharded ? () => sharding!.pieces() : undefined);
  const shared = isSharded ? new ShardedState(applied, fetched) : undefined;
  const inner = shared ?? (threads > 0 ? applied : fetched);
  const keeper = outer && keeperOf(pool, { layout, optimizer }, outer, inner, () => world);
  const own = keeper ?? inner;
  const limits = new JoinLimits();
  const world: World = new World({
    self: member,
    allReduce,
    landings,
    own,
    provision: new Provision(supplies, isSharded ? { parameters: pool.parameters, slots: [] } : pool, report),
    pace: outer
      ? new Pace(config.stragglerFactor, { ...geometry, shards: outer.replicas }, () => 1)
      : new Pace(config.stragglerFactor, geometry),
    limits,
    trace,
    workers,
    grace: config.grace,
    host: hostIdentity(),
    bytes: layout.state * 4,
    optimizerState: { bytes: pool.slots.reduce((sum, { byteLength }) => sum + byteLength, 0), sharded: isSharded },
    report,
    clock: systemClock,
    cut: (one, other) => sharding?.cut(one, other),
    signal,
  });
  const sharding =
    shared && shardingOf(config, { world, own: shared, self: member, parameters, slots: pool.slots, layout });
  const restart = (after: number) => {
    allReduce.restart();
    member.restart(after);
  };
  return { world, own, keeper, restart, limits, sharding };
}
