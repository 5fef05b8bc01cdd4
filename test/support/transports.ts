/** The transports that there are: each passes the same suite, and carries a whole run. */

import type { Transport } from '../../src/wire/transport.js';
import { mpi } from '../../src/wire/transports.js';
import { webSocket } from '../../src/wire/websocket/websocket.js';
import { inProcess } from './in-process.js';
import { beMpiJob, withoutMpi } from './mpi.js';

if (withoutMpi) console.warn(`skipped: lines over MPI: ${withoutMpi}`);
// Both ends of a line are in one process here.
else beMpiJob();

export const transports: readonly (readonly [string, Transport])[] = [
  ['WebSocket', webSocket],
  ['queues in one process', inProcess],
  ...(withoutMpi ? [] : [['MPI', mpi] as const]),
];
