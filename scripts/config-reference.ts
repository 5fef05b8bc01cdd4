/** The config's schema as a page for people: docs/configuration.md, a table of keys for each section. */
import { alternatives, isByName, type JsonSchema, rule, runJsonSchema } from '../src/config/json-schema.js';

interface Row {
  readonly path: string;
  readonly types: Set<string>;
  fallback?: string;
  words?: string;
}

type Described = JsonSchema & { readonly description?: string };

const intro = `# Configuration

Every key of a config, made from its schema by \`npm run schema\`. Editors that know YAML schemas complete and check the same keys:
a config starts with \`# yaml-language-server: $schema=...\` and the path of \`configs/config.schema.json\`.

- \`a.b\` is the key \`b\` of the mapping \`a\`; \`NAME\` stands for any name of yours, such as that of an input or a target.
- What is named alone, such as \`adam\`, takes its defaults; with options it is a mapping: \`{ adam: { beta1: 0.8 } }\`.
- A key without a default may be left out, unless its words say what is needed. \`data\`, \`model\`, \`loss\` and \`training\` are
  needed, and of \`training\` \`epochs\` and \`batchSize\`.
- \`--set path=value\` takes the same paths: \`--set training.epochs=1 --set optimizer.adam.learningRate=0.01\`.
`;

/** @returns the text of docs/configuration.md */
export function configReference(): string {
  const { properties = {} } = runJsonSchema();
  const isPlain = ([, node]: [string, JsonSchema]) => alternatives(node).every(({ type }) => isScalar(type));
  const entries = Object.entries(properties);
  const plain = entries.filter(isPlain).flatMap(([key, node]) => rowsOf(node, key));
  const sections = entries
    .filter((entry) => !isPlain(entry))
    .map(([key, node]) => (key === 'data' ? dataSection(node) : section(key, node)));
  return [intro, `## The run\n\n${table(plain)}\n`, ...sections].join('\n');
}

function section(key: string, node: Described): string {
  const [own, ...rest] = rowsOf(node, key);
  const hasDefault = own.fallback !== undefined && !/^`(\[\]|\{\})`$/.test(own.fallback);
  const about = [sentence(own.words), hasDefault ? `Default: ${own.fallback}.` : ''].filter(Boolean).join(' ');
  const choice = [...own.types].some((type) => type.startsWith('`')) ? `It is ${[...own.types].join(' or ')}.` : '';
  return `## ${key}\n\n${[about, choice].filter(Boolean).join('\n\n')}\n\n${table(rest)}\n`;
}

/** What all sources share once, then each source with what it has besides. */
function dataSection(node: Described): string {
  const sources = alternatives(node).map((source) => ({
    name: String(source.properties?.source.const),
    words: (source as Described).description ?? '',
    rows: rowsOf(source, 'data').filter(({ path }) => path !== 'data' && path !== 'data.source'),
  }));
  const shared = sources[0].rows.map(line).filter((text) => sources.every(({ rows }) => rows.map(line).includes(text)));
  const own = sources.map(
    ({ name, words, rows }) =>
      `### source: ${name}\n\n${words}\n\n${table(rows.filter((row) => !shared.includes(line(row))))}\n`,
  );
  const all = `### Every source\n\n${table(sources[0].rows.filter((row) => shared.includes(line(row))))}\n`;
  return [`## data\n\n${node.description}\n`, all, ...own].join('\n');
}

/** A row for the key and one for each key within, in the order of the schema; the first is the key's own. */
function rowsOf(node: Described, path: string): Row[] {
  const rows = new Map<string, Row>();
  collect(node, path, rows);
  return [...rows.values()];
}

function collect(node: Described, path: string, rows: Map<string, Row>): void {
  const row: Row = rows.get(path) ?? { path, types: new Set() };
  rows.set(path, row);
  row.types.add(typeOf(node));
  row.words ??= node.description;
  if (node.default !== undefined) row.fallback ??= `\`${JSON.stringify(node.default)}\``;
  const options = alternatives(node);
  for (const option of options) {
    for (const [key, child] of Object.entries(option.properties ?? {})) collect(child, `${path}.${key}`, rows);
  }
  for (const { items } of options) {
    if (!items || Array.isArray(items) || alternatives(items).every(({ properties }) => !properties)) continue;
    collect(items, `${path}[]`, rows);
  }
  for (const option of options.filter(isByName)) {
    const inner = new Map<string, Row>();
    collect(option.additionalProperties as Described, `${path}.NAME`, inner);
    for (const [at, found] of inner) {
      // What a target of its own takes as the only one does is said once.
      if (at === `${path}.NAME` || !rows.has(at.replace(`${path}.NAME`, path))) rows.set(at, found);
    }
  }
}

const sentence = (words = ''): string => (words === '' || words.endsWith('.') ? words : `${words}.`);

const isScalar = (type: string | undefined): boolean => type === 'string' || type === 'integer' || type === 'number';

/** What a value may be: `` `cover` | `fill` ``, a whole number of at least 1, a list of text, a mapping. */
function typeOf(node: JsonSchema): string {
  const types = alternatives(node).flatMap(typesOfOne);
  const bare = new Set(types);
  // What may stand alone or with options is named once: `adam`, and keys `.adam` below.
  const shown = types.filter(
    (type) => !bare.has(type.replace(/^`\{ (\w+): \{\.\.\.\} \}`$/, '`$1`')) || !type.includes('{'),
  );
  return [...new Set(shown)].join(' or ');
}

function typesOfOne(node: JsonSchema): string[] {
  if (node.const !== undefined) return [code(node.const)];
  if (node.enum) return node.enum.map(code);
  if (node.type === 'array') {
    const items = node.items && !Array.isArray(node.items) ? node.items : undefined;
    const mappings = items && alternatives(items).some(({ type }) => type === 'object');
    return [items && !mappings ? `a list of: ${typeOf(items)}` : 'a list'];
  }
  if (node.type === undefined) return ['anything'];
  if (node.type === 'string') return ['text'];
  if (node.type !== 'object') return [rule(node)];
  const keys = Object.keys(node.properties ?? {});
  // A choice with options, `{ adam: {...} }`, reads as its name; what it takes has rows of its own.
  if (keys.length === 1 && node.properties?.[keys[0]].type === 'object') return [`\`{ ${keys[0]}: {...} }\``];
  return [isByName(node) ? 'a mapping by name' : 'a mapping'];
}

const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

const cell = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');

const line = ({ path, types, fallback = '', words = '' }: Row): string =>
  `| \`${path}\` | ${cell([...types].join(' or '))} | ${cell(fallback)} | ${cell(words).replaceAll('<', '\\<')} |`;

const table = (rows: readonly Row[]): string =>
  ['| key | value | default | meaning |', '| --- | --- | --- | --- |', ...rows.map(line)].join('\n');
