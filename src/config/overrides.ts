/** `--set path.to.key=value`: single values changed on top of a config file, before it is validated. */
import { ConfigError } from '../errors.js';
import { alternatives, child, choiceNames, type JsonSchema, runJsonSchema } from './json-schema.js';
import { yamlDocument, yamlValue } from './yaml-value.js';

/** One override: `training.epochs=3` as text, its path and its value. */
export interface Override {
  readonly text: string;
  readonly path: readonly string[];
  /** null stands for "as if the key were not there". */
  readonly value: unknown;
}

/**
 * Reads `path.to.key=value`; the value is YAML, so numbers, booleans and lists are what they look like.
 *
 * @throws ConfigError if there is no path, no `=`, or the value is no YAML
 */
export function parseOverride(text: string): Override {
  const equals = text.indexOf('=');
  if (equals < 0) throw new ConfigError(`--set ${text}: has no "="`, `write --set ${text}=value`);
  const path = text.slice(0, equals).trim().split('.');
  if (path.includes('')) {
    throw new ConfigError(`--set ${text}: has an empty name in its path`, 'write --set path.to.key=value');
  }
  const document = yamlDocument(`--set ${text}`, text.slice(equals + 1), {});
  if (document.errors.length > 0) {
    throw new ConfigError(`--set ${text}: the value is not YAML`, `put it in quotes: --set '${path.join('.')}="..."'`);
  }
  return { text, path, value: yamlValue(`--set ${text}`, document) };
}

/** A copy of `config` with one value changed. Mappings on the path that do not exist are made. */
export function applyOverride(config: unknown, override: Override): unknown {
  return assign(config, override.path, override, runJsonSchema());
}

function assign(node: unknown, path: readonly string[], override: Override, schema: JsonSchema | undefined): unknown {
  if (path.length === 0) return override.value;
  const [key, ...rest] = path;
  if (Array.isArray(node)) return assignItem(node, key, rest, override, schema);
  const held = keptKeys(node, key, schema);
  const inside = schema && child(schema, key, held);
  const value = assign(Object.hasOwn(held, key) ? held[key] : undefined, rest, override, inside);
  const changed = { ...held, [key]: value };
  if (value === null && rest.length === 0) delete changed[key];
  return changed;
}

function assignItem(
  list: unknown[],
  key: string,
  rest: readonly string[],
  override: Override,
  schema: JsonSchema | undefined,
): unknown[] {
  const index = /^\d+$/.test(key) ? Number(key) : Number.NaN;
  if (!(index <= list.length)) {
    const path = override.path.slice(0, override.path.length - rest.length - 1).join('.');
    const range = list.length > 0 ? `0 to ${list.length - 1}, or ${list.length} to add one` : '0 to add one';
    throw new ConfigError(`--set ${override.text}: ${key} is not an index of the list ${path}`, `use ${range}`);
  }
  const changed = [...list];
  changed[index] = assign(list[index], rest, override, schema && child(schema, index, list));
  return changed;
}

/** What stays beside `key`: in a choice (`optimizer: sgd`, or a layer) nothing does, for `key` is the new choice. */
function keptKeys(node: unknown, key: string, schema: JsonSchema | undefined): Record<string, unknown> {
  if (typeof node !== 'object' || node === null) return {};
  const mapping = node as Record<string, unknown>;
  return schema && isChoice(schema) && !Object.hasOwn(mapping, key) ? {} : mapping;
}

/** Also a layer, which is a choice with open names: a mapping of any name to a mapping of options. */
function isChoice(schema: JsonSchema): boolean {
  if (choiceNames(schema)) return true;
  return alternatives(schema).some(
    ({ additionalProperties: inner }) =>
      typeof inner === 'object' && alternatives(inner).some(({ type }) => type === 'object'),
  );
}
