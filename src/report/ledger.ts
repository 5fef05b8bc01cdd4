/** ledger.jsonl: which examples went into each committed step. */
import { LogFile, type LogOptions } from './log-file.js';

/** A line of the ledger. */
export interface LedgerEntry {
  /** Counted from 1, from the start of the run. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** Example indices, in the order of the shards. */
  readonly examples: readonly number[];
}

export class Ledger {
  readonly file: LogFile;

  /**
   * @param step how far the run is; later entries are cut off, for their steps will be taken again
   * @throws OutputError if the file cannot be written
   */
  constructor(path: string, step: number, options: LogOptions = {}) {
    this.file = new LogFile(path, (entry) => typeof entry.step === 'number' && entry.step <= step, options);
  }

  /** The last step that it holds; 0 where it holds none. */
  get step(): number {
    const step = this.file.last?.step;
    return typeof step === 'number' ? step : 0;
  }

  /** @param steps the examples of consecutive steps, the first being number `step` */
  append(epoch: number, step: number, steps: readonly Int32Array[]): void {
    const lines = steps.map((examples, i) => {
      const entry: LedgerEntry = { step: step + i, epoch, examples: [...examples] };
      return `${JSON.stringify(entry)}\n`;
    });
    this.file.append(lines.join(''));
  }
}
