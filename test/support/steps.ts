/** Pages whose steps are literal: files to make, patches, and commands with what they print. */

export type Step =
  | { readonly kind: 'make'; readonly file: string; readonly text: string }
  | { readonly kind: 'change'; readonly file: string; readonly from: string; readonly to: string }
  | { readonly kind: 'run'; readonly commands: readonly string[]; readonly prints: readonly string[] };

const block = String.raw`\n\n\`\`\`(\w+)\n([\s\S]*?)\`\`\`\n`;
const step = new RegExp(
  String.raw`^(?:(Make|Change) \`([^\`]+)\`|(Run)):${block}(?:\n\`\`\`text\n([\s\S]*?)\`\`\`\n)?`,
  'gm',
);

/** @throws Error where a block of code belongs to no step */
export function stepsOf(markdown: string): Step[] {
  const blocks = [...markdown.matchAll(/^```\w+\n/gm)].length;
  let seen = 0;
  const steps = [...markdown.matchAll(step)].map(([, how, file, , , text, printed]): Step => {
    seen += printed === undefined ? 1 : 2;
    const lines = text.split('\n').slice(0, -1);
    if (how === 'Make') return { kind: 'make', file, text };
    if (how === undefined) return { kind: 'run', commands: lines, prints: printed?.split('\n').slice(0, -1) ?? [] };
    const side = (left: string) => lines.filter((line) => !line.startsWith(left)).map((line) => `${line.slice(1)}\n`);
    return { kind: 'change', file, from: side('+').join(''), to: side('-').join('') };
  });
  if (seen !== blocks) throw new Error(`${blocks} blocks of code, ${seen} of them in steps`);
  return steps;
}

/** @throws Error unless `from` stands there once, at the start of a line */
export function changed(text: string, from: string, to: string): string {
  const places = `\n${text}`.split(`\n${from}`);
  if (places.length !== 2) throw new Error(`stands there ${places.length - 1} times:\n${from}`);
  return places.join(`\n${to}`).slice(1);
}

/** Whether a line of `output` has the pieces of `line` between its `...`, in this order. */
export function isPrinted(line: string, output: string): boolean {
  const pieces = line.split('...').map((piece) => piece.trim());
  return output.split('\n').some((each) => {
    let at = 0;
    return pieces.every((piece) => {
      const found = each.indexOf(piece, at);
      at = found + piece.length;
      return found >= 0;
    });
  });
}
