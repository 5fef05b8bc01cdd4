/** The config's schema as a TypeScript type, because types that zod infers lose the words of their keys. */
import { compile } from 'json-schema-to-typescript';
import { type JsonSchema, runJsonSchema } from '../src/config/json-schema.js';

const header = `/** A config as one writes it, made from its schema by \`npm run schema\`: what has a default may be left out. */
import type { LayerInput } from './layer-input.js';
`;

/** @returns the text of src/config/input.ts */
export async function configInputType(): Promise<string> {
  const schema = structuredClone(runJsonSchema());
  for (const { properties } of schema.properties?.model.anyOf ?? []) {
    // The schema knows a layer as any mapping; TypeScript knows the options of each of tfjs's.
    if (properties?.layers) properties.layers.items = { tsType: 'LayerInput' } as JsonSchema;
  }
  return compile(schema as object, 'RunConfigInput', {
    bannerComment: header,
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 120 },
  });
}
