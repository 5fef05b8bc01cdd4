/** All runs of a folder: found by their configs, summed up one after the other while nobody waits for it, and looked at again when they change. */
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { configName } from '../report/run-folder.js';
import { changedAt, differingKeys, type RunSummary, SummarizedRun } from './run-summary.js';

/** Keys of configs that a list shows. */
const mostKeys = 8;
const longestValue = 80;
/** Runs that have changed in so many milliseconds are looked at each time, all others every so many looks. */
const lately = 60_000;
const rarely = 10;

export interface ListedRun {
  readonly name: string;
  readonly changed: number;
  /** null before the run has been looked at. */
  readonly summary: RunSummary | null;
  /** Values of the keys in which the runs differ. */
  readonly differences: Readonly<Record<string, string>>;
}

interface KnownRun {
  readonly run: SummarizedRun;
  mark: string;
  curveMark: string;
  /** When it was last seen to change. */
  changed: number;
  isSummarized: boolean;
}

const unseen = { mark: '', curveMark: '', changed: 0, isSummarized: false };

export class RunList {
  readonly folder: string;
  readonly #known = new Map<string, KnownRun>();
  #looks = 0;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  /** @returns the folder of a run, which is one below the folder of all; undefined where there is none of that name */
  folderOf(name: string): string | undefined {
    this.#find();
    return this.#known.get(name)?.run.folder;
  }

  /** A run as it is now. */
  async lookedAt(name: string): Promise<SummarizedRun | undefined> {
    const known = this.#known.get(name);
    await known?.run.update();
    return known?.run;
  }

  /** Newest first. */
  list(): { keys: string[]; runs: ListedRun[] } {
    this.#find();
    const known = [...this.#known];
    const configs = known.filter(([, { isSummarized }]) => isSummarized).map(([, { run }]) => run.config);
    const keys = differingKeys(configs).slice(0, mostKeys);
    const runs = known.map(([name, { run, isSummarized }]) => ({
      name,
      changed: changedAt(run.folder),
      summary: isSummarized ? run.summary : null,
      differences: Object.fromEntries(
        keys.flatMap((key) => (run.config.has(key) ? [[key, run.config.get(key)!.slice(0, longestValue)]] : [])),
      ),
    }));
    return { keys, runs: runs.sort((a, b) => b.changed - a.changed) };
  }

  /** Looks which runs have changed since the last look, but for their curves. @returns their names, new ones and those that are gone too */
  look(): string[] {
    const isWhole = this.#looks++ % rarely === 0;
    return [...this.#find(isWhole), ...this.#changedIn('mark', isWhole)];
  }

  /** Looks whose curves have changed since the last such look. */
  lookAtCurves(): string[] {
    return this.#changedIn('curveMark', true);
  }

  #changedIn(which: 'mark' | 'curveMark', isWhole: boolean): string[] {
    const changed: string[] = [];
    for (const [name, known] of this.#known) {
      if (!isWhole && known[which] !== '' && Date.now() - known.changed > lately) continue;
      const mark = known.run[which];
      if (mark === known[which]) continue;
      known.changed = known[which] === '' ? changedAt(known.run.folder) : Date.now();
      known[which] = mark;
      changed.push(name);
    }
    return changed;
  }

  /** Sums up the runs of these names. */
  async summarize(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const known = this.#known.get(name);
      if (!known) continue;
      await known.run.update();
      known.isSummarized = true;
    }
  }

  /**
   * @param isWhole whether the runs that are known are looked at, too: whether they are runs still
   * @returns the names of runs that are gone
   */
  #find(isWhole = true): string[] {
    const there = new Set(runNames(this.folder, (name) => !isWhole && this.#known.has(name)));
    const gone = [...this.#known.keys()].filter((name) => !there.has(name));
    for (const name of gone) this.#known.delete(name);
    for (const name of there) {
      if (this.#known.has(name)) continue;
      this.#known.set(name, { run: new SummarizedRun(join(this.folder, name), name), ...unseen });
    }
    return gone;
  }
}

/** Folders with a config in them. @param isKnown whether one was there already: it is not looked for again */
function runNames(folder: string, isKnown: (name: string) => boolean): string[] {
  const hasConfig = (name: string) => statSync(join(folder, name, configName), { throwIfNoEntry: false })?.isFile();
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .filter((name) => isKnown(name) || hasConfig(name));
  } catch {
    // It may come yet: a run makes it.
    return [];
  }
}
