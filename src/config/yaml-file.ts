/** A YAML file that a user wrote: read, and its mistakes told by their lines. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter } from 'yaml';
import { ConfigError } from '../errors.js';
import { firstFew } from '../ground/first-few.js';
import { suggest } from '../ground/suggest.js';
import type { Mistake } from './explain.js';
import type { Path } from './json-schema.js';
import type { Override } from './overrides.js';
import { yamlDocument, yamlValue } from './yaml-value.js';

/** What a file is for, in messages. */
interface YamlFileKind {
  /** `config` */
  readonly called: string;
  /** A name that such a file could have. */
  readonly example: string;
  /** The remedy where there is no mapping in it. */
  readonly keys: string;
}

export interface YamlFile {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
  /** A mapping. */
  readonly value: unknown;
}

/** @throws ConfigError when there is no such file, or it holds no mapping in YAML 1.2 */
export function readYamlFile(file: string, kind: YamlFileKind): YamlFile {
  const { document, lines } = parseYaml(file, readText(file, kind));
  return { file, document, lines, value: readMapping(file, document, kind.keys) };
}

function readText(file: string, { called, example }: YamlFileKind): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ConfigError(`${file}: no such file`, remedyForMissing(file));
    if (code !== 'EISDIR') throw new ConfigError(`${file}: cannot be read (${code})`, 'check the path and its rights');
    const name = yamlFiles(file)[0] ?? example;
    throw new ConfigError(`${file}: is a folder`, `name a ${called} file, such as ${join(file, name)}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${file}: is not UTF-8 text`, `name a YAML ${called} file`);
  }
}

function remedyForMissing(file: string): string {
  const folder = dirname(file);
  const candidates = yamlFiles(folder);
  const near = suggest(basename(file), candidates);
  if (near) return `did you mean ${join(folder, near)}?`;
  return candidates.length > 0 ? `that folder has ${firstFew(candidates, 8)}` : 'check the path';
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

function readMapping(file: string, document: Document, remedy: string): unknown {
  const value = yamlValue(file, document);
  if (value === null || value === undefined) throw new ConfigError(`${file}: is empty`, remedy);
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  throw new ConfigError(`${file}: holds ${Array.isArray(value) ? 'a list' : 'one value'}, not a mapping`, remedy);
}

/**
 * What is wrong with a file, as one error with the line of each mistake.
 * @param overrides of the command line, that were applied to it
 */
export function mistakesIn(
  source: YamlFile,
  mistakes: readonly Mistake[],
  overrides: readonly Override[] = [],
): ConfigError {
  const remedies = mistakes.map(({ path, remedy }) => `${remedy} (${whereIs(source, path, overrides)})`);
  if (mistakes.length === 1) return new ConfigError(mistakes[0].problem, remedies[0]);
  const list = mistakes.map(({ problem }, i) => `\n  ${problem}: ${remedies[i]}`).join('');
  return new ConfigError(`${source.file} has ${mistakes.length} mistakes`, `correct each of them${list}`);
}

/** Where the user wrote the value at `path`: on the command line, or on a line of the file. */
function whereIs({ file, document, lines }: YamlFile, path: Path, overrides: readonly Override[]): string {
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
