/** `data.source: text`: windows of a text, and what its tokens are. */
import { z } from 'zod';
import { column, memory, path } from './data-parts.js';
import { refusal } from './refusal.js';
import { oneWay, partOrOwn, splitKeys, withSplits } from './split.js';

/** Tokens of a text: learned from it, or those of a file. */
export const tokenKinds = [
  z.strictObject({
    bpe: z
      .strictObject({
        vocabulary: z
          .int()
          .min(257)
          .max(1_000_000)
          .default(4096)
          .describe('Tokens at most, the 256 bytes among them; a short text gives fewer.'),
        minFrequency: z
          .int()
          .min(1)
          .default(2)
          .describe('Pairs of tokens that the training split has less often are not merged.'),
      })
      .describe(
        'Byte-level byte pair encoding (Sennrich et al. 2016, as GPT-2 has it), learned from the training split: the merges ' +
          "of ByteLevelBPETokenizer of Hugging Face's tokenizers.",
      ),
  }),
  z.strictObject({
    file: path.describe(
      "A tokenizer.json of Hugging Face's tokenizers: BPE, WordPiece or Unigram; a relative path starts at the current folder.",
    ),
  }),
] as const;
export type TokensConfig = z.infer<(typeof tokenKinds)[number]>;

/** The text for validation lies in one piece before that for test. */
const noTest = { validation: 0.1, test: 0 };
const pieces = splitKeys(
  partOrOwn('a file of its own', 'text (in one piece at its end, validation before test)'),
  {},
  noTest,
);

const documentsSchema = z
  .union([
    z.enum(['blankLines', 'files']),
    z.strictObject({ separator: z.string().min(1).describe('What stands between two documents.') }),
    z.strictObject({ column: column.describe('The files are JSON lines; this key of each holds a document.') }),
  ])
  .describe(
    'What a document is: text between blank lines or separators, a whole file, or a value of JSON lines. A token for the end of the text ' +
      'stands behind each, what follows it in a window is not asked for, and no document is in two splits. Default: the text is one.',
  );
export type DocumentsConfig = z.infer<typeof documentsSchema>;

interface DocumentKeys {
  readonly file: string | readonly string[];
  readonly documents?: DocumentsConfig;
  readonly endOfText?: string;
  readonly documentMask: boolean;
  readonly tokens: 'characters' | TokensConfig;
  readonly targets: 'last' | 'all';
  readonly invalid: 'refuse' | 'replace';
}

function documentRules(
  { file, documents, endOfText, documentMask, tokens, targets, invalid }: DocumentKeys,
  context: z.RefinementCtx,
): void {
  const refuse = refusal(context);
  if (typeof file !== 'string' && documents === undefined)
    refuse(
      ['file'],
      'names several files, and only documents are read from several',
      'set data.documents, e.g. to files',
    );
  if (endOfText !== undefined && documents === undefined)
    refuse(['endOfText'], 'ends documents, and there is no data.documents', 'set it, or leave endOfText out');
  if (endOfText?.length === 1 && !(typeof tokens === 'object' && 'file' in tokens))
    refuse(['endOfText'], 'is a character of texts too', 'name what no text has, e.g. <|endoftext|>');
  if (documentMask && documents === undefined)
    refuse(['documentMask'], 'keeps documents apart, and there is no data.documents', 'set it, e.g. to blankLines');
  if (documentMask && targets !== 'all')
    refuse(['documentMask'], 'is for models of every place', 'set data.targets to all');
  if (invalid === 'replace' && typeof documents === 'object' && 'column' in documents)
    refuse(
      ['invalid'],
      'replaces what is not UTF-8, which JSON lines have to be',
      'leave it out, and correct the lines that are named',
    );
}

export const textSchema = z
  .strictObject({
    source: z.literal('text'),
    file: z
      .union([path, z.array(path).min(1)])
      .describe('UTF-8 text, or several files of documents; a relative path starts at the current folder.'),
    documents: documentsSchema.optional(),
    endOfText: z
      .string()
      .min(1)
      .optional()
      .describe('The token behind each document, which a tokenizer.json must have. Default: <|endoftext|>.'),
    documentMask: z
      .boolean()
      .default(false)
      .describe(
        'Keep the documents of a window apart (Llama 3, 2024): attention sees those places alone that are in the same document, and the ' +
          'positions of each start anew. For models of layers that mix places by attention only.',
      ),
    tokens: z
      .union([z.literal('characters'), ...tokenKinds])
      .default('characters')
      .describe(
        'What the model reads and predicts: characters, tokens that are learned from the text, or those of a file.',
      ),
    invalid: z
      .enum(['refuse', 'replace'])
      .default('refuse')
      .describe('Bytes that are not UTF-8: refuse the file, naming the first, or read U+FFFD in their place.'),
    window: z.int().min(1).default(32).describe('Tokens that an example shows the model.'),
    stride: z.int().min(1).default(1).describe('Tokens from the start of one training example to that of the next.'),
    targets: z
      .enum(['last', 'all'])
      .default('last')
      .describe('Predict the token after the window, or the one after each token of it.'),
    split: pieces.split,
    validation: pieces.validation,
    test: pieces.test,
    cache: z
      .boolean()
      .default(true)
      .describe(
        "Keep the tokenizer and the tokens of a text of 1 MB and more in the system's place for caches, so that the next run " +
          'does not make them again; the bits are the same.',
      ),
    memory,
  })
  .superRefine(oneWay)
  .superRefine(documentRules)
  .transform(withSplits(noTest))
  .describe('Tokens of a text: the examples are windows of it, the targets the tokens that follow.');

export type TextConfig = z.infer<typeof textSchema>;
