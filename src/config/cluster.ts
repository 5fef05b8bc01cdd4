/** The `cluster` section: how a run over several machines moves its numbers, and how patient it is. */
import { z } from 'zod';

/** What gradients may be on the wire. */
export const wirePrecisions = ['float32', 'bfloat16', 'float16', 'int8'] as const;

export const clusterSchema = z
  .strictObject({
    allReduce: z
      .enum(['auto', 'star', 'butterfly'])
      .default('auto')
      .describe(
        'How gradients are added up: star through the coordinator, butterfly between the workers. The bits are the same.',
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

export type ClusterConfig = z.output<typeof clusterSchema>;
