/** A text whose tokens are known. */
import type { StoredTokens } from './stored-tokens.js';
import type { Pieces } from './text-pieces.js';
import type { TokenizerJson } from './tokenizer-json.js';

export interface TokenizedText {
  /** What each token is called. */
  readonly vocabulary: readonly string[];
  /** The same for people. */
  readonly names: readonly string[];
  /** Tokens of all files. */
  readonly count: number;
  /** As the model reads them: bytes, 32-bit floating point, or whole numbers. */
  readonly features: StoredTokens;
  /** The same as class indices. */
  readonly classes: StoredTokens;
  /** Tokens of each split. */
  readonly pieces: Pieces;
  /** The token that ends a document, where the text consists of such. */
  readonly end?: number;
  /** Absent where tokens are characters. */
  readonly tokenizer?: TokenizerJson;
}
