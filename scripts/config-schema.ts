/**
 * `npm run schema`: writes what is made from the config's schema: configs/config.schema.json for editors of YAML,
 * src/config/input.ts, the type of a config written in TypeScript, whose keys carry the schema's words, and
 * docs/configuration.md, the reference for people.
 */
import { writeFileSync } from 'node:fs';
import { runJsonSchema } from '../src/config/json-schema.js';
import { configInputType } from './config-input.js';
import { configReference } from './config-reference.js';

// Compiled to dist/scripts/, two folders below the root.
const root = new URL('../../', import.meta.url);
writeFileSync(new URL('configs/config.schema.json', root), `${JSON.stringify(runJsonSchema(), null, 2)}\n`);
writeFileSync(new URL('src/config/input.ts', root), await configInputType());
writeFileSync(new URL('docs/configuration.md', root), configReference());
