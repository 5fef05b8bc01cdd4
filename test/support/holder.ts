/** Loaded into a command before its program, for held.ts: its main thread stands still where it prints what it was told. */
import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import type { Stop } from './held.js';

const stops: Stop[] = JSON.parse(process.env.LOCKSTEP_HELD!);
const write = process.stdout.write.bind(process.stdout) as (...given: unknown[]) => boolean;
const turn = new Int32Array(new SharedArrayBuffer(4));

function standStill({ gate, milliseconds }: Stop): void {
  do Atomics.wait(turn, 0, 0, milliseconds);
  while (gate !== undefined && !existsSync(gate));
}

if (isMainThread) {
  process.stdout.write = (...given: unknown[]) => {
    const isWritten = write(...given);
    const [stop] = stops;
    if (stop && String(given[0]).includes(stop.text)) {
      if (!stop.isForever) stops.shift();
      standStill(stop);
    }
    return isWritten;
  };
}
