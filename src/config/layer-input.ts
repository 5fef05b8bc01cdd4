/** Entries of `model.layers` as TypeScript knows them: tfjs's own options, and what Lockstep adds to them. */
import type tfl = require('@tensorflow/tfjs-layers');

type Factories = typeof tfl.layers;
/** Functions of tf.layers that make a layer to put into a list. */
type LayerName = {
  [Name in keyof Factories]: Factories[Name] extends (...options: never[]) => tfl.layers.Layer ? Name : never;
}[keyof Factories];

/** `classes` is the number of classes in the data; layers inside of layers are written as entries, too. */
type Value<Key, Type> =
  | Type
  | (number extends Type ? 'classes' : never)
  | (Key extends 'activation' | 'recurrentActivation' ? 'silu' | 'geluTanh' : never)
  | (Key extends 'layer' | 'cell' | 'cells' ? LayerInput | LayerInput[] : never);

type OptionsOf<Factory> = Factory extends (...options: infer Options) => unknown
  ? { [Key in keyof NonNullable<Options[0]>]?: Value<Key, NonNullable<Options[0]>[Key]> } & {
      /** Names of the layers that it reads. Default: the one before it. */
      from?: string | string[];
    }
  : never;

/**
 * One layer: the name of its function in tf.layers with its options, `{ dense: { units: 10 } }`, or the name alone.
 * Class names, `{ Dense: ... }`, are read too, but their options are not typed.
 */
export type LayerInput = string | { [Name in LayerName]?: OptionsOf<Factories[Name]> } | ClassNamed;
type ClassNamed = { [Name in Capitalize<string>]: Record<string, unknown> | null };
