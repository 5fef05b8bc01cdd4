/** Fields: what an example consists of, by name. The same list goes with a batch, a data set on the wire and a graph. */
import { plainNames } from '../config/plain-names.js';
import { elements } from '../ground/elements.js';

/** What fields are for. */
export const roles = ['input', 'target', 'weight', 'mask'] as const;
export type Role = (typeof roles)[number];

/** How values are stored. */
export type FieldType = 'float32' | 'uint8' | 'int32';

export type Values = Float32Array | Uint8Array | Int32Array;

/** One field of an example, without its values. */
export interface Field {
  readonly name: string;
  readonly role: Role;
  readonly type: FieldType;
  /** Of one example: [28, 28, 1] of a picture, [] of a class index. */
  readonly shape: readonly number[];
  /** Factor that engines apply to what is stored, such as 1/255 to bytes; 1 where there is none. */
  readonly scale?: number;
  /** Elements from one row to the next where rows overlap, as windows of a text do, or are cut; those of `shape` where there is none. */
  readonly stride?: number;
  /** Number of classes, where values are class indices, or of the codes of an input. */
  readonly categories?: number;
  /** Of weights: the target that they weigh; all where there is none. Of a mask (1 where a place counts): its input or target. Of a target: the input that it is. */
  readonly of?: string;
}

/** Elements of a row. */
export const widthOf = ({ shape }: Pick<Field, 'shape'>): number => elements(shape);

/** Elements from one row to the next. */
export const strideOf = (field: Pick<Field, 'shape' | 'stride'>): number => field.stride ?? elements(field.shape);

export const bytesPerElement = ({ type }: Pick<Field, 'type'>): number => (type === 'uint8' ? 1 : 4);

export const rowBytes = (field: Pick<Field, 'shape' | 'type'>): number => widthOf(field) * bytesPerElement(field);

/** Views of a field's type. */
export function valuesOf(type: FieldType, buffer: ArrayBufferLike, byteOffset?: number, length?: number): Values {
  const View = type === 'uint8' ? Uint8Array : type === 'int32' ? Int32Array : Float32Array;
  return new View(buffer as ArrayBuffer, byteOffset, length);
}

export const typeOf = (values: Values): FieldType =>
  values instanceof Uint8Array ? 'uint8' : values instanceof Int32Array ? 'int32' : 'float32';

/** Whether a number is a code, or an id, of so many: what embeddings and classes count by. */
export const isCode = (value: number, count: number): boolean => Number.isInteger(value) && value >= 0 && value < count;

/** Whether its values are those of an input, which are stored and sent once. */
export const isCopy = ({ role, of }: Pick<Field, 'role' | 'of'>): boolean => role === 'target' && of !== undefined;

/** The fields of a role, in their order. */
export const ofRole = <F extends Pick<Field, 'role'>>(fields: readonly F[], role: Role): F[] =>
  fields.filter((field) => field.role === role);

/** In the order in which examples have their fields: by role. */
export const inRoleOrder = <F extends Pick<Field, 'role'>>(fields: readonly F[]): F[] =>
  roles.flatMap((role) => ofRole(fields, role));

/** The first field of a role that examples must have. */
export function fieldOf<F extends Pick<Field, 'role'>>(fields: readonly F[], role: Role): F {
  const found = fields.find((field) => field.role === role);
  if (!found) throw new Error(`examples have no field of role ${role}`);
  return found;
}

/**
 * Weights of places have a shape and say which places count, in metrics too; weights of examples have none and say how to
 * train.
 */
export const weighsPlaces = (fields: readonly Field[], target: Pick<Field, 'name'>): boolean =>
  (weightsOf(fields, target)?.shape.length ?? 0) > 0;

/** The weights of a target's examples or places: its own, else those of all targets. */
export const weightsOf = <F extends Pick<Field, 'role' | 'of'>>(
  fields: readonly F[],
  { name }: Pick<Field, 'name'>,
): F | undefined => {
  const weights = ofRole(fields, 'weight');
  return weights.find(({ of }) => of === name) ?? weights.find(({ of }) => of === undefined);
};

/** Whether a config gives the field no name. */
export const isPlain = ({ name, role }: Pick<Field, 'name' | 'role'>): boolean =>
  role !== 'mask' && name === plainNames[role];
