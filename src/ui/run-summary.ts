/** What a list says of each run: its state, how far it is, its best value and its config; worked out from its files, and kept. */
import { existsSync, type Stats, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { commandLine } from '../ground/shell-words.js';
import { eventsName, worldName } from '../report/event-record.js';
import { metricsName } from '../report/metrics-log.js';
import { configName, scaleReportName } from '../report/run-folder.js';
import { isBeingTrained } from '../report/run-lock.js';
import { entriesIn, numberIn, type ReadPlace, readNewLines } from './growing-file.js';
import { WaitForWorkers } from './wait-for-workers.js';

/**
 * `running`: a process trains it; `waiting`: one does, once workers enough are there; `done`: it came to its end; `stopped`: it was asked to, and can go on; `failed`: it ended with an error;
 * `broken off`: its process ended without a word; `measured`: it is no run, but what `lockstep scale` has found.
 */
export type RunState = 'running' | 'waiting' | 'done' | 'stopped' | 'failed' | 'broken off' | 'measured';

export interface RunSummary {
  readonly name: string;
  readonly state: RunState;
  /** When something of it was written last, in milliseconds since 1970. */
  readonly changed: number;
  readonly step: number;
  readonly epoch: number;
  /** Of the whole run; null where its config does not say. */
  readonly epochs: number | null;
  readonly best: { readonly metric: string; readonly value: number; readonly epoch: number } | null;
}

/** Keys of a config with dots, and their values as text. */
export type FlatConfig = ReadonlyMap<string, string>;

interface LoggedEnd {
  readonly interrupted: boolean;
}

export class SummarizedRun {
  readonly folder: string;
  readonly #name: string;
  #place: ReadPlace | undefined;
  #eventsPlace: ReadPlace | undefined;
  #best: RunSummary['best'] = null;
  #step = 0;
  #epoch = 0;
  #end: LoggedEnd | undefined;
  #hasFailed = false;
  #goOn: string | undefined;
  readonly #wait = new WaitForWorkers();
  #config: FlatConfig = new Map();
  #configTime = -1;

  constructor(folder: string, name: string) {
    this.folder = folder;
    this.#name = name;
  }

  /** What changes when the run writes something that is not in its curves: to be compared. */
  get mark(): string {
    // The folder itself changes as a file comes: a report, say.
    return ['', eventsName, configName, worldName, 'lock', 'checkpoints'].map((name) => this.#markOf(name)).join();
  }

  /** What changes when its curves do. */
  get curveMark(): string {
    return this.#markOf(metricsName);
  }

  #markOf(name: string): string {
    const entry = statSync(join(this.folder, name), { throwIfNoEntry: false });
    return entry ? `${entry.size} ${entry.mtimeMs}` : '-';
  }

  get config(): FlatConfig {
    return this.#config;
  }

  /** What goes on with it: as it was begun, where it says so. */
  get goOn(): string {
    if (this.#goOn !== undefined) return this.#goOn;
    const isOverWorld = existsSync(join(this.folder, worldName));
    return commandLine([isOverWorld ? 'coordinator' : 'train', '--resume', this.folder]);
  }

  /** Looks at what is new in its files. */
  async update(): Promise<void> {
    await this.#readConfig();
    const file = join(this.folder, metricsName);
    const anew = () => {
      this.#best = null;
      this.#end = undefined;
      [this.#step, this.#epoch] = [0, 0];
    };
    ({ place: this.#place } = await readNewLines(file, this.#place, anew, (lines) => this.#take(lines)));
    const events = join(this.folder, eventsName);
    const forget = () => {
      this.#hasFailed = false;
      this.#goOn = undefined;
      this.#wait.begin();
    };
    ({ place: this.#eventsPlace } = await readNewLines(events, this.#eventsPlace, forget, (lines) => {
      for (const entry of entriesIn(lines)) {
        this.#hasFailed = entry.event === 'error' || (this.#hasFailed && entry.event !== 'start');
        if (typeof entry.goOn === 'string' && entry.event === 'start') this.#goOn = entry.goOn;
        this.#wait.take(entry);
      }
    }));
  }

  /** Only epochs and ends are parsed: most lines are of steps. */
  #take(lines: Buffer): void {
    for (let at = lines.indexOf('{"event":"e'); at >= 0; at = lines.indexOf('{"event":"e', at + 1)) {
      if (at > 0 && lines[at - 1] !== 10) continue;
      for (const entry of entriesIn(lines.subarray(at, lines.indexOf(10, at)))) {
        if (entry.event === 'end') this.#end = { interrupted: entry.interrupted === true };
        if (entry.event === 'epoch') this.#takeEpoch(entry);
      }
    }
    const last = lines.lastIndexOf('{"event":"step"');
    if (last < 0) return;
    for (const { step } of entriesIn(lines.subarray(last, lines.indexOf(10, last)))) {
      this.#step = Math.max(this.#step, numberIn(step));
      // A run that is trained on has lines behind its end.
      if (last > lines.lastIndexOf('{"event":"end"')) this.#end = undefined;
    }
  }

  #takeEpoch(entry: Record<string, unknown>): void {
    this.#epoch = numberIn(entry.epoch);
    this.#step = numberIn(entry.step);
    if (entry.best !== true) return;
    const validation = (entry.validation ?? {}) as Record<string, unknown>;
    const monitor = this.#config.get('training.monitor') ?? this.#config.get('training.monitor.metric') ?? 'loss';
    const value = numberIn(validation[monitor] ?? validation.loss ?? entry.loss);
    this.#best = { metric: monitor in validation ? monitor : 'loss', value, epoch: this.#epoch };
  }

  async #readConfig(): Promise<void> {
    const file = join(this.folder, configName);
    const entry: Stats | undefined = statSync(file, { throwIfNoEntry: false });
    if (!entry || entry.mtimeMs === this.#configTime) return;
    this.#configTime = entry.mtimeMs;
    try {
      this.#config = flatten(parse(await readFile(file, 'utf8')));
    } catch {
      this.#config = new Map();
    }
  }

  get summary(): RunSummary {
    const epochs = Number(this.#config.get('training.epochs'));
    return {
      name: this.#name,
      state: this.#state,
      changed: changedAt(this.folder),
      step: this.#step,
      epoch: this.#epoch,
      epochs: Number.isInteger(epochs) ? epochs : null,
      best: this.#best,
    };
  }

  get #state(): RunState {
    if (isBeingTrained(this.folder)) return this.#wait.lasts ? 'waiting' : 'running';
    if (this.#end) return this.#end.interrupted ? 'stopped' : 'done';
    if (this.#hasFailed) return 'failed';
    return existsSync(join(this.folder, scaleReportName)) ? 'measured' : 'broken off';
  }
}

/** When a run wrote something last. */
export function changedAt(folder: string): number {
  const times = [metricsName, configName].map(
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs,
  );
  return Math.max(0, ...times.map((time) => time ?? 0));
}

/** @param value of a config. @returns each leaf's path and value; lists are leaves where they hold no objects */
function flatten(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  const isBranch = typeof value === 'object' && value !== null && Object.values(value).some((inner) => inner !== null);
  const isPlainList = Array.isArray(value) && value.every((inner) => typeof inner !== 'object');
  if (isBranch && !isPlainList && into.size < 2000) {
    for (const [key, inner] of Object.entries(value as object))
      flatten(inner, path === '' ? key : `${path}.${key}`, into);
  } else if (value !== undefined && value !== null) {
    into.set(path, typeof value === 'object' ? JSON.stringify(value) : String(value));
  }
  return into;
}

/** Keys in which configs differ, those with the fewest different values first. */
export function differingKeys(configs: readonly FlatConfig[]): string[] {
  const keys = new Set(configs.flatMap((config) => [...config.keys()]));
  const counts = [...keys].map((key) => [key, new Set(configs.map((config) => config.get(key))).size] as const);
  return counts
    .filter(([key, count]) => count > 1 && key !== 'name')
    .sort(([, a], [, b]) => a - b)
    .map(([key]) => key);
}
