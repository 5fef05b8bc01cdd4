/** How the layers of a saved model are connected, checked before tfjs builds it: it would wait for ever for a layer that never comes. */
import { z } from 'zod';
import { ModelError } from '../../errors.js';
import { ruleOf } from '../../ground/json-file.js';

/** A tensor that a node takes: of a layer's node, by its place. */
const tensorSchema = z.tuple([z.string(), z.int().min(0), z.int().min(0)], z.unknown());
const layerSchema = z.looseObject({
  name: z.string().min(1),
  inbound_nodes: z.array(z.array(tensorSchema)),
  config: z.record(z.string(), z.unknown()),
});
const modelSchema = z.looseObject({ layers: z.array(layerSchema) });
type WrittenLayer = z.output<typeof layerSchema>;

/**
 * @param topology of Keras's older form: `class_name` and `config`
 * @throws ModelError when a functional model, or one inside of it, has a layer that follows none of its others, or itself
 */
export function checkConnections(file: string, { config }: Readonly<Record<string, unknown>>): void {
  const layers = (config as { layers?: unknown } | null)?.layers;
  // Sequential models have no connections, and models without layers nothing to wait for.
  if (!Array.isArray(layers) || !layers.some((layer) => Array.isArray(layer?.inbound_nodes))) return;
  const { data, error } = modelSchema.safeParse(config);
  if (!data) {
    throw new ModelError(`${file}: its layers are not as a model has them (${ruleOf(error)})`, 'save the model again');
  }
  checkOrder(file, data.layers);
  for (const layer of data.layers) checkConnections(file, layer);
}

/** Every node must come after those that it takes tensors from, in some order. */
function checkOrder(file: string, layers: readonly WrittenLayer[]): void {
  const nodes = new Map<string, readonly string[]>();
  const keyOf = (name: string, node: number) => JSON.stringify([name, node]);
  const names = new Set<string>();
  for (const { name, inbound_nodes, config } of layers) {
    if (names.has(name)) throw new ModelError(`${file}: two layers have the name ${name}`, 'save the model again');
    names.add(name);
    // A layer that takes no tensor is an input, and has one node.
    if (inbound_nodes.length === 0) nodes.set(keyOf(name, 0), []);
    // A model inside of the model has one more, its own, which comes first.
    const own = Array.isArray(config.layers) ? 1 : 0;
    if (own === 1) nodes.set(keyOf(name, 0), []);
    inbound_nodes.forEach((taken, i) => {
      nodes.set(
        keyOf(name, i + own),
        taken.map(([from, node]) => keyOf(from, node)),
      );
    });
  }
  const waiting = new Map(nodes);
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [key, taken] of waiting)
      if (!taken.some((from) => !nodes.has(from) || waiting.has(from))) waiting.delete(key);
  }
  const [stuck] = waiting;
  if (!stuck) return;
  const [name] = JSON.parse(stuck[0]) as [string];
  const missing = stuck[1].find((from) => !nodes.has(from));
  const why = missing === undefined ? 'follows itself' : `follows ${missing}, which is no layer's output`;
  throw new ModelError(`${file}: layer ${name} ${why}`, 'save the model again');
}

/** Numbers of initializers; tfjs draws until one fits, which one that is no number never does. */
const numbersOfInitializers = ['scale', 'mean', 'stddev', 'minval', 'maxval', 'gain', 'value'];

/** @throws ModelError when an initializer of a layer has something else for a number */
export function checkInitializers(file: string, value: unknown, key = ''): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    const isNumber = typeof inner === 'number' && Number.isFinite(inner);
    if (/initializer$/i.test(key) && numbersOfInitializers.includes(name) && inner !== null && !isNumber) {
      throw new ModelError(
        `${file}: ${key}.${name}: expected a number, received ${JSON.stringify(inner)}`,
        'save the model again',
      );
    }
    checkInitializers(file, inner, name === 'config' ? key : name);
  }
}
