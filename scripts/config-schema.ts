/** `npm run schema`: writes configs/config.schema.json, which editors read, from the config's schema. */
import { writeFileSync } from 'node:fs';
import { runJsonSchema } from '../src/config/json-schema.js';

// Compiled to dist/scripts/, two folders below the root.
const target = new URL('../../configs/config.schema.json', import.meta.url);
writeFileSync(target, `${JSON.stringify(runJsonSchema(), null, 2)}\n`);
