/**
 * Frames that have been received are garbage at once, but V8 looks for them only when its limit of memory outside the heap
 * is reached, and then marks the whole heap: once a step for a model of some megabytes, which took as long as the step. A
 * scavenge finds them in under a millisecond, for they are young.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'minor' }) => void;

/** Bytes of frames between two scavenges. V8's limit is some 32 MB, and each frame is there twice: as it is read, and whole. */
const interval = 6 * 2 ** 20;

let collect: Collect | undefined;
let received = 0;

/** To be called when a frame of so many bytes has been received and is needed no more, or soon will not be. */
export function discarded(bytes: number): void {
  received += bytes;
  if (received < interval) return;
  received = 0;
  collect ??= exposed();
  collect({ type: 'minor' });
}

/** The function that --expose-gc gives to scripts. */
function exposed(): Collect {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return gc;
}
