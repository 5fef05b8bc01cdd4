/** Files of a line of JSON an entry: appended to while a run goes on, cut back when it is taken up from a checkpoint. */
import { constants, ftruncateSync, openSync, readSync } from 'node:fs';
import { unwritten } from '../ground/write-failure.js';
import { PatientFile, type PatientOptions } from './patient-file.js';

const blockBytes = 1 << 16;
/** Without `failed`, what goes wrong is thrown as an OutputError. */
export type LogOptions = Partial<PatientOptions>;

export class LogFile {
  /** The last entry that was there when it was opened. */
  readonly last: Record<string, unknown> | undefined;
  readonly #file: PatientFile;

  /**
   * Opens a log, or makes it, and cuts it off before the first line that `keep` refuses or that is no line of JSON.
   *
   * @throws OutputError if it cannot be written
   */
  constructor(file: string, keep: (entry: Record<string, unknown>) => boolean, options: LogOptions = {}) {
    const failed = (error: unknown): never => {
      throw unwritten(file, error, 'choose another folder with --out');
    };
    try {
      // Not for appending: what Windows opens so it does not cut off (nodejs/node#3177).
      const fd = openSync(file, constants.O_RDWR | constants.O_CREAT);
      const { length, last } = keptLines(fd, keep);
      ftruncateSync(fd, length);
      this.last = last;
      this.#file = new PatientFile(fd, length, { failed, ...options });
    } catch (error) {
      throw failed(error);
    }
  }

  /** Whether it holds no line. */
  get empty(): boolean {
    return this.#file.length === 0;
  }

  /** @param text whole lines */
  append(text: string): void {
    this.#file.append(Buffer.from(text));
  }

  /** Returns when everything appended would survive a power cut. */
  sync(): void {
    this.#file.sync();
  }

  /** Never throws. */
  close(): void {
    this.#file.close();
  }
}

/** The lines up to the first that is not kept: their bytes, and the last of them. */
function keptLines(fd: number, keep: (entry: Record<string, unknown>) => boolean) {
  const block = Buffer.alloc(blockBytes);
  let length = 0;
  let last: Record<string, unknown> | undefined;
  let held = Buffer.alloc(0);
  for (let position = 0; ; ) {
    const read = readSync(fd, block, 0, blockBytes, position);
    if (read === 0) return { length, last };
    position += read;
    held = Buffer.concat([held, block.subarray(0, read)]);
    for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
      const entry = parse(held.subarray(0, end).toString());
      if (!entry || !keep(entry)) return { length, last };
      length += end + 1;
      last = entry;
      held = held.subarray(end + 1);
    }
  }
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
