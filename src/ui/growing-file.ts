/** Follows a file of lines that a run appends to, and sometimes cuts back: only what is new is read. */
import { type FileHandle, open } from 'node:fs/promises';

const partBytes = 1 << 18;
/** Bytes of a line that is held back until its end is there; a longer one is passed over. */
const longestLine = 1 << 20;
/** Bytes before the place to go on from, which tell whether the file is still the one that was read. */
const tailBytes = 64;

/** How far a file has been read. */
export interface ReadPlace {
  /** Bytes of whole lines. */
  readonly offset: number;
  readonly tail: Buffer;
}

const beginning: ReadPlace = { offset: 0, tail: Buffer.alloc(0) };

export interface NewLines {
  readonly place: ReadPlace;
  /** Whether the file was read from its beginning, since it was cut back or is another: what was known of it is void. */
  readonly isAnew: boolean;
}

/**
 * Reads the whole lines behind `place`, in parts between which others get their turn.
 * @param anew called first where what was read before is void
 * @param take whole lines, their ends included; to be used before it returns
 */
export async function readNewLines(
  file: string,
  place: ReadPlace | undefined,
  anew: () => void,
  take: (lines: Buffer) => void,
): Promise<NewLines> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch {
    if (place && place.offset > 0) anew();
    return { place: beginning, isAnew: true };
  }
  try {
    const isSame = place !== undefined && (await endsWith(handle, place));
    if (!isSame) anew();
    const reached = await readLines(handle, isSame ? place.offset : 0, take);
    const tail = Buffer.alloc(Math.min(tailBytes, reached));
    await handle.read(tail, 0, tail.length, reached - tail.length);
    return { place: { offset: reached, tail }, isAnew: !isSame };
  } finally {
    await handle.close();
  }
}

async function endsWith(handle: FileHandle, { offset, tail }: ReadPlace): Promise<boolean> {
  const found = Buffer.alloc(tail.length);
  const { bytesRead } = await handle.read(found, 0, tail.length, offset - tail.length);
  return bytesRead === tail.length && found.equals(tail);
}

/** @returns where the last whole line ends */
async function readLines(handle: FileHandle, from: number, take: (lines: Buffer) => void): Promise<number> {
  const part = Buffer.alloc(partBytes);
  let [reached, position] = [from, from];
  let held: Buffer = Buffer.alloc(0);
  let isPassingOver = false;
  for (;;) {
    const { bytesRead } = await handle.read(part, 0, partBytes, position);
    if (bytesRead === 0) return reached;
    position += bytesRead;
    const end = part.subarray(0, bytesRead).lastIndexOf(10) + 1;
    if (end === 0) {
      isPassingOver ||= held.length + bytesRead > longestLine;
      held = isPassingOver ? Buffer.alloc(0) : Buffer.concat([held, part.subarray(0, bytesRead)]);
      continue;
    }
    const first = isPassingOver ? part.indexOf(10) + 1 : 0;
    const lines = part.subarray(first, end);
    take(held.length > 0 ? Buffer.concat([held, lines]) : lines);
    isPassingOver = false;
    held = Buffer.from(part.subarray(end, bytesRead));
    reached = position - held.length;
  }
}

/** The lines of a buffer, as JSON; what is none is passed over. */
export function* entriesIn(lines: Buffer): Generator<Record<string, unknown>> {
  for (const line of lines.toString('utf8').split('\n')) {
    if (line === '') continue;
    try {
      const entry: unknown = JSON.parse(line);
      if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) yield entry as Record<string, unknown>;
    } catch {
      // Not a line of ours.
    }
  }
}

/** A number as JSON has it here: words where it is not finite; NaN where it is none. */
export const numberIn = (value: unknown): number =>
  typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : Number.NaN;
