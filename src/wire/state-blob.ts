/** The replica of a worker that joins: the parameter slab, then each of the optimizer's slots, as little-endian floats. */
import { WireError } from '../errors.js';
import type { ParameterRange } from '../reduce/shares.js';
import { type BlobSink, type BlobSource, blobSink, bytesSource } from './blob.js';

/** The slabs of a replica, in shared memory or not. */
export interface ReplicaState {
  readonly parameters: Float32Array;
  readonly slots: readonly Float32Array[];
}

/** A range of the parameters, and of the slots what belongs to those of them that are trained. */
export const stateIn = ({ parameters, slots }: ReplicaState, { from, to }: ParameterRange): ReplicaState => ({
  parameters: parameters.subarray(from, to),
  slots: slots.map((slot) => slot.subarray(from, to)),
});

const slabsOf = ({ parameters, slots }: ReplicaState): Uint8Array[] =>
  [parameters, ...slots].map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));

const lengthOf = (slabs: readonly Uint8Array[]): number => slabs.reduce((sum, { length }) => sum + length, 0);

/** The state as it is when it is read: nothing may change it before all of it has been. */
export function liveState(state: ReplicaState): BlobSource {
  const slabs = slabsOf(state);
  return {
    length: lengthOf(slabs),
    read(offset, length) {
      const pieces: Uint8Array[] = [];
      let start = 0;
      for (const slab of slabs) {
        const from = Math.max(offset - start, 0);
        const to = Math.min(offset + length - start, slab.length);
        if (from < to) pieces.push(slab.subarray(from, to));
        start += slab.length;
      }
      return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    },
  };
}

/** The state as it is now: steps that follow do not change it. */
export const stateSource = (state: ReplicaState): BlobSource => bytesSource(Buffer.concat(slabsOf(state)));

/**
 * Writes a state that arrives into the slabs of this replica, which are not to be used before it has finished.
 * @param bytes as announced
 * @throws WireError when the state is not that of these slabs
 */
export function stateSink(state: ReplicaState, bytes: number): BlobSink {
  const slabs = slabsOf(state);
  const expected = lengthOf(slabs);
  if (bytes !== expected) {
    throw new WireError(`state: ${bytes} bytes, and this model has ${expected}`, 'both sides need the same job');
  }
  // Each chunk has its checksum, and its place; a hash of all would take longer than the way.
  return blobSink('state', bytes, '', (offset, payload) => {
    let start = 0;
    for (const slab of slabs) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + payload.length, start + slab.length);
      if (from < to) slab.set(payload.subarray(from - offset, to - offset), from - start);
      start += slab.length;
    }
  });
}
