/**
 * Matrices in blocks of 16 columns, [columns / 16, rows, 16], arranged anew, 16 rows of a block at a time: as blocks of 16 rows, which is what
 * the transpose has, and the heads of sequences apart. Rows, and sizes of heads, are multiples of 16.
 */

/** Bytes of 16 rows of a block. */
const tile: usize = 1024;

/** Turns 16 rows of 16. */
function turnTile(from: usize, to: usize): void {
  for (let p: usize = 0; p < 16; p += 4) {
    for (let q: usize = 0; q < 16; q += 4) {
      const at = from + (p << 6) + (q << 2);
      const r0 = v128.load(at, 0);
      const r1 = v128.load(at, 64);
      const r2 = v128.load(at, 128);
      const r3 = v128.load(at, 192);
      const low0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const high0 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const low1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const high1 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      const put = to + (q << 6) + (p << 2);
      v128.store(put, v128.shuffle<i64>(low0, low1, 0, 2), 0);
      v128.store(put, v128.shuffle<i64>(low0, low1, 1, 3), 64);
      v128.store(put, v128.shuffle<i64>(high0, high1, 0, 2), 128);
      v128.store(put, v128.shuffle<i64>(high0, high1, 1, 3), 192);
    }
  }
}

/** [columns / 16, rows, 16] to [rows / 16, columns, 16]. */
export function turnBlocks(x: usize, y: usize, rows: i32, columns: i32): void {
  const blocks: usize = <usize>(columns >> 4);
  const tiles: usize = <usize>(rows >> 4);
  for (let i: usize = 0; i < tiles; i++) {
    for (let c: usize = 0; c < blocks; c++) turnTile(x + (c * tiles + i) * tile, y + (i * blocks + c) * tile);
  }
}

/** [heads, size / 16, batch, places, 16] to [batch, heads, size / 16, places, 16]; `turned`, to [batch, heads, places / 16, size, 16]. */
export function blocksToHeads(x: usize, y: usize, batch: i32, heads: i32, places: i32, size: i32, turned: i32): void {
  const tiles: usize = <usize>(places >> 4);
  const blocks: usize = <usize>(size >> 4);
  for (let b: i32 = 0; b < batch; b++) {
    for (let h: i32 = 0; h < heads; h++) {
      for (let c: usize = 0; c < blocks; c++) {
        const from = x + ((<usize>h * blocks + c) * <usize>batch + <usize>b) * tiles * tile;
        if (!turned) memory.copy(y + c * tiles * tile, from, tiles * tile);
        else for (let i: usize = 0; i < tiles; i++) turnTile(from + i * tile, y + (i * blocks + c) * tile);
      }
      y += tiles * blocks * tile;
    }
  }
}

/** The way back. */
export function headsToBlocks(x: usize, y: usize, batch: i32, heads: i32, places: i32, size: i32, turned: i32): void {
  const tiles: usize = <usize>(places >> 4);
  const blocks: usize = <usize>(size >> 4);
  for (let b: i32 = 0; b < batch; b++) {
    for (let h: i32 = 0; h < heads; h++) {
      for (let c: usize = 0; c < blocks; c++) {
        const to = y + ((<usize>h * blocks + c) * <usize>batch + <usize>b) * tiles * tile;
        if (!turned) memory.copy(to, x + c * tiles * tile, tiles * tile);
        else for (let i: usize = 0; i < tiles; i++) turnTile(x + (i * blocks + c) * tile, to + i * tile);
      }
      x += tiles * blocks * tile;
    }
  }
}
