/** A text whose tokens are known. */
import type { Pieces } from './text-pieces.js';
import type { TokenizerJson } from './tokenizer-json.js';

export interface TokenizedText {
  /** What each token is called. */
  readonly vocabulary: readonly string[];
  /** The tokens of all files, as the model reads them. */
  readonly features: Uint8Array | Float32Array | Int32Array;
  /** The same as class indices. */
  readonly classes: Int32Array;
  /** Tokens of each split. */
  readonly pieces: Pieces;
  /** Absent where tokens are characters. */
  readonly tokenizer?: TokenizerJson;
}
