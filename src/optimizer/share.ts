/** How the threads of a pool divide the pieces of an optimizer among them. */
import type { Piece } from './optimizer.js';

/** Of the pieces, what lies in the range [from, to) of the slab. @param from multiples of 16, as `to` */
export function piecesIn(pieces: readonly Piece[], from: number, to: number): Piece[] {
  return pieces.flatMap((piece) => {
    const start = Math.max(piece.from, from);
    const end = Math.min(piece.to, to);
    if (start >= end) return [];
    return [{ ...piece, from: start, to: end, slots: piece.slots.map((slot) => slot + start - piece.from) }];
  });
}
