/** Options of ws for both ends. Frames are binary and hardly compressible, and nobody splits them. */
import { largestFrame } from '../frame.js';

export const socketOptions = {
  perMessageDeflate: false,
  skipUTF8Validation: true,
  maxPayload: largestFrame,
  maxFragments: 1,
  /** Milliseconds that the other side has to close what this side has closed. */
  closeTimeout: 2000,
};
