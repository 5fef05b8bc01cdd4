/** An evaluation for TensorBoard, as a run of its own beside the training: pictures of its gallery, and what was found, as text. */
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolders, writeFileAtomically } from '../../ground/atomic-file.js';
import { codeBlock, image, markdown, type SummaryValue, startEvent, summaryEvent, versionEvent } from './event.js';
import { eventFileName, eventFilePrefix } from './event-file.js';
import { framed } from './framing.js';

export interface ShownPicture {
  /** Of the shelf that it stands on, and its number there: a tag of TensorBoard. */
  readonly tag: string;
  readonly png: Uint8Array;
  /** Shown as it is. */
  readonly caption: string;
}

/**
 * Replaces what the folder holds of an earlier evaluation. The new file has another name, as readers keep what they know of a file.
 * @param folder below that of the run's own event files
 * @throws Error of node:fs, or OutputError, when it cannot be written
 */
export function writeEvaluationFile(folder: string, pictures: readonly ShownPicture[], findings: string): void {
  makeFolders(resolve(folder));
  const old = readdirSync(folder).filter((name) => name.startsWith(eventFilePrefix));
  const seconds = Date.now() / 1000;
  const values: SummaryValue[] = pictures.map(({ tag, png, caption }) => image(tag, png, codeBlock(caption)));
  if (findings !== '') values.push(markdown('diagnosis', codeBlock(findings)));
  const time = { seconds, step: 0 };
  const events = [versionEvent(seconds), startEvent(time), ...values.map((value) => summaryEvent(time, [value]))];
  writeFileAtomically(join(folder, eventFileName(seconds, old)), events.map(framed));
  for (const name of old) rmSync(join(folder, name), { force: true });
}
