/** Where in a config a key stands. */
import { aliasOf } from '../ground/aliases.js';
import { alternatives, type JsonSchema, runJsonSchema } from './json-schema.js';

/** Mappings in mappings, as `cluster.sync.local.steps`; keys of lists, such as layers, cannot be set by name alone. */
const deepest = 4;

/**
 * The paths of keys of a name, or of what Keras or PyTorch calls so, the shortest ones only.
 * Options that several choices have are one path: `optimizer.NAME.learningRate`.
 *
 * @param name in camel case
 */
export function keyPaths(name: string): string[] {
  const all = [...paths(runJsonSchema())];
  const names = new Set(all.map((path) => path.at(-1)!));
  const key = names.has(name) ? name : aliasOf(name, [...names]);
  const found = all.filter((path) => path.at(-1) === key);
  const least = Math.min(...found.map(({ length }) => length));
  const shortest = [...new Set(found.filter(({ length }) => length === least).map((path) => path.join('.')))];
  const shapes = new Set(shortest.map((path) => path.replace(/\.\w+(?=\.\w+$)/, '.NAME')));
  return shapes.size < shortest.length ? [...shapes] : shortest;
}

function* paths(node: JsonSchema, above: readonly string[] = []): Generator<string[]> {
  if (above.length === deepest) return;
  for (const { properties = {} } of alternatives(node)) {
    for (const [key, inner] of Object.entries(properties)) {
      // What is always a mapping is not set as one value.
      if (alternatives(inner).some((one) => !one.properties)) yield [...above, key];
      yield* paths(inner, [...above, key]);
    }
  }
}
