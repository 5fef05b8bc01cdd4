/**
 * ONNX Runtime's convolutions of one pixel over channels in blocks are matrix products, and the fastest that it has: with AVX-512 they
 * come to a fifth more than its Gemm, and half as much again as one with a transposed left factor.
 */
import { encodeModel } from './proto.js';
import { chosenProvider } from './providers.js';
import { createSession } from './runtime.js';

/** Domain of its operators that work on blocks. */
export const blockDomain = 'com.microsoft.nchwc';
/** Channels of a block where the processor has AVX-512; with other processors it is another number, or there is no gain. */
export const block = 16;

let known: boolean | undefined;

/** Whether this machine computes with such blocks. Machines that do and machines that do not have other arithmetic (numerics.ts). */
export function hasBlocks(): boolean {
  if (process.arch !== 'x64' || !chosenProvider().inPlace) return false;
  known ??= fills();
  return known;
}

/** ONNX Runtime fills up the last block with zeros, which shows how long its blocks are. */
function fills(): boolean {
  const [x, y] = [4, block].map((channels) => ({ shape: [1, channels, 1, 1], type: 'float32' as const }));
  const node = { op: 'ReorderInput', inputs: ['x'], outputs: ['y'], attributes: {}, domain: blockDomain };
  const [inputs, outputs] = [[{ name: 'x', ...x }], [{ name: 'y', ...y }]];
  const session = createSession(encodeModel({ nodes: [node], inputs, outputs, constants: [] }));
  try {
    session.bind({ x: { ...x, data: new Float32Array(4) } }, { y: { ...y, data: new Float32Array(block) } })();
    return true;
  } catch {
    return false;
  } finally {
    session.release();
  }
}
