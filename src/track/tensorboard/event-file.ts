/** An event file of TensorBoard that grows while a run goes on. */
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { makeFolders, writeFileAtomically } from '../../ground/atomic-file.js';
import { PatientFile, type PatientOptions } from '../../report/patient-file.js';
import { isOutdated, startEvent, versionEvent } from './event.js';
import { bodiesIn, framed } from './framing.js';

export const eventFilePrefix = 'events.out.tfevents.';

/** Readers take files in the order of their names. @param old names of those that are there */
export function eventFileName(seconds: number, old: readonly string[]): string {
  const number = Math.max(Math.floor(seconds), ...old.map((name) => Number(name.split('.')[3]) + 1 || 0));
  const host = hostname().replaceAll(/[^\w.-]/g, '_');
  return `${eventFilePrefix}${String(number).padStart(10, '0')}.${host}.${process.pid}`;
}

export class EventFile {
  readonly #file: PatientFile;
  /** Whether it is the first of its folder: what describes the run is to be written. */
  readonly isFirst: boolean;

  /**
   * Begins a file behind those of the folder, of which what they say of later steps than `step` is cut off: it will come again.
   *
   * TensorBoard's reader in Python takes the first start of a session as such and any other as a restart, at which it forgets what it
   * has read of later steps; that in Rust forgets by itself, tag by tag, when steps come again. Neither goes back to a file.
   *
   * @throws Error of node:fs where it cannot be written
   */
  constructor(folder: string, step: number, options: PatientOptions) {
    makeFolders(resolve(folder));
    const old = readdirSync(folder).filter((name) => name.startsWith(eventFilePrefix));
    this.isFirst = old.length === 0;
    for (const name of old) cutOff(join(folder, name), step);
    const seconds = Date.now() / 1000;
    this.#file = new PatientFile(openSync(join(folder, eventFileName(seconds, old)), 'wx'), 0, options);
    this.append(versionEvent(seconds));
    this.append(startEvent({ seconds, step: this.isFirst ? 0 : step + 1 }));
  }

  append(event: Uint8Array): void {
    this.#file.append(framed(event));
  }

  /** Never throws. */
  close(): void {
    this.#file.close();
  }
}

/** The file is replaced and not shortened: whoever reads it now reads on in the old one. */
function cutOff(file: string, step: number): void {
  const bytes = readFileSync(file);
  const kept = [...bodiesIn(bytes)].filter((event) => !isOutdated(event, step)).map(framed);
  if (kept.reduce((sum, { length }) => sum + length, 0) < bytes.length) writeFileAtomically(file, kept);
}
