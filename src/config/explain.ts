/** What is wrong with a config, from zod's issues: one line each, with the path, the value, the rule and the remedy. */

import type { z } from 'zod';
import { isNumeral } from '../ground/numeral.js';
import { oneOf, suggest } from '../ground/suggest.js';
import {
  alternatives,
  child,
  choiceNames,
  isByName,
  type JsonSchema,
  type Path,
  rule,
  runJsonSchema,
} from './json-schema.js';
import { runSchema } from './run-config.js';
import { flowText } from './yaml-value.js';

export interface Mistake {
  /** The key to show the user, for its line in the file. */
  readonly path: Path;
  /** The path and the value, and the rule that it breaks. */
  readonly problem: string;
  readonly remedy: string;
}

type Issue = z.core.$ZodIssue;

/** What is left of a config's issues where a value is another. */
export type Remaining = (config: unknown) => readonly Pick<Issue, 'path'>[];

interface Whole {
  readonly config: unknown;
  readonly root: JsonSchema;
  readonly remaining: Remaining;
}

/**
 * One mistake for each issue that validating `config` found.
 * @param root what was to be fulfilled; default: the schema of a run
 * @param remaining tries a remedy; default: by that schema
 */
export function explainIssues(
  config: unknown,
  issues: readonly Issue[],
  root = runJsonSchema(),
  remaining: Remaining = (other) => runSchema.safeParse(other).error?.issues ?? [],
): Mistake[] {
  const mistakes = issues.flatMap((issue) => explainIssue({ config, root, remaining }, issue, []));
  return mistakes.filter(({ problem }, i) => mistakes.findIndex((other) => other.problem === problem) === i);
}

function explainIssue(whole: Whole, issue: Issue, parent: Path): Mistake[] {
  const path = [...parent, ...issue.path];
  const { schema, value } = lookUp(whole, path);
  // zod's own messages are switched off, so any message is one that a schema of ours wrote.
  if (issue.message !== '') return [{ path, problem: `${label(path)}: ${issue.message}`, remedy: remedyOf(issue) }];
  if (issue.code === 'invalid_key') {
    const said = issue.issues.find(({ message }) => message !== '');
    if (said) return [{ path, problem: `${label(path)}: ${said.message}`, remedy: 'use another name' }];
  }
  if (value === undefined || value === null) return [explainMissing(whole, path, value, schema)];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => explainUnknownKey([...path, key], schema, value));
  }
  const misspelt = misspeltChoice(whole, path);
  if (misspelt) return [misspelt];
  if (issue.code === 'invalid_union') {
    const branch = intendedBranch(issue);
    if (branch) return branch.flatMap((nested) => explainIssue(whole, nested, path));
    if (typeof value === 'object' && !Array.isArray(value)) return [explainChoice(path, schema, value)];
  }
  return [explainValue(path, schema, value)];
}

/** The branch of a union that the value was meant for: the one that complains about something inside it. */
function intendedBranch(issue: z.core.$ZodIssueInvalidUnion): Issue[] | undefined {
  const fits = issue.errors.filter((branch) => branch.every((each) => each.path.length > 0 || isAboutInside(each)));
  const known = fits.filter((branch) =>
    // A key that cannot be a name is that of another branch.
    branch.every(({ code, path }) => code !== 'invalid_key' && (path.length > 0 || code !== 'unrecognized_keys')),
  );
  const candidates = known.length > 0 ? known : fits;
  return candidates.length === 1 ? candidates[0] : undefined;
}

function isAboutInside(issue: Issue): boolean {
  if (issue.code === 'invalid_union') return intendedBranch(issue) !== undefined;
  return issue.code !== 'invalid_type' && issue.code !== 'invalid_value';
}

function explainMissing(whole: Whole, path: Path, value: null | undefined, schema: JsonSchema): Mistake {
  const problem = `${label(path)} is ${value === null ? 'empty' : 'missing'}`;
  const [first] = alternatives(schema);
  const allOptional = first?.type === 'object' && !first.required?.length;
  if (value === null && allOptional && isEnough(whole, path))
    return { path, problem, remedy: 'write {} for its defaults' };
  const example = (schema.examples ?? first?.examples)?.[0];
  return {
    path,
    problem,
    remedy: example === undefined ? `add ${rule(schema)}` : `add one such as ${flowText(example)}`,
  };
}

/** Whether an empty mapping at `path` leaves nothing to complain of there. */
function isEnough({ config, remaining }: Whole, path: Path): boolean {
  const isAbout = (other: Path) => path.every((key, i) => i >= other.length || other[i] === key);
  return !remaining(replaced(config, path, {})).some((issue) => isAbout(issue.path));
}

