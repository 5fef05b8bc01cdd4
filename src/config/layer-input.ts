/** Entries of `model.layers` as TypeScript knows them: tfjs's own options, and what Lockstep adds to them. */
import type tfl = require('@tensorflow/tfjs-layers');

type Factories = typeof tfl.layers;
/** Functions of tf.layers that make a layer to put into a list. */
type LayerName = {
  [Name in keyof Factories]: Factories[Name] extends (...options: never[]) => tfl.layers.Layer ? Name : never;
}[keyof Factories];

/** `classes` is the number of classes in the data; layers inside of layers are written as entries, too. */
type OptionValue<Key, Type> =
  | Type
  | (number extends Type ? 'classes' : never)
  | (Key extends 'activation' | 'recurrentActivation' ? 'silu' | 'geluTanh' : never)
  | (Key extends 'layer' | 'cell' | 'cells' ? LayerInput | LayerInput[] : never);

type OptionsOf<Factory> = Factory extends (...options: infer Options) => unknown
  ? { [Key in keyof NonNullable<Options[0]>]?: OptionValue<Key, NonNullable<Options[0]>[Key]> } & {
      /** Names of the layers that it reads. Default: the one before it. */
      from?: string | string[];
      /** How many such layers stand in a row. */
      repeat?: number;
    }
  : never;

/**
 * One layer: the name of its function in tf.layers with its options, `{ dense: { units: 10 } }`, or the name alone.
 * Class names, `{ Dense: ... }`, are read too, but their options are not typed.
 */
export type LayerInput =
  | string
  | ({ [Name in LayerName]?: OptionsOf<Factories[Name]> } & {
      [Name in keyof OwnLayers]?: OwnLayers[Name] & CommonKeys;
    })
  | ClassNamed;

interface CommonKeys {
  name?: string;
  from?: string | string[];
  repeat?: number;
}
interface Attention {
  dropout?: number;
  useBias?: boolean;
  /** Whether a place sees none after it. */
  causal?: boolean;
  /** Whether queries and keys are turned by their places. */
  rotary?: boolean;
}
interface Transformer extends Omit<Attention, 'causal'> {
  heads: number;
  /** Heads of keys and values; default: as many as of queries. */
  keyValueHeads?: number;
  /** Width between the two dense parts. */
  feedForward: number;
  activation?: 'gelu' | 'geluTanh' | 'relu' | 'silu' | 'swiglu';
  normalization?: 'layer' | 'rms';
  /** Before attention and dense parts (the default), or after the sums. */
  normalizeFirst?: boolean;
  epsilon?: number;
}
/** Layers of Lockstep's own. */
interface OwnLayers {
  multiHeadAttention: Attention & { numHeads: number; keyDim: number; valueDim?: number };
  groupedQueryAttention: Attention & { headDim: number; numQueryHeads: number; numKeyValueHeads: number };
  transformerDecoder: Transformer;
  transformerEncoder: Transformer;
  rmsNormalization: { epsilon?: number };
  positionEmbedding: { kind?: 'learned' | 'sinusoidal' | 'rotary' };
  swiglu: object;
  tokenAndPositionEmbedding: {
    /** Number of tokens; default: classes. */
    vocabulary?: number | 'classes' | 'categories';
    width: number;
    position?: 'learned' | 'sinusoidal' | 'rotary' | 'none';
    maskZero?: boolean;
  };
  logits: {
    units?: number | 'classes';
    useBias?: boolean;
    /** Whether the table of the embedding is their kernel too; of several embeddings, the name of one. */
    tied?: boolean | string;
  };
}
type ClassNamed = { [Name in Capitalize<string>]: Record<string, unknown> | null };
