/** Runs of the trainer inside the test's process. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { train } from '../../coordinator/local/train.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { EndEvent, EpochEvent, RunEvent, StartEvent } from '../../src/report/events.js';
import { eventOf } from './cli.js';

export interface Trained {
  readonly start: StartEvent;
  readonly epochs: readonly EpochEvent[];
  readonly end: EndEvent;
  readonly events: readonly RunEvent[];
}

/**
 * @param out parent of the run's folder
 * @param threads their number changes no bit: each takes longer to start than most tests train
 */
export async function trained(file: string, overrides: readonly string[], out: string, threads = 1): Promise<Trained> {
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => events.push(event);
  const end = await train(loadRunConfig(file, overrides), { threads, out, report });
  const epochs = events.filter((event) => event.event === 'epoch');
  return { start: eventOf(events, 'start'), epochs, end, events };
}

/** What must not depend on the number of threads: the parameters and every loss and metric, to the last bit. */
export function resultOf({ epochs, end }: Trained) {
  const { sha256, validation, test } = end;
  return { sha256, validation, test, epochs: epochs.map(({ loss, validation }) => ({ loss, validation })) };
}

/** All weights of a saved model, in the order of its file. @param model path of its model.json */
export function weightsOf(model: string): Float32Array {
  const bytes = readFileSync(join(dirname(model), 'weights.bin'));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
