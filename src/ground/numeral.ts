/** Texts that are numbers, such as names of classes. */

export const isNumeral = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));

/**
 * Where a number stands among names that are all numbers, however they are written: 2 is "2.0"; -1 if it is none of them.
 * @returns undefined where names are no numbers
 */
export const indexOfNumeral = (names: readonly string[], number: number): number | undefined =>
  names.every(isNumeral) ? names.findIndex((name) => Number(name) === number) : undefined;
