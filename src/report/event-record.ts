/** events.jsonl: what a run told, for whoever looks at it later or from elsewhere. */
import { join } from 'node:path';
import type { ErrorEvent, Reporter, RunEvent } from './events.js';
import { jsonLine } from './json.js';
import { LogFile, type LogOptions } from './log-file.js';

/** The record of events in a run's folder. */
export const eventsName = 'events.jsonl';
/** How the workers of a run stand, while it goes on. */
export const worldName = 'world.json';

/** In metrics.jsonl, or of use only while one watches. */
const elsewhere: readonly RunEvent['event'][] = ['progress', 'step', 'epoch', 'transfer'];

/** Passes events on and writes them down; until the run has a folder, it keeps them. */
export class EventRecord {
  readonly #report: Reporter;
  #file: LogFile | undefined;
  #early = '';
  /** Who hears of everything as long as the file is open. */
  #followers: readonly Reporter[] = [];

  /** @param report told each event */
  constructor(report: Reporter) {
    this.#report = report;
  }

  readonly report: Reporter = (event) => {
    this.write(event);
    this.#report(event);
    for (const follower of this.#followers) follower(event);
  };

  /** Lets others hear of all that comes. */
  follow(followers: readonly Reporter[]): void {
    this.#followers = followers;
  }

  /** Writes an event down without telling it. */
  write(event: RunEvent): void {
    if (elsewhere.includes(event.event)) return;
    const line = jsonLine({ ...withoutSecrets(event), time: Date.now() / 1000 });
    if (this.#file) this.#file.append(line);
    else this.#early += line;
  }

  /** Writes down how a run failed. */
  fail(error: Omit<ErrorEvent, 'event'>): void {
    try {
      for (const follower of this.#followers) follower({ event: 'error', ...error });
      this.write({ event: 'error', ...error });
    } catch {
      // The folder is another's by now, or gone.
    }
  }

  /** Begins to write in the folder of the run. @throws OutputError if the file cannot be written */
  open(folder: string, options: LogOptions): LogFile {
    const file = new LogFile(join(folder, eventsName), () => true, options);
    this.#file = file;
    file.append(this.#early);
    this.#early = '';
    return file;
  }

  /** To be called when the file is closed. */
  close(): void {
    this.#file = undefined;
    this.#followers = [];
  }
}

/** What workers are told to join with has the token in it. */
const withoutSecrets = (event: RunEvent): RunEvent => (event.event === 'listening' ? { ...event, join: null } : event);
