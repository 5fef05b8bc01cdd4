/** The config's schema as TypeScript types, because types that zod infers lose the words of their keys. */
import { compile } from 'json-schema-to-typescript';
import { type JsonSchema, runJsonSchema } from '../src/config/json-schema.js';

const header = `/** A config as one writes it, made from its schema by \`npm run schema\`: what has a default may be left out. */
import type { LayerInput } from './layer-input.js';
`;

/** A schema with what json-schema-to-typescript reads besides JSON Schema. */
interface Node extends JsonSchema {
  description?: string;
  properties?: Record<string, Node>;
  oneOf?: Node[];
  definitions?: Record<string, Node>;
  allOf?: Node[];
  tsType?: string;
}

/** Shapes that stand in several places of the schema, with one of these places: `*` is any name, a number a choice. */
const shapes: Readonly<Record<string, readonly [place: string, words: string]>> = {
  InputColumns: ['data.csv.inputs.*', 'The columns of a table that make an input.'],
  TargetColumns: ['data.csv.targets.*', 'The columns of a table that make a target.'],
  CopiedTarget: ['data.digits.targets.*', 'A target that is one of the inputs.'],
  PictureColumn: ['data.images.inputs.*.1', 'Pictures that a column of a table names.'],
  PictureFolder: ['data.images.inputs.*.2', 'Pictures in a folder, whose names are those of other files.'],
  ImageSize: ['data.images.inputs.*.1.size', 'Height and width, or one number for both.'],
  ArrayPlace: ['data.npy.inputs.*.1.lengths.1', 'Where an array is.'],
  MetricList: ['metrics.0', 'Metrics of a target.'],
};

/**
 * Keys that several choices have, by the places of the choices: each key is declared once, because editors show no words of a
 * key with several declarations.
 */
const commonKeys: Readonly<Record<string, readonly string[]>> = {
  ModelKeys: ['model'],
  TargetColumnKeys: ['data.csv.targets.*'],
  ArrayInputKeys: ['data.npy.inputs.*'],
  ImageKeys: ['data.images.inputs.*', 'data.images.targets.*'],
  // Last, because it takes what stands above out of its places.
  TableKeys: ['data.csv', 'data.parquet', 'data.jsonl'],
};

type Definitions = Record<string, Node>;

/** @returns the text of src/config/input.ts */
export async function configInputType(): Promise<string> {
  const schema = structuredClone(runJsonSchema()) as Node;
  for (const { properties } of schema.properties?.model.anyOf ?? []) {
    // The schema knows a layer as any mapping; TypeScript knows the options of each of tfjs's.
    if (properties?.layers) properties.layers.items = { tsType: 'LayerInput' } as Node;
  }
  const definitions: Definitions = {};
  const result = withShapes(schema, definitions);
  for (const [name, paths] of Object.entries(commonKeys)) {
    const choices = paths.flatMap((path) => mappingsIn(at(result, path, definitions), definitions));
    Object.assign(definitions, declareOnce(name, [...new Set(choices)]));
  }
  const data = result.properties!.data;
  data.oneOf = data.oneOf!.map((source, i) => {
    const kind = String(schema.properties!.data.oneOf![i].properties!.source.const);
    const name = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}Data`;
    definitions[name] = source;
    return { tsType: name };
  });
  const description = 'A config as one writes it, for defineConfig: what has a default may be left out.';
  const text = await compile({ ...result, definitions, description } as object, 'RunConfigInput', {
    bannerComment: header,
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
    style: { singleQuote: true, printWidth: 120 },
  });
  // What the generator says of itself.
  return text
    .replace(/(\n \*)?\n \* This interface was referenced by [^\n]*\n \* via the `definition` "\w+"\./g, '')
    .replace(/\/\*\*\n \*\/\n/g, '');
}

/** The schema with the names of shared shapes in their places. @param definitions receives the shapes */
function withShapes(schema: Node, definitions: Definitions): Node {
  const names = new Map(Object.entries(shapes).map(([name, [path]]) => [JSON.stringify(at(schema, path)), name]));
  const visit = <T>(node: T): T => {
    if (typeof node !== 'object' || node === null) return node;
    const inner = Array.isArray(node)
      ? node.map(visit)
      : Object.fromEntries(Object.entries(node).map(([key, value]) => [key, visit(value)]));
    const name = names.get(JSON.stringify(node));
    if (name === undefined) return inner as T;
    definitions[name] = { ...inner, description: shapes[name][1] } as Node;
    // By its name and not by $ref, which would lose what is said of the key.
    return { tsType: name, description: (node as Node).description } as T;
  };
  return visit(schema);
}

/** The schema at a place; of a union of mappings told apart by `source`, the one of that source. */
function at(schema: Node, path: string, definitions: Definitions = {}): Node {
  return path.split('.').reduce<Node>((from, key) => {
    const node = definitions[from.tsType ?? ''] ?? from;
    const choices = (node.oneOf ?? node.anyOf ?? [node]) as Node[];
    const found = /^\d+$/.test(key)
      ? choices[Number(key)]
      : (choices.find(({ properties }) => properties?.source?.const === key) ??
        choices.map((each) => (key === '*' ? each.additionalProperties : each.properties?.[key])).find((each) => each));
    if (typeof found !== 'object') throw new Error(`the schema has no ${path}`);
    return found;
  }, schema);
}

/** The mappings that a value may be. */
function mappingsIn(from: Node, definitions: Definitions): Node[] {
  const node = definitions[from.tsType ?? ''] ?? from;
  const choices = (node.anyOf ?? node.oneOf) as Node[] | undefined;
  return choices?.flatMap((choice) => mappingsIn(choice, definitions)) ?? (node.properties ? [node] : []);
}

/**
 * Takes the keys that several mappings have alike out of them.
 * @returns mappings of these keys, one for all that the same mappings have
 */
function declareOnce(name: string, mappings: readonly Node[]): Definitions {
  const groups = new Map<string, Record<string, Node>>();
  for (const [key, value] of mappings.flatMap(({ properties }) => Object.entries(properties!))) {
    const text = JSON.stringify(value);
    const owners = mappings.flatMap(({ properties }, i) => (JSON.stringify(properties![key]) === text ? [i] : []));
    if (owners.length > 1) groups.set(owners.join(), { ...groups.get(owners.join()), [key]: value });
  }
  const made: Definitions = {};
  const bases = mappings.map((): string[] => []);
  for (const [owners, properties] of groups) {
    const nodes = owners.split(',').map(Number);
    const [first] = Object.keys(properties);
    const own = groups.size === 1 ? name : `${name}Of${first.charAt(0).toUpperCase()}${first.slice(1)}`;
    const required = Object.keys(properties).filter((key) => mappings[nodes[0]].required?.includes(key));
    made[own] = {
      type: 'object',
      description: 'Keys that several choices have.',
      properties,
      required,
      additionalProperties: false,
    };
    for (const node of nodes) bases[node].push(own);
  }
  mappings.forEach((node, i) => {
    if (bases[i].length === 0) return;
    const taken = new Set(bases[i].flatMap((base) => Object.keys(made[base].properties!)));
    const properties = Object.fromEntries(Object.entries(node.properties!).filter(([key]) => !taken.has(key)));
    const rest = { ...node, properties, required: node.required?.filter((key) => !taken.has(key)) };
    for (const key of Object.keys(node)) delete node[key as keyof Node];
    Object.assign(node, { description: rest.description, allOf: [...bases[i].map((tsType) => ({ tsType })), rest] });
  });
  return made;
}
