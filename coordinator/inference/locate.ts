/** From what a user names, a run or a model, to the files to read. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { ModelError } from '../../src/errors.js';
import { firstFew } from '../../src/ground/first-few.js';
import { commandLine } from '../../src/ground/shell-words.js';
import { statusOf } from '../../src/ground/status.js';
import { suggest } from '../../src/ground/suggest.js';
import { configName, isRunFolder } from '../../src/report/run-folder.js';
import { checkpointFolder } from '../training/resume.js';

export interface LocatedModel {
  /** Folder that holds model.json, or a JSON file, as `readModelFile` takes it. */
  readonly path: string;
  /** Config of the run that was named; undefined where a model was, whatever lies around it. */
  readonly config?: string;
  /** What to call the model: its run's name, or its own. */
  readonly name: string;
}

/** Which model of a run: the best by validation, the last one, or one at a path of its own. */
export type ModelChoice = 'best' | 'final' | (string & {});

const folders = { best: 'best', final: 'model' } as const;

/**
 * @param place a run's folder, a model's folder, or a model's JSON file
 * @param choice default: the best model of a run where it has one, else the final one
 * @throws ModelError saying what is there instead
 */
export function locateModel(place: string, choice?: ModelChoice): LocatedModel {
  const entry = statusOf(place);
  if (!entry) throw new ModelError(`${place}: no such run or model`, remedyForMissing(place));
  if (!entry.isDirectory()) {
    if (isModelFile(place)) return modelOf(place, choice);
    throw new ModelError(`${place}: is a file, and no model.json`, "name a run's folder, or a model's");
  }
  if (isModel(place)) return modelOf(place, choice);
  if (!isRunFolder(place)) throw new ModelError(`${place}: holds no run and no model`, remedyForFolder(place));
  return modelOfRun(place, choice);
}

const isModel = (folder: string): boolean => existsSync(join(folder, 'model.json'));
const isModelFile = (file: string): boolean => extname(file).toLowerCase() === '.json';

/** A model that was named itself: the config of a run around it could name code to import. */
function modelOf(path: string, choice: ModelChoice | undefined): LocatedModel {
  if (choice !== undefined) {
    throw new ModelError(
      `--model ${choice}: ${path} is a model, not a run`,
      "leave --model out, or name the run's folder",
    );
  }
  const run = runAround(path);
  if (run !== undefined) return { path, name: basename(resolve(run)) };
  const name = isModel(path) ? basename(resolve(path)) : basename(path, extname(path));
  return { path, name };
}

/** The run that a model's folder or file lies in. */
export function runAround(path: string): string | undefined {
  const run = dirname(isModel(path) ? resolve(path) : dirname(resolve(path)));
  return isRunFolder(run) ? shortest(run) : undefined;
}

/** What to give as `--model` beside the run that a model lies in. */
export function choiceOf(path: string): ModelChoice {
  const folder = basename(resolve(isModel(path) ? path : dirname(path)));
  return folder === folders.best ? 'best' : folder === folders.final ? 'final' : path;
}

/** As one would type it. */
function shortest(path: string): string {
  const way = relative('.', path);
  return way === '' ? '.' : way.startsWith('..') ? path : way;
}

function modelOfRun(run: string, choice: ModelChoice | undefined): LocatedModel {
  const found = { config: join(run, configName), name: basename(resolve(run)) };
  if (choice !== undefined && choice !== 'best' && choice !== 'final') {
    if (isModel(choice) || (existsSync(choice) && isModelFile(choice))) return { ...found, path: choice };
    throw new ModelError(`--model ${choice}: is neither best nor final, and no model is there`, saved(run));
  }
  const names =
    choice === undefined ? [folders.best, folders.final] : [choice === 'best' ? folders.best : folders.final];
  const path = names.map((name) => join(run, name)).find(isModel);
  if (path) return { ...found, path };
  if (choice === undefined) throw new ModelError(`${run}: has no model: the run ended before it saved one`, saved(run));
  const reason = choice === 'best' ? 'no epoch of the run was finished' : 'the run did not come to its end';
  throw new ModelError(`${run}: has no ${choice} model: ${reason}`, saved(run));
}

/** The models that a run does have, as a remedy. */
function saved(run: string): string {
  const names = entriesOf(run).filter((name) => isModel(join(run, name)));
  const known = names.map((name) =>
    name === 'best' ? '--model best' : name === 'model' ? '--model final' : undefined,
  );
  const options = names.map((name, i) => known[i] ?? `--model ${join(run, name)}`);
  if (options.length > 0) return `use ${options.join(' or ')}`;
  const canResume = entriesOf(checkpointFolder(run)).length > 0;
  return canResume ? `go on with it: ${commandLine(['train', '--resume', run])}` : 'start a new run';
}

function remedyForMissing(place: string): string {
  const folder = dirname(resolve(place));
  const candidates = entriesOf(folder).filter((name) => isRunFolder(join(folder, name)) || isModel(join(folder, name)));
  const near = suggest(basename(place), candidates);
  if (near) return `did you mean ${join(dirname(place), near)}?`;
  return candidates.length > 0
    ? `that folder has ${firstFew(candidates, 8)}`
    : "name a run's folder, such as runs/digits-1";
}

function remedyForFolder(place: string): string {
  const inside = entriesOf(place).filter((name) => isRunFolder(join(place, name)) || isModel(join(place, name)));
  if (inside.length > 0)
    return `name one that it holds: ${firstFew(
      inside.map((name) => join(place, name)),
      8,
    )}`;
  return "name a run's folder, such as runs/digits-1, or a folder with model.json";
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