function replaced(node: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(node)) return node.map((item, i) => (i === Number(key) ? replaced(item, rest, value) : item));
  const held = (node ?? {}) as Record<PropertyKey, unknown>;
  return { ...held, [key]: replaced(held[key], rest, value) };
}

function explainUnknownKey(path: Path, schema: JsonSchema, value: unknown): Mistake {
  const allowed = [...new Set(alternatives(schema, value).flatMap(({ properties }) => Object.keys(properties ?? {})))];
  const key = String(path.at(-1));
  if (allowed.includes(key)) {
    // A key of another of several mappings.
    const others = Object.entries(value as object).filter(([other]) => other !== key);
    const beside = others.map(([other, each]) => (typeof each === 'object' ? other : `${other}: ${each}`)).join(', ');
    return { path, problem: `${label(path)}: does not go with ${beside}`, remedy: 'keep one of them' };
  }
  const near = suggest(key, allowed) ?? sectionOf(key, schema, value);
  const list = allowed.length > 0 ? `the keys here are ${allowed.join(', ')}` : 'no keys are known here: remove it';
  return {
    path,
    problem: `${label(path)}: unknown key`,
    remedy: near ? `did you mean ${near}? The keys here are ${allowed.join(', ')}` : list,
  };
}

/** `training.epochs` for a stray `epochs`: the same key one level further in. */
function sectionOf(key: string, schema: JsonSchema, value: unknown): string | undefined {
  const sections = alternatives(schema, value).flatMap(({ properties }) => Object.entries(properties ?? {}));
  const found = sections.find(([, section]) =>
    alternatives(section).some(({ properties }) => properties && Object.hasOwn(properties, key)),
  );
  return found && `${found[0]}.${key}`;
}

/** A mapping where one of several single-key mappings is due: no key, an unknown one, or more than one. */
function explainChoice(path: Path, schema: JsonSchema, value: object): Mistake {
  const keys = Object.keys(value);
  const names = choiceNames(schema);
  if (!names) return explainKinds(path, schema, value);
  const named = alternatives(schema).find(isByName);
  if (named && keys.length > 0 && !keys.some((key) => names.includes(key) || isMisspelt(value, key, names)))
    return explainNamed(path, named, value);
  const unknown = keys.find((key) => !names.includes(key));
  if (unknown !== undefined) {
    const { problem, remedy } = explainValue(path, schema, unknown);
    return { path: [...path, unknown], problem, remedy };
  }
  const held = keys.length === 0 ? 'nothing' : keys.join(' and ');
  return { path, problem: `${label(path)}: holds ${held}, and takes exactly ${rule(schema)}`, remedy: 'name one' };
}

/** Where a mapping may be one of several by its key, or one by names: a key that was meant for the former. */
function misspeltChoice(whole: Whole, path: Path): Mistake | undefined {
  for (let length = 0; length < path.length; length++) {
    const { schema, value } = lookUp(whole, path.slice(0, length));
    const names = alternatives(schema).some(isByName) ? choiceNames(schema) : undefined;
    if (!names || typeof value !== 'object' || value === null) continue;
    if (isMisspelt(value, String(path[length]), names)) return explainChoice(path.slice(0, length), schema, value);
  }
  return undefined;
}

/** Whether a key is meant as one of the names: it is like one, and its value none of them. */
function isMisspelt(value: object, key: string, names: readonly string[]): boolean {
  const inner = (value as Record<string, unknown>)[key];
  const holdsName =
    typeof inner === 'object' && inner !== null && Object.keys(inner).some((own) => names.includes(own));
  return typeof inner === 'object' && !holdsName && !names.includes(key) && suggest(key, names) !== undefined;
}

/** A mapping of names to values that each are one of several: which of them is none. */
function explainNamed(path: Path, { additionalProperties }: JsonSchema, value: object): Mistake {
  const schema = additionalProperties as JsonSchema;
  const names = choiceNames(schema) ?? [];
  const entries = Object.entries(value);
  const [key, wrong] =
    entries.find(([, each]) => typeof each !== 'object' && !names.includes(String(each))) ??
    entries.find(([, each]) => typeof each === 'object') ??
    entries[0];
  const inner = [...path, key];
  return typeof wrong === 'object' && wrong !== null
    ? explainChoice(inner, schema, wrong)
    : explainValue(inner, schema, wrong);
}

/** A mapping where one of several is due, each with a key of its own. */
function explainKinds(path: Path, schema: JsonSchema, value: object): Mistake {
  const options = alternatives(schema).filter(({ properties }) => properties);
  const kinds = [...new Set(options.flatMap(({ required = [] }) => required.slice(0, 1)))];
  if (kinds.length < 2) return explainValue(path, schema, value);
  const keys = Object.keys(value);
  const unknown = keys.find((key) => !options.some(({ properties }) => Object.hasOwn(properties!, key)));
  if (unknown !== undefined) return explainUnknownKey([...path, unknown], schema, value);
  const [only, ...more] = keys.filter((key) => kinds.includes(key));
  if (only !== undefined && more.length === 0) return explainKind(path, options, only, value);
  const held = [only, ...more].filter((key) => key !== undefined).join(' and ') || 'none';
  return { path, problem: `${label(path)}: holds ${held} of ${kinds.join(', ')}`, remedy: 'name exactly one of them' };
}

