/** The `cluster` section: how a run over several machines moves its numbers, and how patient it is. */
import { z } from 'zod';

const nesterovOptions = z.strictObject({
  learningRate: z
    .number()
    .positive()
    .default(0.7)
    .describe('Part of the mean movement of the replicas that a round takes.'),
  momentum: z.number().min(0).max(0.999999).default(0.9).describe('Share of the velocity that the next round keeps.'),
});
const outerMapping = z
  .strictObject({ nesterov: nesterovOptions })
  .describe('Momentum over the rounds. Learning rate 1 and momentum 0 average the replicas.');
const outerSchema = z.union([
  z.enum(['nesterov']).transform((name) => outerMapping.parse({ [name]: {} })),
  outerMapping,
]);

/** To what replicas may round what they move by. */
export const movementPrecisions = ['int8', 'int4'] as const;

const localSchema = z
  .strictObject({
    steps: z.int().min(1).max(10_000).default(50).describe('Optimizer steps of a replica between two exchanges.'),
    replicas: z
      .union([z.literal('auto'), z.int().min(1).max(4096)])
      .default('auto')
      .describe(
        'Copies of the model that take steps of their own, each on its part of the shards of every global batch: as many as there are ' +
          'workers, or a multiple. It decides the result, who computes which does not. auto: one for each shard.',
      ),
    warmUpSteps: z
      .int()
      .min(0)
      .default(0)
      .describe(
        'Steps of the run that are taken in step before the first round: replicas go on from where those lead.',
      ),
    parts: z
      .int()
      .min(1)
      .max(256)
      .default(1)
      .describe(
        'Parts that the layers are dealt to in turn, of about equal bytes, and exchanged in turn: each once in `steps` steps, which are a ' +
          'multiple of them (Streaming DiLoCo).',
      ),
    overlap: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe(
        'Steps that replicas take while a part is exchanged, before they go on with what came of it. Fewer than steps / parts.',
      ),
    mixing: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe(
        'How much a replica keeps of a part of its own when its exchange has ended; the rest is that of the run. 1 would keep all. ' +
          'Default: 0.5 with overlap, our choice: docs/cluster.md has what others come to.',
      ),
    quantize: z
      .enum(movementPrecisions)
      .optional()
      .describe(
        'Rounds what each replica moves by, with error feedback, before it is sent: blocks of 32 numbers share a power of two as scale. ' +
          'Sums of several replicas travel as bfloat16. It changes the result, which depends on no worker all the same. Default: float32.',
      ),
    outer: outerSchema.prefault('nesterov').describe('How the mean movement of the replicas changes the parameters.'),
  })
  .describe(
    'DiLoCo: replicas train by themselves, and their movements are averaged. Each keeps the state of its optimizer.',
  );

const powerSgdSchema = z
  .strictObject({
    rank: z.int().min(1).max(256).default(4).describe('Columns of the factors: more are more exact, and more bytes.'),
    warmUpSteps: z
      .int()
      .min(0)
      .default(100)
      .describe('Steps of the run whose gradients travel whole, as directions change fast at first.'),
  })
  .describe('PowerSGD: matrices of the gradient travel as two factors of low rank, with error feedback.');

/** What gradients may be on the wire. */
export const wirePrecisions = ['float32', 'bfloat16', 'float16', 'int8'] as const;

