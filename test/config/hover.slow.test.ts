/** An editor shows the words of a config's keys: the language server is asked at every key that the schema describes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type JsonSchema, runJsonSchema } from '../../src/config/json-schema.js';
import { temporaryFolder } from '../support/folder.js';
import { installInto } from '../support/installed.js';
import { LanguageServer } from '../support/language-server.js';

type Described = JsonSchema & { readonly description?: string };

/** A key of a config with its words: `text` is a config that has it, nested in `before` and `after`. */
interface Key {
  readonly path: string;
  readonly words: string;
  readonly before: string;
  readonly after: string;
}

/** Every key that the schema describes, each within as little of a config as says what it belongs to. */
function keysIn(node: Described, path = '', before = '', after = ''): Key[] {
  const choices = node.anyOf ?? node.oneOf;
  if (choices) return choices.flatMap((choice) => keysIn(choice, path, before, after));
  // The keys that a mapping must have tell it from others; whatever a value must be, `null!` is allowed.
  const needed = node.required ?? [];
  const stated = (key: string) => JSON.stringify(node.properties![key].const) ?? 'null!';
  const inMapping = (key: string, value: Described): Key[] => {
    const others = needed.filter((other) => other !== key).map((other) => `${other}: ${stated(other)}, `);
    const [start, end, own] = [`${before}{ ${others.join('')}`, ` }${after}`, `${path}.${key}`];
    const words = value.description;
    const here = words === undefined ? [] : [{ path: own, words, before: start, after: `: null!${end}` }];
    return [...here, ...keysIn(value, own, `${start}${key}: `, end)];
  };
  const named = Object.entries(node.properties ?? {}).flatMap(([key, value]) => inMapping(key, value));
  const { additionalProperties: each } = node;
  const any = typeof each === 'object' ? keysIn(each, `${path}.*`, `${before}{ own: `, ` }${after}`) : [];
  // Of layers TypeScript knows the options of tfjs instead.
  const items = node.items && !Array.isArray(node.items) && !path.endsWith('.layers') ? node.items : undefined;
  return [...named, ...any, ...(items ? keysIn(items, `${path}[]`, `${before}[`, `]${after}`) : [])];
}

/**
 * Where a value may be a text or a list too, TypeScript takes these for members of a string or an array; and a key whose value tells
 * the forms of an object apart it shows as `never` until the value is there.
 */
const members = ['.data.inputs.*.length', '.data.targets.*.values', '.evaluation.threshold.maximize'];

const keys = keysIn(runJsonSchema());
const folder = temporaryFolder();
const file = join(folder, 'hovered.config.ts');
const head = "import { defineConfig } from 'lockstep';";
const plain = (text: string) => text.replace(/\s+/g, ' ');

let server: LanguageServer;
beforeAll(async () => {
  installInto(folder);
  writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "module": "nodenext", "strict": true } }');
  server = await LanguageServer.start(folder);
  const lines = keys.map(({ path, before, after }) => `defineConfig(${before}${path.split('.').at(-1)}${after});`);
  server.open(file, [head, ...lines].join('\n'));
});
afterAll(() => server.stop());

describe('the pointer on a key', () => {
  it('finds keys of every section', () => {
    expect(keys.length).toBeGreaterThan(200);
    const sections = new Set(keys.map(({ path }) => path.split(/[.[]/)[1]));
    expect([...sections].toSorted()).toEqual(Object.keys(runJsonSchema().properties!).toSorted());
  });

  it('shows its words', async () => {
    const wrong: string[] = [];
    for (const [i, { path, words, before }] of keys.entries()) {
      const shown = await server.hover(file, i + 1, `defineConfig(${before}`.length + 1);
      if (!plain(shown).includes(plain(words)) && !members.includes(path)) wrong.push(`${path}: ${shown || 'nothing'}`);
    }
    expect(wrong).toEqual([]);
  });
});
