/** The transports that there are: each passes the same suite, and carries a whole run. */
import type { Transport } from '../../src/wire/transport.js';
import { webSocket } from '../../src/wire/websocket/websocket.js';
import { inProcess } from './in-process.js';

export const transports: readonly (readonly [string, Transport])[] = [
  ['WebSocket', webSocket],
  ['queues in one process', inProcess],
];
