/** How the threads of a pool divide the pieces of an optimizer among them. */
import type { Optimizer, SlabPiece } from './optimizer.js';

/**
 * What a thread updates: of pieces that may be cut what lies in its range of the slab; the others go to the threads as wholes, the
 * dearest first, each to whoever has least to do.
 * @param from float of the slab, a multiple of 16, as `to`
 */
export function shareOf(
  { pieces }: Pick<Optimizer, 'pieces'>,
  rank: number,
  threads: number,
  from: number,
  to: number,
): SlabPiece[] {
  return [...piecesIn(pieces, from, to), ...dealt(pieces, threads)[rank]];
}

/** What of the pieces that may be cut lies in a range of the slab. @param from float, a multiple of 16, as `to` */
export function piecesIn(pieces: readonly SlabPiece[], from: number, to: number): SlabPiece[] {
  return pieces.flatMap((piece) => {
    const start = Math.max(piece.from, from);
    const end = Math.min(piece.to, to);
    if (start >= end || piece.cost !== undefined) return [];
    const slots = piece.slots.map((place) => ({ ...place, start: place.start + start - piece.from }));
    return [{ ...piece, from: start, to: end, slots }];
  });
}

function dealt(pieces: readonly SlabPiece[], threads: number): SlabPiece[][] {
  const hands = Array.from({ length: threads }, () => ({ cost: 0, pieces: [] as SlabPiece[] }));
  const wholes = pieces.filter(({ cost }) => cost !== undefined).sort((a, b) => b.cost! - a.cost!);
  for (const piece of wholes) {
    const least = hands.reduce((least, hand) => (hand.cost < least.cost ? hand : least));
    least.cost += piece.cost!;
    least.pieces.push(piece);
  }
  return hands.map((hand) => hand.pieces);
}
