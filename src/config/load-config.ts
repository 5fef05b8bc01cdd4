/** From a config file and the command line's overrides to one validated, frozen RunConfig. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, stringify } from 'yaml';
import { ConfigError } from '../errors.js';
import { deepFreeze } from '../ground/freeze.js';
import { suggest } from '../ground/suggest.js';
import { requireOwn } from '../ground/trust.js';
import { explain, type Mistake } from './explain.js';
import { lossesIn, metricsIn } from './heads.js';
import type { Path } from './json-schema.js';
import { applyOverride, type Override, parseOverride } from './overrides.js';
import { refuseReservedKey } from './reserved-key.js';
import { type RunConfig, runSchema } from './run-config.js';
import { yamlDocument, yamlValue } from './yaml-value.js';

interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
  readonly overrides: readonly Override[];
}

/**
 * Reads and validates a config file.
 *
 * @param file a YAML 1.2 file
 * @param overrides `path.to.key=value`, applied in order; the value is YAML, null removes the key
 * @returns the config with every default filled in, frozen throughout
 * @throws ConfigError naming every mistake with its path, value, rule, remedy and line; or when it names a module, and
 *   somebody else may have written it
 */
export function loadRunConfig(file: string, overrides: readonly string[] = []): RunConfig {
  const { document, lines } = parseYaml(file, readText(file));
  const source = { file, document, lines, overrides: overrides.map(parseOverride) };
  const config = source.overrides.reduce(applyOverride, readMapping(file, document));
  // An empty message marks zod's own issues: explain() words those.
  const result = runSchema.safeParse({ name: nameOf(file), ...(config as object) }, { error: () => '' });
  if (!result.success) throw asError(source, explain(config, result.error.issues));
  refuseReservedKey(config);
  if (namesCode(result.data)) requireOwn(file, file, ConfigError);
  return deepFreeze(result.data);
}

/** Whether a run of this config imports a module. @param otherModel whether the model is made by another than its own */
export function namesCode({ model, data, loss, metrics }: RunConfig, otherModel = false): boolean {
  const isCustom = (entry: unknown) => typeof entry === 'object' && entry !== null && 'custom' in entry;
  return (
    (!otherModel && 'module' in model) ||
    data.source === 'module' ||
    [...lossesIn(loss), ...metricsIn(metrics)].some(isCustom)
  );
}

/** The whole config as YAML, defaults included; loading it gives the same RunConfig. */
export function resolvedYaml(config: RunConfig): string {
  return `# The whole config of this run, defaults included.\n${stringify(config, { aliasDuplicateObjects: false })}`;
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ConfigError(`${file}: no such file`, remedyForMissing(file));
    if (code !== 'EISDIR') throw new ConfigError(`${file}: cannot be read (${code})`, 'check the path and its rights');
    const example = yamlFiles(file)[0] ?? 'config.yaml';
    throw new ConfigError(`${file}: is a folder`, `name a config file, such as ${join(file, example)}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${file}: is not UTF-8 text`, 'name a YAML config file');
  }
}

function remedyForMissing(file: string): string {
  const folder = dirname(file);
  const candidates = yamlFiles(folder);
  const near = suggest(basename(file), candidates);
  if (near) return `did you mean ${join(folder, near)}?`;
  return candidates.length > 0 ? `that folder has ${candidates.join(', ')}` : 'check the path';
}

function yamlFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
    return names.sort();
  } catch {
    return [];
  }
}

function parseYaml(file: string, text: string): { document: Document; lines: LineCounter } {
  const lines = new LineCounter();
  const document = yamlDocument(file, text, { version: '1.2', lineCounter: lines });
  const [error] = [...document.errors, ...document.warnings];
  if (!error) return { document, lines };
  const { line, col } = lines.linePos(error.pos[0]);
  const problem = error.code === 'MULTIPLE_DOCS' ? 'a second document starts here' : lowerFirst(error.message);
  throw new ConfigError(`${file}:${line}:${col}: ${problem}`, 'correct the YAML there');
}

function readMapping(file: string, document: Document): unknown {
  const remedy = 'write keys such as data, model, loss and training; see configs/digits.yaml';
  const value = yamlValue(file, document);
  if (value === null || value === undefined) throw new ConfigError(`${file}: is empty`, remedy);
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  throw new ConfigError(`${file}: holds ${Array.isArray(value) ? 'a list' : 'one value'}, not a mapping`, remedy);
}

/** The file's name without its ending, in the letters that a run's name may have. */
function nameOf(file: string): string {
  return (
    basename(file)
      .replace(/\.ya?ml$/, '')
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9_]+/, '') || 'run'
  );
}

function asError(source: Source, mistakes: readonly Mistake[]): ConfigError {
  const remedies = mistakes.map(({ path, remedy }) => `${remedy} (${whereIs(source, path)})`);
  if (mistakes.length === 1) return new ConfigError(mistakes[0].problem, remedies[0]);
  const list = mistakes.map(({ problem }, i) => `\n  ${problem}: ${remedies[i]}`).join('');
  return new ConfigError(`${source.file} has ${mistakes.length} mistakes`, `correct each of them${list}`);
}

/** Where the user wrote the value at `path`: on the command line, or on a line of the file. */
function whereIs({ file, document, lines, overrides }: Source, path: Path): string {
  const override = overrides.findLast(({ path: set }) =>
    set.every((key, i) => i >= path.length || key === String(path[i])),
  );
  if (override && path.length > 0) return `--set ${override.text}`;
  return `${file}:${lines.linePos(offsetOf(document, path)).line}`;
}

/** Offset of the deepest key or item on `path` that the document holds. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair || !isScalar(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(key)];
      if (!isMap(item) && !isSeq(item) && !isScalar(item)) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
