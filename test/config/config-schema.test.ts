import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configInputType } from '../../scripts/config-input.js';
import { configReference } from '../../scripts/config-reference.js';
import { type JsonSchema, runJsonSchema } from '../../src/config/json-schema.js';

const configs = new URL('../../configs/', import.meta.url);

describe('src/config/input.ts', () => {
  const committed = readFileSync(new URL('../src/config/input.ts', configs), 'utf8');

  it('is what the schema in the code says; if not, run: npm run schema', async () => {
    expect(committed).toBe(await configInputType());
  });

  it('has the words of every key, which editors show', () => {
    const plain = committed.replace(/\n *\* ?/g, ' ').replace(/ +/g, ' ');
    for (const words of described(runJsonSchema())) expect(plain).toContain(words.replace(/\s+/g, ' '));
  });
});

describe('docs/configuration.md', () => {
  const committed = readFileSync(new URL('../docs/configuration.md', configs), 'utf8');

  it('is what the schema in the code says; if not, run: npm run schema', () => {
    expect(committed).toBe(configReference());
  });

  it('has every key of the schema, with its words', () => {
    for (const key of keysOf(runJsonSchema())) expect(committed).toMatch(new RegExp(`^## ${key}$|[.\`]${key}\``, 'm'));
    const plain = committed.replaceAll('\\|', '|').replaceAll('\\<', '<');
    // What a source is read as stands in its heading.
    const words = described(runJsonSchema()).filter((text) => text !== '');
    for (const text of words) expect(plain).toContain(text.replace(/\s+/g, ' '));
  });
});

function keysOf(node: JsonSchema): string[] {
  const within = [...Object.values(node.properties ?? {}), ...(node.anyOf ?? node.oneOf ?? [])];
  if (typeof node.additionalProperties === 'object') within.push(node.additionalProperties);
  const keys = Object.entries(node.properties ?? {}).flatMap(([key, child]) =>
    child.const === undefined ? [key] : [],
  );
  return [...keys.filter((key) => node.properties?.[key].properties === undefined), ...within.flatMap(keysOf)];
}

/** What the schema says of its keys. */
function described(node: JsonSchema): string[] {
  const inner = Object.values(node.properties ?? {});
  const own = inner.flatMap((child) => ('description' in child ? [String(child.description)] : []));
  return [...own, ...[...inner, ...(node.anyOf ?? node.oneOf ?? [])].flatMap(described)];
}

describe('configs/config.schema.json', () => {
  it('is what the schema in the code says; if not, run: npm run schema', () => {
    const committed = readFileSync(new URL('config.schema.json', configs), 'utf8');
    expect(committed).toBe(`${JSON.stringify(runJsonSchema(), null, 2)}\n`);
  });

  it('asks for what has no default and describes a config as it is written', () => {
    const schema = runJsonSchema();
    expect(schema.required).toEqual(['data', 'model', 'loss', 'training']);
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties?.name).not.toHaveProperty('default');
    const { batchSize, shards } = schema.properties?.training?.properties ?? {};
    expect(batchSize.anyOf?.map(({ type }) => type)).toEqual(['integer', 'string']);
    expect(shards.default).toBe('auto');
    expect(schema.properties?.optimizer.anyOf?.[0].enum).toContain('adam');
  });

  it('describes every option', () => {
    const bare = undescribed(runJsonSchema(), '');
    expect(bare).toEqual([]);
  });

  it('is named on the first line of every config', () => {
    const files = readdirSync(configs).filter((name) => name.endsWith('.yaml'));
    expect(files).toContain('digits.yaml');
    for (const name of files) {
      const [first] = readFileSync(new URL(name, configs), 'utf8').split('\n');
      expect([name, first]).toEqual([name, '# yaml-language-server: $schema=./config.schema.json']);
    }
  });
});

/** Paths of the values that an editor has nothing to say about; mappings speak through what they hold. */
function undescribed(node: JsonSchema & { description?: string }, path: string): string[] {
  const inner = Object.entries(node.properties ?? {}).map(([key, child]) => [`${path}.${key}`, child] as const);
  const nested = (node.anyOf ?? node.oneOf ?? []).flatMap((option) => undescribed(option, path));
  const bare = inner
    .filter(([, child]) => !('description' in child) && !child.properties && child.const === undefined)
    .map(([key]) => key);
  return [...bare, ...nested, ...inner.flatMap(([key, child]) => undescribed(child, key))];
}
