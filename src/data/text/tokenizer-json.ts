/** tokenizer.json, as Hugging Face's tokenizers write it: what a tokenizer of ours is written as. */
import { z } from 'zod';
import { DataError } from '../../errors.js';
import { readJsonFile } from '../../ground/json-file.js';
import type { Bpe } from './bpe-trainer.js';
import { tokenBytes } from './byte-alphabet.js';

/** What such a file holds, as far as it is looked at here; the library that reads it knows more. */
export const tokenizerSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int().min(0), content: z.string() })).readonly(),
  model: z.looseObject({
    type: z.enum(['BPE', 'WordPiece', 'Unigram']),
    vocab: z.union([z.record(z.string(), z.int().min(0)), z.array(z.unknown()).readonly()]).optional(),
  }),
  normalizer: z.looseObject({}).nullish(),
  pre_tokenizer: z
    .looseObject({ type: z.string(), add_prefix_space: z.boolean().optional(), use_regex: z.boolean().optional() })
    .nullish(),
  decoder: z
    .looseObject({
      type: z.string(),
      decoders: z
        .array(z.looseObject({ type: z.string() }))
        .readonly()
        .optional(),
    })
    .nullish(),
});
export type TokenizerJson = Readonly<z.infer<typeof tokenizerSchema>>;

/** @param key where the config names the file @throws DataError where there is none, or it holds something else */
export const readTokenizer = (file: string, key: string): TokenizerJson =>
  readJsonFile(file, tokenizerSchema, {
    Failure: DataError,
    what: 'a tokenizer.json',
    remedy: saveIt,
    whereMissing: `set ${key} to a tokenizer.json`,
    asWritten: true,
  });

/** How to come by one. */
export const saveIt =
  'name a tokenizer.json that Hugging Face\'s tokenizers has written: tokenizer.save("tokenizer.json")';

const byteLevel = (add_prefix_space: boolean, trim_offsets: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space,
  trim_offsets,
  use_regex: true,
});

/** The file that ByteLevelBPETokenizer saves of the same merges. @param special the first ids */
export const byteLevelJson = ({ tokens, merges }: Bpe, special: readonly string[]): TokenizerJson => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: byteLevel(false, true),
  post_processor: byteLevel(true, false),
  decoder: byteLevel(true, true),
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  },
});

/** Whether its tokens are the bytes of the text, whatever the text: none is lost, and none replaced. */
export function isByteLevel({ model, normalizer, decoder }: TokenizerJson): boolean {
  const decoders = [decoder, ...(decoder?.decoders ?? [])];
  return model.type === 'BPE' && normalizer == null && decoders.some((part) => part?.type === 'ByteLevel');
}

/** Whether it cuts texts into words as GPT-2 does. */
export const hasByteLevelWords = (json: TokenizerJson): boolean => {
  const words = json.pre_tokenizer;
  return (
    isByteLevel(json) && words?.type === 'ByteLevel' && words.use_regex !== false && words.add_prefix_space !== true
  );
};

/** Bytes of the text that each token stands for, by id; none where it is not byte-level. */
export function bytesOfTokens(json: TokenizerJson): number[] {
  const bytes: number[] = [];
  const { vocab } = json.model;
  if (!isByteLevel(json) || vocab === undefined || Array.isArray(vocab)) return bytes;
  for (const [token, id] of Object.entries(vocab as Readonly<Record<string, number>>)) {
    bytes[id] = (tokenBytes(token) ?? Buffer.from(token)).length;
  }
  for (const { content, id } of json.added_tokens) bytes[id] = Buffer.byteLength(content);
  return Array.from(bytes, (length) => length ?? 0);
}

/** One more than the highest id. */
export function tokenCount({ model: { vocab = [] }, added_tokens }: TokenizerJson): number {
  const own = Array.isArray(vocab)
    ? vocab.length
    : highest(Object.values(vocab as Readonly<Record<string, number>>)) + 1;
  return Math.max(own, highest(added_tokens.map(({ id }) => id)) + 1);
}

const highest = (ids: readonly number[]): number => ids.reduce((most, id) => Math.max(most, id), -1);
