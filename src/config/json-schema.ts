/**
 * The config's JSON Schema: for editors, and for the loader, which reads from it what a key takes (allowed keys,
 * choices, ranges) when it explains a mistake or follows the path of an override.
 */
import { z } from 'zod';
import { runSchema } from './run-config.js';

/** The part of JSON Schema (draft 7) that zod writes for our schemas. */
export interface JsonSchema {
  $ref?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema | JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  minItems?: number;
  default?: unknown;
  examples?: unknown[];
}

export type Path = readonly PropertyKey[];

let cached: JsonSchema | undefined;

/** The schema of a config file, as the yaml language server takes it. */
export function runJsonSchema(): JsonSchema {
  if (!cached) {
    cached = z.toJSONSchema(runSchema, { io: 'input', target: 'draft-7' }) as JsonSchema;
    // The loader's default is the file's name, which no constant can say.
    delete cached.properties?.name.default;
  }
  return cached;
}

/**
 * The schemas of which a value at `node` must fit one.
 *
 * @param value if given, leaves out the mappings whose constant keys (`source: idx`) contradict it
 */
export function alternatives(node: JsonSchema, value?: unknown): JsonSchema[] {
  const target = resolve(node);
  const options = target.anyOf ?? target.oneOf;
  if (options) return options.flatMap((option) => alternatives(option, value));
  return contradicts(target, value) ? [] : [target];
}

/** The schema of `key` in the mapping or list `value`, whose own schema is `node`. */
export function child(node: JsonSchema, key: PropertyKey, value: unknown): JsonSchema | undefined {
  // Where a value may be a list too, a mapping that was written is none.
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  for (const { properties, additionalProperties, items } of alternatives(node, value)) {
    if (properties && Object.hasOwn(properties, key)) return properties[key as string];
    if (typeof additionalProperties === 'object') return additionalProperties;
    const item = isMapping ? undefined : Array.isArray(items) ? items[Number(key)] : items;
    if (item) return item;
  }
  return undefined;
}

/** The names of a choice (`adam` or `{ adam: {...} }`), or undefined where `node` is none. */
export function choiceNames(node: JsonSchema): string[] | undefined {
  const names = new Set<string>();
  let mappings = 0;
  for (const option of alternatives(node)) {
    if (isByName(option)) continue;
    const keys = Object.keys(option.properties ?? {});
    if (keys.length === 1 && option.additionalProperties === false) {
      mappings++;
      names.add(keys[0]);
    } else {
      const constants = option.enum ?? [option.const];
      for (const constant of constants) {
        if (typeof constant !== 'string') return undefined;
        names.add(constant);
      }
    }
  }
  return mappings > 0 && names.size > 1 ? [...names] : undefined;
}

/** Whether a mapping takes any names as keys, with a value of one kind each. */
export const isByName = ({ type, properties, additionalProperties }: JsonSchema): boolean =>
  type === 'object' && !properties && typeof additionalProperties === 'object';

/** What a value at `node` must be, in words that fit after "is not": `a whole number of at least 1`. */
export function rule(node: JsonSchema): string {
  const names = choiceNames(node);
  if (names) return `one of ${names.join(', ')}`;
  const options = alternatives(node);
  // The keys of one mapping help; those of every mapping of a union do not.
  const mappings = options.filter(({ properties }) => properties).length;
  const rules = options.map((option) => (option.properties && mappings > 1 ? 'a mapping' : ruleOfOne(option)));
  return [...new Set(rules)].join(' or ');
}

function ruleOfOne(node: JsonSchema): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum) return `one of ${node.enum.join(', ')}`;
  switch (node.type) {
    case 'integer':
      return `a whole number${bounds(node)}`;
    case 'number':
      return `a number${bounds(node)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return node.minLength ? 'text that is not empty' : 'text';
    case 'array':
      return node.minItems ? `a list of at least ${node.minItems}` : 'a list';
    default: {
      const keys = Object.keys(node.properties ?? {});
      return keys.length > 0 ? `a mapping of ${keys.join(', ')}` : 'a mapping';
    }
  }
}

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  const parts: string[] = [];
  if (low !== undefined) parts.push(`of at least ${low}`);
  if (exclusiveMinimum !== undefined) parts.push(`above ${exclusiveMinimum}`);
  if (high !== undefined) parts.push(`of at most ${high}`);
  if (exclusiveMaximum !== undefined) parts.push(`below ${exclusiveMaximum}`);
  return parts.length > 0 ? ` ${parts.join(' and ')}` : '';
}

function contradicts(node: JsonSchema, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const given = value as Record<string, unknown>;
  return Object.entries(node.properties ?? {}).some(
    ([key, { const: constant }]) => constant !== undefined && given[key] !== undefined && given[key] !== constant,
  );
}

/** Follows `#/definitions/name`, which zod writes for a schema that contains itself. */
function resolve(node: JsonSchema): JsonSchema {
  if (!node.$ref) return node;
  const steps = node.$ref.split('/').slice(1);
  return resolve(steps.reduce((at, step) => (at as Record<string, JsonSchema>)[step], runJsonSchema()));
}
