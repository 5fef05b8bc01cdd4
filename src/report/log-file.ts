/** Files of a line of JSON an entry: appended to while a run goes on, cut back when it is taken up from a checkpoint. */
import { closeSync, constants, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { OutputError } from '../errors.js';

const blockBytes = 1 << 16;

export class LogFile {
  readonly #file: string;
  readonly #fd: number;
  #length = 0;

  /**
   * Opens a log, or makes it, and cuts it off before the first line that `keep` refuses or that is no line of JSON.
   *
   * @throws OutputError if it cannot be written
   */
  constructor(file: string, keep: (entry: Record<string, unknown>) => boolean) {
    this.#file = file;
    // Not for appending: what Windows opens so it does not cut off (nodejs/node#3177).
    this.#fd = this.#orOutputError(() => openSync(file, constants.O_RDWR | constants.O_CREAT));
    this.#length = this.#orOutputError(() => keptLength(this.#fd, keep));
    this.#orOutputError(() => ftruncateSync(this.#fd, this.#length));
  }

  /** Whether it holds no line. */
  get empty(): boolean {
    return this.#length === 0;
  }

  /** @param text whole lines */
  append(text: string): void {
    this.#orOutputError(() => {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done);
      }
      this.#length += bytes.length;
    });
  }

  /** Returns when everything appended would survive a power cut. */
  sync(): void {
    this.#orOutputError(() => fsyncSync(this.#fd));
  }

  close(): void {
    closeSync(this.#fd);
  }

  #orOutputError<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new OutputError(
        `${this.#file}: cannot be written (${(error as Error).message})`,
        'free some space or choose another folder with --out',
      );
    }
  }
}

/** Bytes of the lines up to the first that is not kept. */
function keptLength(fd: number, keep: (entry: Record<string, unknown>) => boolean): number {
  const block = Buffer.alloc(blockBytes);
  let kept = 0;
  let held = Buffer.alloc(0);
  for (let position = 0; ; ) {
    const read = readSync(fd, block, 0, blockBytes, position);
    if (read === 0) return kept;
    position += read;
    held = Buffer.concat([held, block.subarray(0, read)]);
    for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
      const entry = parse(held.subarray(0, end).toString());
      if (!entry || !keep(entry)) return kept;
      kept += end + 1;
      held = held.subarray(end + 1);
    }
  }
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
