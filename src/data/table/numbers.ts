/** How numbers are written as text: which sign stands before the decimals, and which between thousands. */

export interface NumberFormat {
  readonly decimal?: '.' | ',';
  /** Between groups of three digits; a blank stands for no-break spaces too. Absent where there is none. */
  readonly thousands?: string;
}

const notFinite = /^[+-]?(?:inf|infinity|nan)$/i;
const usual = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/** The kinds of blanks that programs write between thousands. */
const blanks = '[ \\u00a0\\u202f]';

/** @returns the number that a text is, finite or not; undefined for other text */
export function numberReader({ decimal = '.', thousands }: NumberFormat = {}): (text: string) => number | undefined {
  const other = (text: string) => (notFinite.test(text) ? Number.NaN : undefined);
  if (decimal === '.' && thousands === undefined) return (text) => (usual.test(text) ? Number(text) : other(text));
  const point = decimal === '.' ? '\\.' : ',';
  const separator = thousands === undefined ? '' : thousands === ' ' ? blanks : `\\u{${codeOf(thousands)}}`;
  const whole = thousands === undefined ? '\\d+' : `(?:\\d{1,3}(?:${separator}\\d{3})+|\\d+)`;
  const form = new RegExp(`^[+-]?(?:${whole}(?:${point}\\d*)?|${point}\\d+)(?:e[+-]?\\d+)?$`, 'iu');
  const between = new RegExp(separator, 'gu');
  return (text) => {
    if (!form.test(text)) return other(text);
    return Number((thousands === undefined ? text : text.replace(between, '')).replace(decimal, '.'));
  };
}

const codeOf = (character: string): string => character.codePointAt(0)!.toString(16);

/** Formats that a file may have instead of the usual one, as the config says them. */
const others: readonly NumberFormat[] = [
  { decimal: ',' },
  { thousands: ',' },
  { decimal: ',', thousands: '.' },
  { thousands: ' ' },
  { decimal: ',', thousands: ' ' },
  { thousands: "'" },
  { thousands: '_' },
];
const readers = others.map((format) => ({ format, read: numberReader(format) }));

/** What a text may be that is no number as the file's are written. */
export interface NumberLook {
  /** Formats in which it is a number. */
  readonly formats: readonly NumberFormat[];
  /** What stands around the number, such as `%`. */
  readonly dressing?: string;
}

const money = '(?:[$€£¥₹₩₽]|(?:USD|EUR|GBP|JPY|CNY|INR|CHF)\\b)';
const dresses: readonly [string, RegExp][] = [
  ['a percent sign', /^(.+?)\s*%$/],
  ['a currency', new RegExp(`^([+-]?)${money}\\s*(.+)$`, 'u')],
  ['a currency', new RegExp(`^(.+?)\\s*${money}$`, 'u')],
  ['brackets for what is negative', /^\((.+)\)$/],
  ['a minus sign behind', /^(\d.*)-$/],
  ['a minus sign that is none (U+2212)', /^\u2212(.+)$/],
];
const plain = numberReader();

/** @returns undefined for text that does not look like a number */
export function numberLook(text: string): NumberLook | undefined {
  const formats = readers.filter(({ read }) => Number.isFinite(read(text))).map(({ format }) => format);
  if (formats.length > 0) return { formats };
  for (const [dressing, form] of dresses) {
    const [, ...parts] = form.exec(text) ?? [];
    const bare = parts.join('');
    if (bare === '' || !/\d/.test(bare)) continue;
    if (Number.isFinite(plain(bare))) return { formats: [], dressing };
    const inside = numberLook(bare);
    if (inside) return { formats: inside.formats, dressing };
  }
  return undefined;
}

const quantity = /^[+-]?\d+(?:[.,]\d+)?\s?([a-zA-Zµ°Ω²³/]{1,6})$/u;

/** The unit behind a number, as in `12 cm`. */
export const unitBehind = (text: string): string | undefined => quantity.exec(text)?.[1];

/** As one writes it into a config: `data.decimal: ","`. */
export function formatText({ decimal, thousands }: NumberFormat): string {
  const keys = [
    ...(decimal === undefined ? [] : [`data.decimal: ${JSON.stringify(decimal)}`]),
    ...(thousands === undefined ? [] : [`data.thousands: ${JSON.stringify(thousands)}`]),
  ];
  return keys.join(' and ');
}
