/**
 * Lines between the processes of an MPI job: sums by MPI, over shared memory or whatever network the library is made for, and
 * all else by a socket beside it.
 */
import { ConfigError } from '../../errors.js';
import type { Transport } from '../transport.js';
import { MpiChannel } from './mpi-channel.js';
import { withoutMpi } from './mpi-library.js';
import { mpiWorld } from './mpi-world.js';

const schemes = { plain: 'mpi', encrypted: 'mpis' } as const;

const unencrypted = (remedy: string) =>
  new ConfigError('sums go by MPI, which does not encrypt', `${remedy}, or ${withoutMpi}`);

/** @param socket carries all that is no sum */
export function besideMpi(socket: Transport): Transport {
  /** @throws ConfigError for a URL with encryption */
  const beside = (url: URL): URL => {
    if (url.protocol === `${schemes.encrypted}:`) throw unencrypted(`give ${schemes.plain}://${url.host}`);
    return new URL(url.href.replace(schemes.plain, socket.schemes.plain));
  };
  return {
    schemes,
    locate: (host) => socket.locate(host),
    async accept(place, doorkeeper) {
      if (place.tls) throw unencrypted('leave the certificate out');
      const joined = mpiWorld();
      return socket.accept(place, {
        came: (open) => doorkeeper.came((events) => new MpiChannel(joined, false, open, events)),
        failed: (error) => doorkeeper.failed(error),
      });
    },
    async connect(url, ca, signal, opened) {
      const target = beside(url);
      const joined = mpiWorld();
      // Where that has failed before, calling again is in vain.
      await Promise.race([joined, undefined]);
      await socket.connect(target, ca, signal, (open) =>
        opened((events) => new MpiChannel(joined, true, open, events)),
      );
    },
    ownHost: async (url, signal) => socket.ownHost(beside(url), signal),
  };
}
