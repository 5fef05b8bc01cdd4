/** The transports by name, as configs and addresses choose them. */
import { ConfigError } from '../errors.js';
import { besideMpi } from './mpi/mpi.js';
import { inJob, lostLauncherFile, withoutMpi } from './mpi/mpi-library.js';
import { mpiWorld } from './mpi/mpi-world.js';
import type { Transport } from './transport.js';
import { webSocket } from './websocket/websocket.js';

export const mpi = besideMpi(webSocket);

type TransportName = 'websocket' | 'mpi';

/** @throws ConfigError when this process cannot use it */
export function transportNamed(name: TransportName): Transport {
  if (name === 'websocket') return webSocket;
  if (!inJob()) {
    throw new ConfigError(
      'cluster.transport: mpi, or an address that begins with mpi:, in a process that is not of an MPI job',
      `start it with mpirun, mpiexec or srun, or ${withoutMpi}`,
    );
  }
  const lost = lostLauncherFile();
  if (lost !== undefined) {
    throw new ConfigError(
      `cluster.transport: mpi, and PMI_FD=${lost}, by which MPI talks to what has started the job, is no open file: npx and npm pass none on`,
      `start node_modules/.bin/lockstep in the place of npx lockstep, or ${withoutMpi}`,
    );
  }
  // Where all processes of the job wait for each other, without which none has a line over it.
  mpiWorld();
  return mpi;
}

/** The one whose URLs begin like that. @throws ConfigError when this process cannot use it */
export const transportOf = (address: string): Transport =>
  transportNamed(/^mpis?:\/\//i.test(address) ? 'mpi' : 'websocket');