/** One of several mappings was meant, by its key: what is wrong in it. */
function explainKind(path: Path, options: readonly JsonSchema[], kind: string, value: object): Mistake {
  const inner = (value as Record<string, unknown>)[kind];
  const meant = options.filter(({ properties }) => properties && Object.hasOwn(properties, kind));
  const wordsOf = ({ properties }: JsonSchema) =>
    alternatives(properties![kind]).flatMap(
      ({ enum: words, const: word }): unknown[] => words ?? (word === undefined ? [] : [word]),
    );
  const chosen = meant.find((option) => wordsOf(option).includes(inner)) ?? (meant.length === 1 ? meant[0] : undefined);
  if (!chosen) return explainValue([...path, kind], { enum: meant.flatMap(wordsOf) }, inner);
  const missing = chosen.required?.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) {
    const at = [...path, missing];
    return { path: at, problem: `${label(at)} is missing`, remedy: `add ${rule(chosen.properties![missing])}` };
  }
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(chosen.properties!, key));
  if (unknown !== undefined) return explainUnknownKey([...path, unknown], chosen, value);
  return explainValue([...path, kind], chosen.properties![kind], inner);
}

function explainValue(path: Path, schema: JsonSchema, value: unknown): Mistake {
  const options = typeof value === 'string' ? optionsOf(schema, value) : undefined;
  if (options) {
    const { required = [], properties = {} } = options;
    const names = required.length > 0 ? required : Object.keys(properties);
    const each = required.map((key) => ` ${key}: ...`).join(',') + (required.length > 0 ? ' ' : '');
    const rules = names.map((key) => `${key} is ${rule(properties[key])}`).join(', ');
    const remedy = `write { ${value}: {${each}} }, where ${rules}`;
    const problem = required.length > 0 ? `stands without ${required.join(', ')}` : 'stands without its options';
    return { path, problem: `${label(path)}: ${value} ${problem}`, remedy };
  }
  const problem = `${label(path)}: ${show(value)} is not ${rule(schema)}`;
  return { path, problem, remedy: remedyForValue(schema, value) };
}

/** What a choice that was named without its options may be given; undefined where it is none. */
function optionsOf(schema: JsonSchema, name: string): JsonSchema | undefined {
  for (const { properties } of alternatives(schema)) {
    const options = properties && Object.hasOwn(properties, name) ? alternatives(properties[name])[0] : undefined;
    if (options?.properties) return options;
  }
  return undefined;
}

function remedyForValue(schema: JsonSchema, value: unknown): string {
  const otherwise =
    schema.default === undefined ? 'correct it' : `correct it, or remove it for the default ${show(schema.default)}`;
  if (typeof value !== 'string') return otherwise;
  const options = alternatives(schema);
  const numeric = options.some(({ type }) => type === 'integer' || type === 'number');
  if (numeric && isNumeral(value)) return `write ${value} without quotes`;
  const names = choiceNames(schema) ?? options.flatMap((option) => option.enum ?? [option.const]);
  const texts = names.filter((name) => typeof name === 'string');
  return oneOf(value, texts, otherwise);
}

/** Follows `path` through the schema and the value together, for the value tells a union's branches apart. */
function lookUp({ config, root }: Whole, path: Path): { schema: JsonSchema; value: unknown } {
  let schema = root;
  let value = config;
  for (const key of path) {
    schema = discriminator(schema, key) ?? child(schema, key, value) ?? {};
    const held = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    value = held ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return { schema, value };
}

/** The key that tells a union's mappings apart has another constant in each: it takes any of those. */
function discriminator(schema: JsonSchema, key: PropertyKey): JsonSchema | undefined {
  const constants = alternatives(schema).map(({ properties }) => properties?.[key as string]?.const);
  return constants.length > 1 && !constants.includes(undefined) ? { enum: constants } : undefined;
}

function remedyOf(issue: Issue): string {
  const remedy = issue.code === 'custom' ? issue.params?.remedy : undefined;
  return typeof remedy === 'string' ? remedy : 'correct it';
}

/** A path as `--set` takes it: `model.layers.0.dense.units`. */
function label(path: Path): string {
  return path.length > 0 ? path.map(String).join('.') : 'the config';
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  if (text.length <= 60) return text;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'a mapping' : `${text.slice(0, 57)}..."`;
}
