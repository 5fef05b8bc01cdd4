/** Where the arrays of `source: npy` are. */

/** Where an array is. */
export interface ArrayLocation {
  readonly file: string;
  /** Of a .npz file; absent where it has one only, or one of the field's name. */
  readonly member?: string;
}

/**
 * Where an array is read from instead of the place that the config names.
 * @param name of the array: that of its field, with what the array says of the field at its end, as in `user_lengths`; those of
 *   fields without names are called `weights`, `lengths` and `offsets`
 */
export type Substitute = (name: string, place: ArrayLocation) => ArrayLocation;
