/**
 * The job: everything that a worker needs to make its pool, except examples and parameters. It is data: graphs of known
 * operators, sizes and settings. Nothing in it names a file or a module.
 */
import type { ClusterConfig } from '../config/cluster.js';
import type { OptimizerConfig } from '../config/optimizer.js';
import type { Augmentation } from '../data/augment/moved.js';
import type { Geometry } from '../data/geometry.js';
import type { ExamplesMeta } from '../data/packed.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';
import type { EngineSpec, LocalOptions } from '../pool/pool-options.js';
import type { PowerSgdRule } from '../reduce/power-sgd.js';

export interface Job {
  /** Its models have one layout; batches have the fields of `examples`. */
  readonly engine: Extract<EngineSpec, { kind: 'onnx' }>;
  readonly geometry: Geometry;
  /** Applies what a round comes to. */
  readonly optimizer: OptimizerConfig;
  /** How replicas take local steps; absent where each round is one step. */
  readonly local?: LocalOptions;
  readonly augment?: Augmentation;
  /** Of each target, in the order of the fields. */
  readonly metrics: readonly HeadMetrics[];
  readonly seed: number;
  /** Rows of the largest split that is evaluated. */
  readonly largestEvaluation: number;
  /** What the examples are that will come, or be found here. */
  readonly examples: ExamplesMeta;
  /** Places of the sequences in the batches of each of the engine's models; empty where there is one, and nothing is cut. */
  readonly buckets: readonly number[];
  /** Of gradients on the wire. */
  readonly precision: ClusterConfig['precision'];
  /** How they travel where not whole. */
  readonly compression?: PowerSgdRule;
  /** Where the worker has the examples from, with `auto` resolved. */
  readonly placement: Exclude<ClusterConfig['placement'], 'auto'>;
  readonly optimizerState: ClusterConfig['optimizerState'];
  /** Whether the rows that were really read are reported. */
  readonly ledger: boolean;
}
