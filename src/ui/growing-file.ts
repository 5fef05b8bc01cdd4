/** Follows a file of lines that a run appends to, and sometimes cuts back: only what is new is read. */
import { type FileHandle, open } from 'node:fs/promises';

/** Bytes that are read at once, and of the longest line: one that is longer is passed over. */
const partBytes = 1 << 19;
/** Memory for them: whoever reads takes some that nobody uses, since to get rid of it each time takes many times as much. */
const unused: Buffer[] = [];
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
  const part = unused.pop() ?? Buffer.allocUnsafeSlow(partBytes);
  try {
    let [reached, position] = [from, from];
    // Bytes of a line whose end is not there yet, at the front of the part.
    let held = 0;
    let isPassingOver = false;
    for (;;) {
      const { bytesRead } = await handle.read(part, held, partBytes - held, position);
      if (bytesRead === 0) return reached;
      position += bytesRead;
      const filled = held + bytesRead;
      const end = part.lastIndexOf(10, filled - 1) + 1;
      if (end === 0) {
        isPassingOver ||= filled === partBytes;
        held = isPassingOver ? 0 : filled;
        continue;
      }
      take(part.subarray(isPassingOver ? part.indexOf(10) + 1 : 0, end));
      isPassingOver = false;
      part.copyWithin(0, end, filled);
      held = filled - end;
      reached = position - held;
    }
  } finally {
    unused.push(part);
  }
}

/** The lines of a buffer, as JSON; what is none is passed over. */
export function* entriesIn(lines: Buffer): Generator<Record<string, unknown>> {
  for (let [start, end] = [0, 0]; start < lines.length; start = end + 1) {
    end = lines.indexOf(10, start);
    if (end < 0) end = lines.length;
    if (end === start) continue;
    try {
      const entry: unknown = JSON.parse(lines.toString('utf8', start, end));
      if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) yield entry as Record<string, unknown>;
    } catch {
      // Not a line of ours.
    }
  }
}

/** A number as JSON has it here: words where it is not finite; NaN where it is none. */
export const numberIn = (value: unknown): number =>
  typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : Number.NaN;