export const clusterSchema = z
  .strictObject({
    allReduce: z
      .enum(['auto', 'star', 'butterfly', 'mpi'])
      .default('auto')
      .describe(
        'How gradients are added up: star through the coordinator, butterfly between the workers, to the same bits. mpi: by MPI itself, with ' +
          'transport mpi, in an order of its own. It changes the result, and makes it depend on the workers.',
      ),
    transport: z
      .enum(['websocket', 'mpi'])
      .default('websocket')
      .describe(
        'What carries gradients between machines. mpi: the MPI library that the job was started with (mpirun, srun). The bits are the same.',
      ),
    precision: z
      .enum(wirePrecisions)
      .default('float32')
      .describe(
        'Of gradients on the wire, with error feedback. Anything but float32 changes the result, and makes it depend on the workers.',
      ),
    compression: z
      .strictObject({ powerSgd: powerSgdSchema.prefault({}) })
      .optional()
      .describe(
        'Sends less than the whole gradient. It changes the result, and makes it depend on the workers. Default: none.',
      ),
    sync: z
      .union([z.literal('step'), z.strictObject({ local: localSchema.prefault({}) })])
      .default('step')
      .describe('When workers exchange what they have learned: after each step, or after some local steps.'),
    optimizerState: z
      .enum(['replicated', 'sharded'])
      .default('replicated')
      .describe(
        'Who has the memory of the optimizer: every worker all of it, or each a share, of which another worker or the coordinator has ' +
          'the second copy (ZeRO stage 1). The bits are the same.',
      ),
    placement: z
      .enum(['auto', 'replicate', 'stream', 'local'])
      .default('auto')
      .describe(
        'Where workers have the examples from: a copy of all, those of the next step only, or a copy of their own. auto: by size.',
      ),
    silence: z
      .number()
      .min(0.2)
      .default(10)
      .describe('Seconds without a sign of life after which a worker is declared lost.'),
    grace: z.number().min(0).default(60).describe('Seconds that a lost worker has to come back to what it had.'),
    stragglerFactor: z
      .number()
      .min(1.1)
      .default(3)
      .describe('A shard that takes so many times the usual time is computed by another worker too.'),
  })
  .describe('How to train across machines. Read by `lockstep coordinator`.');

/** @returns what excludes what: path in the section, why, and the remedy */
export function clusterConflict({ allReduce, transport, compression, precision, sync, optimizerState }: ClusterConfig) {
  if (allReduce === 'mpi' && transport !== 'mpi') {
    return [
      'transport',
      'MPI adds up only where it is the transport, too',
      'set cluster.transport: mpi, or cluster.allReduce: auto',
    ] as const;
  }
  if (allReduce === 'mpi' && optimizerState === 'sharded') {
    const message = 'MPI gives everybody the whole sum, and of sharded state each worker gets its share';
    return ['optimizerState', message, 'set cluster.optimizerState: replicated, or cluster.allReduce: auto'] as const;
  }
  const quantize = sync === 'step' ? undefined : sync.local.quantize;
  if (quantize && precision !== 'float32') {
    const message = `${precision} rounds what replicas exchange, too, and quantize: ${quantize} has done so before`;
    return ['precision', message, 'remove cluster.precision, or cluster.sync.local.quantize'] as const;
  }
  if (quantize && allReduce === 'mpi') {
    const message = `MPI adds up float32 numbers, and quantize: ${quantize} is for what travels as integers`;
    return ['sync', message, 'remove cluster.sync.local.quantize, or set cluster.allReduce: auto'] as const;
  }
  const isStreaming = sync !== 'step' && (sync.local.parts > 1 || sync.local.overlap > 0);
  if (isStreaming && precision !== 'float32') {
    const message = `${precision} rounds what is exchanged all at once, after which nothing else is computed`;
    return ['precision', message, 'remove cluster.precision, and set cluster.sync.local.quantize'] as const;
  }
  if (isStreaming && allReduce === 'mpi') {
    const message = 'MPI adds up all at once, and parts or overlap are asked for';
    return ['sync', message, 'remove parts and overlap, or set cluster.allReduce: auto'] as const;
  }
  const ends = `or set cluster.${precision === 'float32' ? 'sync: step' : 'precision: float32'}`;
  if (allReduce === 'mpi' && (compression || precision !== 'float32')) {
    const [path, what] = compression ? (['compression', 'factors'] as const) : (['precision', precision] as const);
    const message = `MPI adds up whole float32 numbers, and ${what} are asked for`;
    return [path, message, `remove cluster.${path}, or set cluster.allReduce: auto`] as const;
  }
  if (compression && precision !== 'float32') {
    const message = `${precision} rounds whole gradients, and powerSgd sends factors of them`;
    return ['precision', message, `remove cluster.compression, ${ends}`] as const;
  }
  if (compression && sync !== 'step') {
    const message = 'local steps exchange whole movements, and compression is for gradients of steps';
    return ['sync', message, `remove cluster.compression, ${ends}`] as const;
  }
  return undefined;
}

export type ClusterConfig = z.output<typeof clusterSchema>;
export type SyncConfig = ClusterConfig['sync'];
export type MovementPrecision = (typeof movementPrecisions)[number];
