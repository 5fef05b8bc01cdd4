/** What both ends of a WebSocket have in common. */
import { isIPv6 } from 'node:net';
import { largestFrame } from './frame.js';

/** Options of ws. Frames are binary and hardly compressible, and nobody splits them. */
export const socketOptions = {
  perMessageDeflate: false,
  skipUTF8Validation: true,
  maxPayload: largestFrame,
  maxFragments: 1,
  /** Milliseconds that the other side has to close what this side has closed. */
  closeTimeout: 2000,
};

/** As in a URL. */
export const hostAndPort = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
