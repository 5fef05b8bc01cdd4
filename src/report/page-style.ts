/**
 * The style of a page. Colours c0, c1, … are for lines and the signs beside names: 4.5:1 or more against the page in light and in dark.
 * Areas have b0, b1, …: those of Okabe and Ito, which people who see fewer colours tell apart. h1 to h10 are shades of a cell.
 */
import { shades } from './html-table.js';

/** Text of a dark cell is that of the page turned around; on those in the middle, only black can be read in light and in dark. */
const heat = Array.from({ length: shades }, (_, i) => {
  const part = Math.round((92 * (i + 1)) / shades);
  const text = part < 50 ? '' : part < 70 ? ' color: #000;' : ' color: var(--on-heat);';
  return `.h${i + 1} { background: color-mix(in srgb, var(--heat) ${part}%, var(--page));${text} }`;
}).join('\n');

/** Shades of what is marked in a text. */
export const marks = 5;

/** Red for what speaks for something, blue for what speaks against it, as heat maps have it: light enough for the text of the page. */
const marked = Object.entries({ for: '#d62728', against: '#1f5fc8' }).flatMap(([name, colour]) =>
  Array.from({ length: marks }, (_, i) => {
    const part = Math.round((55 * (i + 1)) / marks);
    return `.${name}${i + 1} { background: color-mix(in srgb, ${colour} ${part}%, var(--page)); }`;
  }),
);

export const pageStyle = `
:root { color-scheme: light dark; --text: #1b1b1b; --page: #fff; --soft: #595959; --rule: #ddd; --link: #0050a0;
  --heat: #08306b; --on-heat: #fff; --warn: #b34700;
  --c0: #0063a8; --c1: #b34700; --c2: #00714f; --c3: #9c3f78; --c4: #7a5c00; --c5: #505050;
  --b0: #56b4e9; --b1: #e69f00; --b2: #009e73; --b3: #f0e442; --b4: #cc79a7; --b5: #d55e00; --b6: #9a9a9a; --b7: #0072b2; }
@media screen and (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --page: #161616; --soft: #adadad; --rule: #3a3a3a; --link: #8ec7ff;
  --heat: #9ecaff; --on-heat: #10151c; --warn: #ff9a57;
  --c0: #6bbcf5; --c1: #ff9a57; --c2: #3cc79a; --c3: #e39ac5; --c4: #e0c25a; --c5: #c0c0c0; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); overflow-wrap: anywhere; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; } h3 { margin-top: 1.75rem; }
a { color: var(--link); } nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
.lead { font-size: 1.15rem; }
.warnings { border-left: 4px solid var(--warn); padding-left: 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem; align-items: start; margin: 1rem 0; }
figure { margin: 0; break-inside: avoid; min-width: 0; } .plots > figure { max-width: 30rem; } .plots figcaption { font-weight: 600; }
figure > svg { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1rem; margin: .25rem 0; padding: 0; font-size: .85rem; }
.sign svg { width: .9rem; height: .9rem; margin-right: .35rem; vertical-align: -.1rem; }
.scroll { overflow-x: auto; margin: 1rem 0 .5rem; max-width: 100%; } details .scroll { max-height: 24rem; overflow-y: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .caption { font-weight: 600; margin: 1.25rem 0 -.75rem; }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: bottom; overflow-wrap: normal; white-space: nowrap; }
th { font-weight: 600; } thead th { white-space: normal; } .long, td.words { white-space: normal; overflow-wrap: anywhere; min-width: 10rem; } td.words { min-width: 16rem; } tr:has(td.words) > * { vertical-align: top; } tbody th, .words, thead th:first-child { text-align: left; }
/* Of long names 3 lines are shown, of words in a table 6. */
.cut { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; max-width: 16rem; } td .cut { -webkit-line-clamp: 6; max-width: 32rem; }
/* A border that two cells share does not stick. */
tbody th { position: sticky; left: 0; background: var(--page); box-shadow: inset 0 -1px var(--rule); }
@media (max-width: 30rem) { .long, td.words { min-width: 8rem; } }
.about { font-size: .85rem; color: var(--soft); } summary { cursor: pointer; color: var(--link); font-size: .9rem; }
dl { margin: .5rem 0; } dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--rule); font-size: .85rem; overflow-wrap: normal; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.5rem), 1fr)); gap: 1rem; margin: 1rem 0; font-size: .85rem; }
.gallery:has(blockquote) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.gallery figure { border: 1px solid var(--rule); padding: .5rem; } .gallery img { width: 100%; image-rendering: pixelated; background: #808080; }
.gallery dl { display: grid; grid-template-columns: fit-content(50%) minmax(0, 1fr); gap: 0 .5rem; } .gallery dd { margin: 0; } blockquote { margin: 0 0 .5rem; white-space: pre-wrap; }
mark { color: inherit; }
${marked.join('\n')}
${heat}
@media print { * { print-color-adjust: exact; }
  .plots { grid-template-columns: 1fr 1fr; }
  details::details-content { content-visibility: visible; block-size: auto; } details .scroll { max-height: none; overflow: visible; }
  th .cut, td .cut { display: block; } body { font-size: 11pt; } .scroll, pre { overflow: visible; } pre { white-space: pre-wrap; }
  th, td { padding: .15rem .3rem; font-size: 9pt; } .plots th, .plots td { padding: .15rem; font-size: 8pt; } nav { display: none; } summary::marker { content: none; } section { break-inside: auto; } h2, h3 { break-after: avoid; } }
`;
